"""Soft labels, smoothing and class weights in every method, against torch and class numbers."""

import pytest
import torch
import torch.nn.functional as F

from adautomix.data.labels import Targets
from adautomix.errors import InputError
from adautomix.methods import METHODS, AutoMix, Fixed, Plain, SAMix
from adautomix.methods.samix import eta_balanced
from adautomix.mix import Mixup
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
CASES = {
    **METHODS,
    "automix openmixup": AutoMix(pipeline="openmixup"),
    "samix openmixup": SAMix(pipeline="openmixup"),
}
WEIGHTS = (0.5, 1.0, 2.0, 0.0, 1.5)
each_method = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def with_its_library(request):
    """A method that needs an optional library is skipped without it."""
    libraries = {"saliencymix": "cv2.saliency", "puzzlemix": "maxflow"}
    named = getattr(request.node, "callspec", None)
    if named and (library := libraries.get(named.params.get("name"))):
        pytest.importorskip(library)


def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=generator)
    return images, torch.tensor([3, 0, 4, 1, 1, 2])


def shares(count=BATCH):
    """Soft labels that no class number can say."""
    rows = torch.rand(count, CLASSES, generator=torch.Generator().manual_seed(1))
    return rows / rows.sum(dim=1, keepdim=True)


def built(config):
    """A method in double precision, whose sums in another order are nearly the same."""
    return config.build(Net(width=8).build(CLASSES), SIDE).double().train()


def step(config, labels, targets=None):
    """The losses of one step and the gradient of every trained parameter."""
    method = built(config)
    if targets is not None:
        method.targets = targets
    losses = method(batch()[0].double(), labels, rng_for(0, 1))
    losses.total.backward()
    return losses, {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


@each_method
def test_one_hot_labels_train_as_their_class_numbers(name):
    numbers = batch()[1]
    hard, wanted = step(CASES[name], numbers)
    soft, found = step(CASES[name], F.one_hot(numbers, CLASSES))
    torch.testing.assert_close(soft.terms, hard.terms, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7)


@each_method
def test_smoothing_and_weights_are_soft_labels_of_every_method(name):
    numbers = batch()[1]
    smoothed = 0.9 * F.one_hot(numbers, CLASSES).double() + 0.1 / CLASSES
    given, wanted = step(CASES[name], smoothed)
    found, gradients = step(CASES[name], numbers, Targets(smoothing=0.1))
    torch.testing.assert_close(found.total, given.total, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(gradients, wanted, rtol=1e-5, atol=1e-6)
    weighted, other = step(CASES[name], numbers, Targets(0.1, WEIGHTS))
    assert weighted.total.isfinite()
    assert all(gradient.isfinite().all() for gradient in other.values())
    assert not torch.allclose(weighted.total, found.total)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_plain_training_has_the_cross_entropy_of_torch(smoothing, weights):
    images, numbers = batch()
    method = built(Plain())
    method.targets = Targets(smoothing, weights)
    logits = built(Plain()).classifier(images.double())
    as_torch = {
        "label_smoothing": smoothing,
        "weight": None if weights is None else torch.tensor(weights).double(),
    }
    for labels in (numbers, shares().double()):
        found = method(images.double(), labels, rng_for(0, 0)).total
        each = F.cross_entropy(logits, labels, **as_torch, reduction="none")
        torch.testing.assert_close(found, each.mean(), rtol=1e-6, atol=1e-7)


def test_a_mixed_label_is_the_mix_of_the_soft_labels():
    images, rng = batch()[0].double(), rng_for(0, 1)
    method = built(Fixed(Mixup()))
    mixed = method.mixed(images, rng)
    logits = built(Fixed(Mixup())).classifier(mixed.images)
    target = (shares().double()[mixed.partners] * mixed.ratios[..., None]).sum(dim=1)
    found = method(images, shares(), rng_for(0, 1)).total
    torch.testing.assert_close(found, F.cross_entropy(logits, target), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_the_balanced_loss_of_soft_labels_splits_their_cross_entropy(eta):
    logits, labels = torch.randn(BATCH, CLASSES).double(), shares().double()
    partners, ratios = rng_for(0, 1).partners(BATCH, 2), rng_for(0, 1).ratios(BATCH, 2).double()
    found = eta_balanced(logits, labels, partners, ratios, eta)
    target = (labels[partners] * ratios[..., None]).sum(dim=1)
    either = labels[partners].amax(dim=1)
    together = (logits.softmax(dim=1) * either).sum(dim=1).log()
    expected = F.cross_entropy(logits, target) + ((1 - eta) * together).mean()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda rows: 2 * rows, "row 0 sums to 2: divide the rows by their sums"),
        (lambda rows: rows.index_fill(0, torch.tensor(3), 1.0), r"row 3 sums to 5: .*multi-label"),
        (
            lambda rows: rows.index_fill(0, torch.tensor(3), float("nan")),
            "row 3 .* entry nan: mend",
        ),
        (lambda rows: rows + torch.tensor([2.0, -2, 0, 0, 0]), r"row 0 has the entry -1.*softmax"),
        (lambda rows: F.pad(rows, (0, 2)), "soft labels are of 7 classes, but the model has 5"),
        (lambda rows: rows[:, :, None], r"labels of shape \(6, 5, 1\) are neither"),
        (lambda rows: rows[:4], "6 images came with 4 labels"),
    ],
)
def test_soft_labels_that_are_none_are_one_sentence(wrong, sentence):
    method = Plain().build(Net(width=8).build(CLASSES), SIDE)
    with pytest.raises(InputError, match=sentence):
        method(batch()[0], wrong(shares()), rng_for(0, 0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_soft_labels_may_be_of_any_dtype(dtype):
    method = Plain().build(Net(width=8).build(CLASSES), SIDE)
    assert method(batch()[0], shares().to(dtype), rng_for(0, 0)).total.dtype == torch.float32
    for whole in (torch.int64, torch.uint8, torch.bool):
        one_hot = F.one_hot(batch()[1], CLASSES).to(whole)
        assert method(batch()[0], one_hot, rng_for(0, 0)).total.isfinite()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Targets(1.5), r"smoothing must lie in \[0, 1\], not 1.5"),
        (lambda: Targets(class_weights=(1.0, -1.0)), "class weights must be 0 or more"),
        (lambda: Targets(class_weights=(0.0, 0.0)), "0 or more and not all 0, not .0.0, 0.0."),
        (lambda: Targets(class_weights=()), "0 or more and not all 0"),
        (lambda: Targets(class_weights=(1.0, 2.0))(batch()[1], 5), "2 class weights, .* 5 classes"),
    ],
)
def test_targets_that_cannot_be_are_one_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
