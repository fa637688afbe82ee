"""One contract for every training method: one step on a thin ResNet, whatever the method."""

import copy
from dataclasses import replace
from typing import get_type_hints

import pytest
import timm
import torch

from adautomix import device as numerics_module
from adautomix.device import cached_casts_have_gradients, decide
from adautomix.errors import InputError
from adautomix.methods import METHODS, Fixed, Guided, MethodConfig
from adautomix.mix import Mixed
from adautomix.models import Net, Teacher
from adautomix.recipes import SGD, photodigits
from adautomix.rng import rng_for
from adautomix.train.optimiser import make_optimiser

BATCH, SIDE, CLASSES = 6, 16, 5
TERMS = {
    "plain": ["ce"],
    "manifoldmix": ["mixed_ce"],
    "alignmix": ["mixed_ce"],
    "regmixup": ["ce", "mixed_ce"],
    "decoupled": ["mixed_ce", "decoupled_ce"],
    "me_ada": ["ce", "adversarial_ce"],
    "dada": ["augmented_ce", "influence"],
    "automix": ["mixed_ce", "ce", "teacher_mixed_ce", "mask_area"],
    "samix": ["mixed_ce", "ce", "teacher_mixed_ce", "mask_area"],
    "adautomix": ["amce", "mce", "ace", "teacher_amce", "cosine"],
    "adautomix_released": ["amce", "mce", "ce", "teacher_amce", "cosine"],
}
"""The terms of the losses, the classifier's own first, where a method has more than one."""
TERMS |= {
    name: ["mixed_ce"] for name, config in METHODS.items() if isinstance(config, Fixed | Guided)
}
each_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(autouse=True)
def with_its_library(request):
    """A method that needs an optional library is skipped without it."""
    libraries = {"saliencymix": "cv2.saliency", "puzzlemix": "maxflow"}
    if name := libraries.get(request.node.callspec.params.get("name")):
        pytest.importorskip(name)


@pytest.fixture
def make():
    def built(name, seed=0, **changes):
        config = replace(METHODS[name], **changes)
        net = Net("resnet18", width=8).build(CLASSES, seed=seed)
        return config.build(net, SIDE, seed=seed).train()

    return built


def batch_of(count=BATCH):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, SIDE, SIDE, generator=generator)
    return images, torch.randint(0, CLASSES, (count,), generator=generator)


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)


@each_method
def test_a_configuration_is_a_frozen_value(name):
    config = METHODS[name]
    assert isinstance(config, MethodConfig)
    assert hash(config) == hash(replace(config))
    with pytest.raises(AttributeError):
        config.momentum = 0.5


@each_method
def test_a_step_gives_named_finite_terms_and_every_trained_parameter_a_gradient(make, name):
    method = make(name)
    for module in method.classifier.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)  # timm starts the last of a block at 0
    losses = method(*batch_of(), rng_for(0, 1))
    assert losses.total.shape == ()
    assert torch.isfinite(losses.total)
    assert list(losses.terms) == TERMS.get(name, list(losses.terms)[:1])
    assert all(torch.isfinite(t) and not t.requires_grad for t in losses.terms.values())
    losses.total.backward()
    trained = {id(p) for player in method.param_groups().values() for p in player}
    for where, parameter in method.named_parameters():
        assert (id(parameter) in trained) == parameter.requires_grad == ("teacher" not in where)
        assert (parameter.grad is not None) == parameter.requires_grad
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all()
            assert parameter.grad.abs().sum() > 0


@each_method
@pytest.mark.parametrize("cached", [True, False])
def test_in_bf16_too_every_trained_parameter_gets_a_gradient(make, name, cached, monkeypatch):
    numerics = decide("cpu", "bf16")
    if not cached:  # as where torch would keep what was cast under no_grad
        monkeypatch.setattr(numerics_module, "cached_casts_have_gradients", lambda kind: False)
    method = make(name)
    with numerics.autocast():
        assert torch.is_autocast_cache_enabled() == (cached and cached_casts_have_gradients("cpu"))
        losses = method(*batch_of(), rng_for(0, 1))
    losses.total.backward()
    trained = [p for player in method.param_groups().values() for p in player]
    assert [p for p in trained if p.grad is None] == []


@pytest.mark.parametrize("name", [n for n in METHODS if n not in ("plain", "me_ada", "dada")])
def test_mixed_images_in_half_precision_have_label_weights_of_float32(make, name):
    method, (images, labels) = make(name), batch_of()
    with decide("cpu", "bf16").autocast():
        assert torch.isfinite(method(images.bfloat16(), labels, rng_for(0, 1)).total)
        mixed = method.mixed(images.bfloat16(), rng_for(0, 1))
    assert mixed.images.dtype == torch.bfloat16
    assert mixed.label_weights.dtype == torch.float32
    if name not in ("cutout", "snapmix"):  # whose labels' weights need not sum to 1
        torch.testing.assert_close(mixed.label_weights.sum(1), torch.ones(BATCH), atol=1e-6, rtol=0)


@each_method
def test_same_draw_same_losses_and_gradients_bitwise(make, name):
    def step(method, number):
        losses = method(*batch_of(), rng_for(0, number))
        losses.total.backward()
        gradients = [p.grad for player in method.param_groups().values() for p in player]
        return [losses.total, *losses.terms.values(), *gradients]

    first, again, other = (step(make(name), number) for number in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert (first[0] == other[0]) == (name in ("plain", "me_ada"))  # these draw nothing


@each_method
def test_a_step_leaves_images_labels_and_weights_alone(make, name):
    method, (images, labels) = make(name), batch_of()
    before = {n: p.detach().clone() for n, p in method.named_parameters()}
    method(images, labels, rng_for(0, 1)).total.backward()
    assert torch.equal(images, batch_of()[0])
    assert torch.equal(labels, batch_of()[1])
    assert same(before, dict(method.named_parameters()))


@each_method
def test_a_few_steps_lower_the_classifiers_loss(make, name):
    method, (images, labels) = make(name), batch_of(12)
    optimiser = torch.optim.SGD([p for ps in method.param_groups().values() for p in ps], lr=0.05)
    seen = []
    for step in range(12):
        losses = method(images, labels, rng_for(0, 0))
        seen.append(float(next(iter(losses.terms.values()))))
        losses.total.backward()
        optimiser.step()
        optimiser.zero_grad()
        method.after_step((step + 1) / 12)
    assert seen[-1] < seen[0] - 0.2


@each_method
def test_predictors_are_the_classifier_and_its_teacher(make, name):
    method = make(name)
    found = method.predictors()
    assert list(found) == ["classifier", "teacher"]
    assert found["classifier"] is method.classifier
    assert isinstance(found["teacher"], Teacher)
    for predictor in found.values():
        assert predictor(batch_of()[0]).shape == (BATCH, CLASSES)


@each_method
def test_the_teacher_follows_after_the_step_and_stands_still_at_the_end(make, name):
    to_the_end = {"momentum_end": 1.0} if hasattr(METHODS[name], "momentum_end") else {}
    method = make(name, momentum=0.9, **to_the_end)
    with torch.no_grad():
        for parameter in method.classifier.parameters():
            parameter += 1.0
    before = {n: p.clone() for n, p in method.teacher.network.named_parameters()}
    method.after_step(0.0)
    for where, parameter in method.teacher.network.named_parameters():
        torch.testing.assert_close(parameter, before[where] + 0.1)
    moved = state(method.teacher)
    with torch.no_grad():
        for parameter in method.classifier.parameters():
            parameter += 1.0
    method.after_step(1.0)  # ξ = 1
    assert same(moved, state(method.teacher))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, config in METHODS.items()
        if get_type_hints(type(config))["momentum"] == (float | None)
    ],
)
def test_without_momentum_there_is_no_teacher(make, name):
    method = make(name, momentum=None)
    assert method.teacher is None
    assert list(method.predictors()) == ["classifier"]
    method(*batch_of(), rng_for(0, 1)).total.backward()
    method.after_step(0.5)
    without, with_one = (make(name, **one) for one in ({"momentum": None}, {}))
    totals = [each(*batch_of(), rng_for(0, 1)).total for each in (without, with_one)]
    assert torch.equal(*totals)  # it takes no part in training


@each_method
def test_a_copy_goes_its_own_way(make, name):
    method = make(name)
    twin = copy.deepcopy(method)
    totals = [m(*batch_of(), rng_for(0, 1)).total for m in (method, twin)]
    assert totals[0] == totals[1]
    before = state(method)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter += 1.0
    assert same(state(method), before)


@each_method
def test_weights_are_a_function_of_the_seed(make, name):
    assert same(state(make(name, seed=1)), state(make(name, seed=1)))
    assert not same(state(make(name, seed=1)), state(make(name, seed=2)))


@each_method
def test_the_global_generator_is_untouched(make, name):
    before = torch.get_rng_state()
    make(name)(*batch_of(), rng_for(0, 1))
    assert torch.equal(torch.get_rng_state(), before)


@each_method
def test_mixed_shows_what_is_trained_on_without_gradients(make, name):
    found = make(name).mixed(batch_of()[0], rng_for(0, 1))
    if name in ("plain", "me_ada", "dada"):
        assert found is None
        return
    assert isinstance(found, Mixed)
    assert found.images.shape == (BATCH, 3, SIDE, SIDE)
    assert not any(tensor is not None and tensor.requires_grad for tensor in vars(found).values())
    painted = found.masks.sum(1)
    if name == "cutout":  # its hole shows nobody
        assert set(painted.unique().tolist()) == {0.0, 1.0}
    else:
        torch.testing.assert_close(painted, torch.ones(BATCH, SIDE, SIDE))


@each_method
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda x, y: (x.to(torch.uint8), y), "images must be floating point .* torch.uint8"),
        (lambda x, y: (x[0], y), r"images must be .* of shape \(3, 16, 16\)"),
        (lambda x, y: (x, 2 * torch.eye(BATCH)), "soft labels are shares .* row 0 sums to 2"),
        (lambda x, y: (x, y.float()), "labels are torch.float32, but class numbers"),
        (lambda x, y: (x, y[:4]), "6 images came with 4 labels"),
        (lambda x, y: (x[:1], y[:1]), "a batch of one image can neither be mixed nor normalised"),
    ],
)
def test_a_batch_that_cannot_be_trained_on_is_one_sentence(make, name, wrong, sentence):
    method, before = make(name), state(make(name))
    with pytest.raises(InputError, match=sentence):
        method(*wrong(*batch_of()), rng_for(0, 1))
    assert same(state(method), before)


@each_method
def test_labels_may_be_integers_of_any_width_and_have_an_axis_of_one(make, name):
    images, labels = batch_of()
    expected = make(name)(images, labels, rng_for(0, 1)).total
    for given in (labels.int(), labels.to(torch.uint8), labels[:, None], labels.short()[:, None]):
        assert torch.equal(make(name)(images, given, rng_for(0, 1)).total, expected)


@each_method
@pytest.mark.parametrize("trained", ["head", "body", "nothing"])
def test_what_is_frozen_stays_and_the_rest_learns(name, trained):
    model = timm.create_model("test_resnet", num_classes=CLASSES)
    head = {id(p) for p in model.get_classifier().parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_((id(parameter) in head) == (trained == "head"))
    if trained == "nothing":
        model.requires_grad_(False)
        with pytest.raises(InputError, match="no parameter of test_resnet takes a gradient"):
            METHODS[name].build(model, 32)
        return
    method = METHODS[name].build(model, 32).train()
    optimiser = make_optimiser(method, SGD(lr=0.1))
    before = {n: p.detach().clone() for n, p in method.classifier.model.named_parameters()}
    method(torch.randn(4, 3, 32, 32), torch.arange(4), rng_for(0, 1)).total.backward()
    optimiser.step()
    method.after_step(0.5)
    for n, p in method.classifier.model.named_parameters():
        assert p.requires_grad or (p.grad is None and torch.equal(p, before[n]))
    moved = [
        n for n, p in method.classifier.model.named_parameters() if not torch.equal(p, before[n])
    ]
    assert moved


@each_method
def test_a_model_without_values_is_one_sentence(name):
    with torch.device("meta"):
        model = timm.create_model("test_resnet", num_classes=CLASSES)
    with pytest.raises(InputError, match=r"weights of test_resnet have no values.* meta device"):
        METHODS[name].build(model, 32)


@each_method
def test_a_plain_timm_model_will_do(name):
    model = timm.create_model("test_resnet", num_classes=CLASSES)
    method = METHODS[name].build(model, 32)
    assert method.classifier.model is model
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    assert torch.isfinite(method(images, labels, rng_for(0, 1)).total)


@pytest.mark.parametrize("name", ["adautomix", "adautomix_released", "automix", "samix"])
def test_a_model_of_one_channel_is_measured_as_it_is(name):
    model = timm.create_model("test_resnet", num_classes=CLASSES, in_chans=1)
    method = METHODS[name].build(model, 32)
    images, labels = torch.randn(4, 1, 32, 32), torch.arange(4)
    assert torch.isfinite(method(images, labels, rng_for(0, 1)).total)


@pytest.mark.parametrize("name", ["automix", "samix"])
def test_two_heads_take_one_channel_too(name):
    model = timm.create_model("test_resnet", num_classes=CLASSES, in_chans=1)
    config = replace(METHODS[name], pipeline="openmixup")
    found = config.build(model, 32).classifier.forward_mixed_with_features(
        torch.randn(2, 1, 32, 32)
    )
    assert found.logits.shape == (2, CLASSES)


@pytest.mark.parametrize(
    "name", sorted(METHODS.keys() - {"snapmix"})
)  # its shares need not sum to 1
def test_the_learning_rate_of_photodigits_is_the_same_per_unit_of_loss(name, make):
    """With all logits 0 and one class, an output bias has the gradient weight · (1/k − 1)."""
    method = make(name)
    heads = [m for m in method.classifier.modules() if isinstance(m, torch.nn.Linear)]
    for head in heads:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    images, _ = batch_of()
    method(images, torch.full((BATCH,), 2), rng_for(0, 1)).total.backward()
    found = sum(head.bias.grad[2] for head in heads) / (1 / CLASSES - 1)
    weight = 2 if isinstance(METHODS[name], photodigits.PAIRED) else 1
    assert found.item() == pytest.approx(weight, rel=1e-5)
    assert photodigits.thin(METHODS[name]).optim.lr * weight == pytest.approx(0.4)
