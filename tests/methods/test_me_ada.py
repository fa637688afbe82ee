"""ME-ADA: the ascent against its closed form on a linear model, and no trace of it anywhere."""

from itertools import pairwise

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F

from adautomix.errors import InputError
from adautomix.methods import MEADA
from adautomix.methods.me_ada import ascend, objective
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


@pytest.fixture
def linear():
    """Features V x and logits U V x of 12 pixels, in float64."""
    rng = np.random.default_rng(0)
    v, u = rng.normal(size=(4, 12)) / 3, rng.normal(size=(CLASSES, 4))
    images = torch.from_numpy(rng.normal(size=(BATCH, 3, 2, 2)))
    labels = torch.from_numpy(rng.integers(0, CLASSES, BATCH))

    def see(x):
        features = x.flatten(1) @ torch.from_numpy(v).T
        return features @ torch.from_numpy(u).T, features

    return see, images, labels, u, v


def batch_of():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=generator)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


@pytest.fixture
def method():
    return MEADA().build(Net("resnet18", width=8).build(CLASSES), SIDE).train()


def slow_ascent(images, labels, u, v, config):
    """The gradient written out: softmax and entropy of a linear model, one image at a time."""
    found = []
    for image, label in zip(images.numpy().reshape(BATCH, -1), labels.tolist(), strict=True):
        x = image.copy()
        for _ in range(config.steps):
            logits = u @ v @ x
            p = np.exp(logits - logits.max())
            p /= p.sum()
            entropy = -(p * np.log(p)).sum()
            by_logit = p - np.eye(CLASSES)[label] - config.eta * p * (np.log(p) + entropy)
            by_feature = u.T @ by_logit - config.gamma * 2 * (v @ x - v @ image) / len(v)
            x = x + config.rate * v.T @ by_feature
        found.append(x.reshape(3, 2, 2))
    return np.array(found)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize(("eta", "gamma"), [(0.0, 0.0), (10.0, 1.0), (1.0, 5.0)])
def test_the_ascent_is_that_of_the_closed_form(linear, steps, eta, gamma):
    see, images, labels, u, v = linear
    config = MEADA(eta=eta, gamma=gamma, rate=0.1, steps=steps)
    expected = slow_ascent(images, labels, u, v, config)
    np.testing.assert_allclose(ascend(see, images, labels, config), expected, rtol=1e-9)


def test_every_step_raises_the_objective_of_every_image(linear):
    see, images, labels, *_ = linear
    start = see(images)[1]
    values = []
    for steps in range(1, 16):
        config = MEADA(rate=0.02, steps=steps)
        logits, features = see(ascend(see, images, labels, config))
        values.append(objective(logits, features, start, labels, config))
    values.insert(0, objective(*see(images), start, labels, MEADA()))
    assert all((after > before).all() for before, after in pairwise(values))


def test_the_objective_is_loss_and_entropy_less_distance(linear):
    see, images, labels, *_ = linear
    logits, features = see(images)
    start = features + 0.5
    found = objective(logits, features, start, labels, MEADA(eta=3.0, gamma=2.0))
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    loss = F.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(found, loss + 3 * entropy - 2 * 0.25)


def test_a_larger_gamma_keeps_the_features_nearer(linear):
    see, images, labels, *_ = linear
    start = see(images)[1]
    moved = [
        see(ascend(see, images, labels, MEADA(gamma=gamma, rate=0.005, steps=100)))[1]
        for gamma in (0.0, 1.0, 10.0, 60.0)
    ]
    distances = torch.stack([(features - start).square().mean(1) for features in moved])
    assert (distances[1:] < distances[:-1]).all()
    assert (distances[-1] > 0).all()


def test_an_image_is_moved_as_if_it_were_alone(linear):
    see, images, labels, *_ = linear
    whole = ascend(see, images, labels, MEADA())
    for b in range(BATCH):
        alone = ascend(see, images[b : b + 1], labels[b : b + 1], MEADA())
        torch.testing.assert_close(whole[b : b + 1], alone)


def test_the_adversary_leaves_no_trace(method):
    images, labels = batch_of()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    moved = method.moved(images, labels)
    assert not torch.equal(moved, images)
    assert torch.equal(images, batch_of()[0])
    assert not moved.requires_grad
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.state_dict().items())
    assert method.classifier.training
    assert not method.teacher.training


def test_the_mode_is_restored_after_an_error(method):
    with pytest.raises(InputError, match="labels run from 5 to 5"):
        method.moved(batch_of()[0], torch.full((BATCH,), CLASSES))
    assert method.classifier.training


def test_the_ascent_needs_no_gradient_mode_of_its_caller(method):
    images, labels = batch_of()
    with torch.no_grad():
        assert torch.equal(method.moved(images, labels), method.moved(images, labels))


def test_moved_images_stay_within_the_range_of_the_batch(method):
    method.config = MEADA(rate=1e4)
    images, labels = batch_of()
    moved = method.moved(images, labels)
    for channel in range(3):
        assert moved[:, channel].min() == images[:, channel].min()
        assert moved[:, channel].max() == images[:, channel].max()


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_convnext", "test_vit", "swin_tiny_patch4_window7_224"]
)
def test_the_first_step_goes_up_the_loss_of_the_whole_network(name):
    """With eta and gamma 0 one step is one of gradient ascent on the cross-entropy alone."""
    sizes = {"img_size": 32} if name == "test_vit" else {}
    if "swin" in name:
        sizes = {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": (1,) * 3}
        sizes["num_heads"] = (1,) * 3
    torch.manual_seed(0)
    backbone = Backbone(timm.create_model(name, num_classes=CLASSES, **sizes)).eval()
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    method = MEADA(eta=0.0, gamma=0.0, rate=1e-3, steps=1).build(backbone, 32)
    start = images.clone().requires_grad_()
    loss = F.cross_entropy(backbone(start), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, start)
    expected = images + 1e-3 * gradient
    inside = expected.clamp(images.amin((0, 2, 3), True), images.amax((0, 2, 3), True))
    torch.testing.assert_close(method.moved(images, labels), inside)


def test_the_step_trains_on_clean_and_moved_images_alike(method):
    images, labels = batch_of()
    moved = method.moved(images, labels)
    losses = method(images, labels, rng_for(0, 1))
    losses.total.backward()
    found = [parameter.grad.clone() for parameter in method.classifier.parameters()]
    logits = method.classifier(torch.cat([images, moved]))
    expected = F.cross_entropy(logits, torch.cat([labels, labels]))
    by_hand = torch.autograd.grad(expected, list(method.classifier.parameters()))
    torch.testing.assert_close(losses.total, expected)
    assert list(losses.terms) == ["ce", "adversarial_ce"]
    torch.testing.assert_close(losses.terms["ce"], F.cross_entropy(logits[:BATCH], labels))
    for gradient, other in zip(found, by_hand, strict=True):
        torch.testing.assert_close(gradient, other)


def test_no_image_is_mixed(method):
    assert method.mixed(batch_of()[0], rng_for(0, 1)) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"eta": -1.0}, "eta must be 0 or more"),
        ({"gamma": float("nan")}, "gamma must be a finite number, not nan"),
        ({"rate": 0.0}, "the rate of the ascent must be positive"),
        ({"steps": 0}, "steps must be 1 or more"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        MEADA(**change)


def test_a_model_without_forward_features_is_one_sentence():
    class Bare(torch.nn.Linear):
        forward_intermediates = forward_head = torch.nn.Linear.forward

    with pytest.raises(InputError, match="the model Bare has no forward_features"):
        MEADA().build(Backbone(Bare(3, 3)), SIDE)
