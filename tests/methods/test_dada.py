"""DADA: operations against torchvision, the policy's gradient against autograd and enumeration."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as theirs

from adautomix.errors import InputError
from adautomix.methods import DADA, Plain
from adautomix.methods.dada import Policy
from adautomix.methods.dada_ops import GREY, OPS, RANGES, transform
from adautomix.models import Backbone, Net
from adautomix.rng import StepRNG, rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
BILINEAR = InterpolationMode.BILINEAR
each_shape = pytest.mark.parametrize("shape", [(5, 3, 12, 12), (5, 3, 9, 14), (5, 1, 12, 12)])


def pixels(shape, seed=0):
    """Images of 8 bits in [0, 1], in float64; every channel shows black and white."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(30, 220, shape)
    whole[:, :, 0, 0], whole[0, :, 1, 1], whole[0, :, 1, 0] = 128, 0, 255
    return torch.from_numpy(whole / 255)


def apply(images, name, levels, signs=None, centres=None):
    batch = len(images)
    levels = torch.as_tensor(levels, dtype=images.dtype).expand(batch)
    signs = torch.ones(batch) if signs is None else signs
    centres = torch.full((batch, 2), 0.5) if centres is None else centres
    return transform(images, torch.full((batch,), OPS.index(name)), levels, signs, centres)


def value_of(name, level):
    low, high = RANGES[name]
    return low + level * (high - low)


def affine(image, name, v):
    """torchvision's AutoAugment, bilinear: shears about the corner, shifts to the upper left."""
    height, width = image.shape[-2:]
    angle, shift, shear, centre = 0.0, [0, 0], [0.0, 0.0], [0, 0]
    if name == "rotate":
        return theirs.rotate(image, v, interpolation=BILINEAR)
    if name == "shear_x":
        shear = [float(np.degrees(np.arctan(v))), 0.0]
    if name == "shear_y":
        shear = [0.0, float(np.degrees(np.arctan(v)))]
    if name == "translate_x":
        shift, centre = [-v * width, 0], None
    if name == "translate_y":
        shift, centre = [0, -v * height], None
    return theirs.affine(image, angle, shift, 1.0, shear, BILINEAR, center=centre)


@each_shape
@pytest.mark.parametrize("level", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", ["shear_x", "shear_y", "translate_x", "translate_y", "rotate"])
def test_geometry_is_that_of_torchvision(shape, name, level):
    images, signs = pixels(shape), torch.tensor([1.0, -1, 1, -1, 1])
    found = apply(images, name, level, signs)
    for b in range(len(images)):
        expected = affine(images[b].clone(), name, float(signs[b]) * value_of(name, level))
        torch.testing.assert_close(found[b], expected, atol=1e-5, rtol=0)


def of_torchvision(image, name, v):
    whole = (image * 255).round().to(torch.uint8)
    return {
        "autocontrast": lambda: theirs.autocontrast(image),
        "invert": lambda: theirs.invert(image),
        "equalize": lambda: theirs.equalize(whole) / 255,
        "solarize": lambda: theirs.solarize(image, v),
        "posterize": lambda: theirs.posterize(whole, int(v)) / 255,
        "contrast": lambda: theirs.adjust_contrast(image, v),
        "colour": lambda: theirs.adjust_saturation(image, v),
        "brightness": lambda: theirs.adjust_brightness(image, v),
        "sharpness": lambda: theirs.adjust_sharpness(image, v),
    }[name]()


@pytest.mark.parametrize("shape", [(5, 3, 12, 12), (5, 3, 9, 34), (5, 1, 20, 20)])
@pytest.mark.parametrize("level", [0.05, 0.4, 0.8])
@pytest.mark.parametrize("name", OPS[5:14])
def test_colours_and_tones_are_those_of_torchvision(shape, name, level):
    images = pixels(shape)
    found = apply(images, name, level)
    v = value_of(name, level) if name in RANGES else None
    for b in range(len(images)):
        expected = of_torchvision(images[b].clone(), name, v).to(found)
        if name == "colour" and shape[1] == 1:
            expected = images[b]
        # torchvision rounds the weights of grey to four digits
        close = 5e-4 if name in ("contrast", "colour") else 1e-6
        torch.testing.assert_close(found[b], expected, atol=close, rtol=0)


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
def test_the_cut_is_that_of_a_slow_loop(level):
    images = pixels((5, 3, 20, 30))
    centres = torch.from_numpy(np.random.default_rng(0).random((5, 2)))
    found = apply(images, "cutout", level, centres=centres)
    half = level * 0.2 * 30 / 2
    for b, i, j in itertools.product(range(5), range(20), range(30)):
        inside = (
            max(abs(i + 0.5 - centres[b, 0] * 20), abs(j + 0.5 - centres[b, 1] * 30)) < half - 1e-9
        )
        expected = torch.full((3,), GREY).double() if inside else images[b, :, i, j]
        torch.testing.assert_close(found[b, :, i, j], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_without_an_operation_an_image_is_returned_bit_by_bit(dtype):
    images = pixels((6, 3, 8, 8)).to(dtype)
    which = torch.tensor([-1, 0, -1, 10, 9, -1])
    found = transform(images, which, torch.full((6,), 0.8), torch.ones(6), torch.full((6, 2), 0.5))
    assert found.dtype == dtype
    assert [torch.equal(found[b], images[b]) for b in range(6)] == (which < 0).tolist()


@pytest.mark.parametrize(
    ("name", "level"),
    [(name, 0.5) for name in OPS[:5]]
    + [(name, 0.5) for name in ("contrast", "colour", "brightness", "sharpness")]
    + [("solarize", 1.0), ("posterize", 1.0), ("cutout", 0.0)],
)
def test_there_is_a_level_at_which_nothing_changes(name, level):
    images = pixels((5, 3, 12, 12))
    torch.testing.assert_close(apply(images, name, level), images, atol=1e-6, rtol=0)


def test_each_image_gets_its_own_operation():
    images = pixels((15, 3, 12, 12))
    levels = torch.linspace(0.2, 0.9, 15).double()
    mixed = transform(images, torch.arange(15), levels, torch.ones(15), torch.full((15, 2), 0.5))
    for b, name in enumerate(OPS):
        alone = apply(images[b : b + 1], name, levels[b])
        torch.testing.assert_close(mixed[b : b + 1], alone)


SMOOTH = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate", "contrast", "brightness")


@pytest.mark.parametrize("name", [*SMOOTH, "colour", "sharpness"])
def test_the_gradient_of_a_smooth_level_is_its_finite_difference(name):
    images = pixels((2, 3, 12, 12))
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(0)).double()

    def total(level):
        return (apply(images, name, level) * weights).sum()

    level = torch.tensor(0.637, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(total(level), level)
    expected = (total(0.637 + 1e-6) - total(0.637 - 1e-6)) / 2e-6
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert found.abs() > 0.01


@pytest.mark.parametrize("name", ["solarize", "posterize", "cutout", "invert", "equalize"])
def test_a_level_without_a_derivative_is_passed_straight_through(name):
    images = pixels((2, 3, 12, 12))
    level = torch.full((2,), 0.637, dtype=torch.float64, requires_grad=True)
    apply(images, name, level).sum().backward()
    expected = 3 * 12 * 12.0 if name in RANGES else 0.0
    assert level.grad.tolist() == [expected, expected]


def test_normalised_images_are_transformed_as_pixels_are():
    images = pixels((64, 3, 12, 12))
    mean, std = torch.tensor([0.5, 0.4, 0.3]).double(), torch.tensor([0.2, 0.3, 0.25]).double()
    mean, std = mean[:, None, None], std[:, None, None]
    policy = Policy(OPS, 2).double()
    nn.init.normal_(policy.strength)
    drawn = policy.draw(64, rng_for(0, 1))
    shown, chance = policy(images, drawn)
    normalised, again = policy((images - mean) / std, drawn)
    torch.testing.assert_close(normalised * std + mean, shown, atol=1e-6, rtol=0)
    assert torch.equal(chance, again)
    touched = (shown != images).flatten(1).any(1)
    assert 20 < touched.sum() < 64


def test_operations_are_drawn_with_the_chances_of_the_policy():
    policy = Policy(("invert", "rotate"), 1)
    with torch.no_grad():
        policy.choice[0] = torch.tensor([0.2, 0.8]).log()
        policy.chance[0] = torch.logit(torch.tensor([0.9, 0.3]))
        policy.strength[0] = 1.0
    torch.testing.assert_close(policy.shares(), torch.tensor([[0.18, 0.24]]))
    images = pixels((3000, 1, 2, 2)).float()
    shown, log_chance = policy(images, policy.draw(3000, rng_for(0, 1)))
    inverted = torch.isclose(shown, 1 - images).flatten(1).all(1)
    alone = (shown == images).flatten(1).all(1)
    counts = torch.stack([inverted, ~inverted & ~alone, alone]).sum(1) / 3000
    torch.testing.assert_close(counts, torch.tensor([0.18, 0.24, 0.58]), atol=0.03, rtol=0)
    torch.testing.assert_close(log_chance[inverted].exp().unique(), torch.tensor([0.18]))
    untouched = log_chance[alone].exp().unique()
    assert all(torch.isclose(torch.tensor([0.02, 0.56])[:, None], untouched).any(0))


class Linear(nn.Module):
    """Softmax regression on pixels with timm's two methods."""

    def __init__(self, features, classes):
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward_intermediates(self, x, indices, output_fmt):
        return x, [x for _ in indices]

    def forward_head(self, x):
        return self.head(x.flatten(1))

    def forward(self, x):
        return self.forward_head(x)


def batch_of(count=BATCH, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, SIDE, SIDE, generator=generator).to(dtype)
    return images, torch.randint(0, CLASSES, (count,), generator=generator)


def test_the_influence_of_an_image_is_its_gradient_against_that_of_the_held_out_half():
    images, labels = batch_of(dtype=torch.float64)
    torch.manual_seed(0)
    method = DADA(ops=("rotate",)).build(Backbone(Linear(3 * SIDE**2, CLASSES)), SIDE).double()
    parameters = list(method.classifier.parameters())

    def gradient(x, y):
        loss = F.cross_entropy(method.classifier(x), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])

    held_out = gradient(images[3:], labels[3:])
    method.move_apart(method.direction(images[3:], labels[3:]))
    found = method.influence(images[:3], labels[:3])
    for b in range(3):
        expected = -gradient(images[b : b + 1], labels[b : b + 1]) @ held_out / held_out.norm()
        torch.testing.assert_close(found[b], expected, rtol=1e-3, atol=1e-6)


class OneHidden(Linear):
    """`Linear` after a layer that a test freezes, and beside one that nothing asks."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.hidden, self.unused = nn.Linear(features, features), nn.Linear(2, 2)

    def forward_head(self, x):
        return self.head(self.hidden(x.flatten(1)).tanh())


@pytest.mark.parametrize("frozen", ["hidden", "head", None])
def test_only_what_is_trained_counts_in_the_influence(frozen):
    images, labels = batch_of(dtype=torch.float64)
    torch.manual_seed(0)
    method = DADA(ops=("rotate",)).build(Backbone(OneHidden(3 * SIDE**2, CLASSES)), SIDE).double()
    parts = {"hidden", "head"} - {frozen}
    if frozen:
        getattr(method.classifier.model, frozen).requires_grad_(False)
    trained = [p for part in parts for p in getattr(method.classifier.model, part).parameters()]

    def gradient(x, y):
        loss = F.cross_entropy(method.classifier(x), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, trained)])

    direction = method.direction(images[3:], labels[3:])
    method.move_apart(direction)
    assert {name.split(".")[1] for name in direction} == parts
    length = sum(float(part.square().sum()) for part in direction.values())
    assert length == pytest.approx(1, rel=1e-4)  # none of it lies on what never moves
    held_out = gradient(images[3:], labels[3:])
    found = method.influence(images[:3], labels[:3])
    for b in range(3):
        expected = -gradient(images[b : b + 1], labels[b : b + 1]) @ held_out / held_out.norm()
        torch.testing.assert_close(found[b], expected, rtol=1e-3, atol=1e-6)


def test_the_gradient_of_the_policy_is_that_of_the_expected_influence():
    """Copies of one image average over the draws; enumeration gives the expectation."""
    torch.manual_seed(0)
    ops, count = ("invert", "brightness"), 4000
    method = DADA(ops=ops, slots=1).build(Backbone(Linear(12, 2)), 2)
    policy = method.policy
    with torch.no_grad():
        policy.choice[0] = torch.tensor([0.3, -0.2])
        policy.chance[0] = torch.tensor([0.5, -0.4])
        policy.strength[0] = torch.tensor([0.0, 0.6])
    one = torch.tensor([0.0, 0.2, 0.5, 1.0]).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    images, labels = one.expand(count, 3, 2, 2), torch.zeros(count, dtype=torch.long)
    method(images, labels, rng_for(0, 1)).total.backward()

    method.move_apart(method.direction(one.expand(2, 3, 2, 2), labels[:2]))
    among, chance = policy.choice[0].softmax(0), policy.chance[0].sigmoid()
    levels = policy.strength[0].sigmoid()
    expected = 0.0
    for i, name in enumerate(ops):
        shown = apply(one, name, levels[i])
        for x, probability in ((shown, among[i] * chance[i]), (one, among[i] * (1 - chance[i]))):
            expected = expected + probability * method.influence(x, labels[:1])[0]
    by_hand = torch.autograd.grad(expected, list(policy.parameters()))
    for parameter, exact in zip(policy.parameters(), by_hand, strict=True):
        assert exact.abs().max() > 0.005
        torch.testing.assert_close(parameter.grad, exact, atol=0.01, rtol=0.1)


def test_the_classifier_learns_from_the_whole_transformed_batch_and_from_nothing_else():
    images, labels = batch_of()
    method = DADA().build(Net("resnet18", width=8).build(CLASSES), SIDE).train()
    shown, _ = method.policy(images, method.policy.draw(BATCH, rng_for(0, 1)))
    method(images, labels, rng_for(0, 1)).total.backward()
    found = [parameter.grad.clone() for parameter in method.classifier.parameters()]
    loss = F.cross_entropy(method.classifier(shown.detach()), labels)
    by_hand = torch.autograd.grad(loss, list(method.classifier.parameters()))
    for gradient, other in zip(found, by_hand, strict=True):
        torch.testing.assert_close(gradient, other)


def test_batchnorm_sees_the_transformed_batch_once():
    images, labels = batch_of()
    method = DADA().build(Net("resnet18", width=8).build(CLASSES), SIDE).train()
    twin = Net("resnet18", width=8).build(CLASSES).train()
    twin(method.policy(images, method.policy.draw(BATCH, rng_for(0, 1)))[0])
    method(images, labels, rng_for(0, 1))
    for (name, found), expected in zip(
        method.classifier.named_buffers(), twin.buffers(), strict=True
    ):
        assert torch.equal(found, expected), name


def test_a_step_costs_6_and_a_half_network_passes():
    images, labels = batch_of()
    counted = []
    for config in (Plain(), DADA()):
        method = config.build(Net("resnet18", width=8).build(CLASSES), SIDE).train()
        with FlopCounterMode(display=False) as counter:
            method(images, labels, rng_for(0, 1)).total.backward()
        counted.append(counter.get_total_flops())
    assert counted[1] / counted[0] == pytest.approx(6.5 / 3, rel=0.02)


def halves(count, generator):
    """Class 0 is bright above, class 1 below: turned to their negatives they change places."""
    labels = torch.randint(0, 2, (count,), generator=generator)
    ramp = torch.linspace(1, 0, 4)[:, None].expand(4, 4)
    images = torch.where(labels[:, None, None] == 0, ramp, 1 - ramp)
    noise = 0.2 * torch.rand(count, 3, 4, 4, generator=generator)
    return 0.8 * images[:, None] + noise - 0.5, labels


def test_the_policy_comes_to_prefer_a_harmless_operation_to_a_harmful_one():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    method = DADA(ops=("invert", "colour"), slots=1).build(Backbone(Linear(48, 2)), 4)
    players = method.param_groups()
    optimiser = torch.optim.SGD(
        [{"params": players["classifier"], "lr": 0.05}, {"params": players["generator"], "lr": 1.0}]
    )
    for step in range(150):
        losses = method(*halves(32, generator), rng_for(0, step))
        losses.total.backward()
        optimiser.step()
        optimiser.zero_grad()
    invert, colour = method.policy.shares()[0].tolist()
    assert invert < 0.08 < 0.25 < colour  # both started at a quarter
    assert list(losses.terms) == ["augmented_ce", "influence"]


def test_no_image_is_mixed():
    method = DADA().build(Net("resnet18", width=8).build(CLASSES), SIDE)
    assert method.mixed(batch_of()[0], rng_for(0, 1)) is None


def test_the_policy_is_a_player_with_a_learning_rate_of_its_own():
    method = DADA(ops=("rotate", "invert"), slots=3).build(
        Net("resnet18", width=8).build(CLASSES), SIDE
    )
    players = method.param_groups()
    assert list(players) == ["classifier", "generator"]
    assert [tuple(p.shape) for p in players["generator"]] == [(3, 2)] * 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ops": ()}, "chooses from one or more ops: shear_x"),
        ({"ops": ("rotatee",)}, "unknown operation of DADA 'rotatee': did you mean 'rotate'"),
        ({"slots": 0}, "slots must be 1 or more"),
        ({"radius": 0.0}, "radius must be positive"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        DADA(**change)


def test_a_batch_that_has_no_two_halves_is_one_sentence():
    method = DADA().build(Net("resnet18", width=8).build(CLASSES), SIDE)
    with pytest.raises(InputError, match="3 images are too few: use a batch of 4 or more"):
        method(*batch_of(3), rng_for(0, 1))


def test_the_influence_is_taken_in_full_precision_whatever_the_network_computes_in():
    """A difference of two losses 0.02 apart in w: in bf16 most of it would be rounding."""
    method = DADA().build(Net("resnet18", stem="cifar", width=8).build(5), 16)
    images, labels = torch.randn(6, 3, 16, 16), torch.arange(6) % 5
    method.move_apart(method.direction(images, labels))
    plain = method.influence(images, labels)
    with torch.autocast("cpu", torch.bfloat16):
        cast = method.influence(images, labels)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


def test_pixels_are_moved_in_full_precision_whatever_the_network_computes_in():
    policy = Policy(OPS, 2)
    with torch.no_grad():
        policy.chance += 9  # an operation is as good as always applied
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    drawn = policy.draw(64, StepRNG(0))
    plain, _ = policy(images, drawn)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = policy(images, drawn)
    assert (plain != images).any()
    assert torch.equal(cast, plain)
