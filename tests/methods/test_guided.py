"""The maps against closed forms and autograd; the step leaves no trace in the network it asks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from adautomix.errors import InputError
from adautomix.losses import mixed_ce
from adautomix.methods import METHODS, Fixed, Guided
from adautomix.methods.guided import GUIDES, attention, cam, evaluating, saliency
from adautomix.mix import AttentiveCutMix, CutMix, Mixed, PuzzleMix, SnapMix
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
RULES = {
    "saliency": PuzzleMix(solver="relaxed"),
    "attention": AttentiveCutMix(),
    "cam": SnapMix(),
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
each_guide = pytest.mark.parametrize("guide", GUIDES)


def batch_of(count=BATCH, dtype=torch.float32):
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.normal(size=(count, 3, SIDE, SIDE))).to(dtype)
    return images, torch.tensor(rng.integers(0, CLASSES, count))


def network_of(seed=0):
    """A thin ResNet whose statistics are no longer those of a fresh one, in training mode."""
    network = Net("resnet18", width=8).build(CLASSES, seed=seed).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # timm starts the last of a block at 0
    with torch.no_grad():
        network(batch_of()[0] * 2)
    return network


def method_of(rule, **options):
    return Guided(rule, **options).build(network_of(), SIDE).train()


@dataclass(frozen=True)
class Watching:
    """A rule that mixes like CutMix and keeps the maps it is given."""

    guide: ClassVar[str] = "saliency"

    def __call__(self, images, rng, importance) -> Mixed:
        SEEN.append(importance)
        return CutMix()(images, rng)


SEEN: list[torch.Tensor] = []


# The maps.


class Linear(Backbone):
    """logits = W x + b: the gradient of its loss is known in closed form."""

    def __init__(self):
        nn.Module.__init__(self)
        self.layer = nn.Linear(3 * SIDE * SIDE, CLASSES)

    def forward(self, images):
        return self.layer(images.flatten(1))


def test_saliency_is_the_root_mean_square_gradient_of_each_images_own_loss():
    torch.manual_seed(0)
    network, (images, labels) = Linear().double(), batch_of(dtype=torch.float64)
    surprise = network(images).softmax(1) - F.one_hot(labels, CLASSES)
    gradient = (surprise @ network.layer.weight).view_as(images)
    expected = gradient.square().mean(dim=1).sqrt().float()
    torch.testing.assert_close(saliency(network, images, labels), expected)


def test_saliency_of_an_image_does_not_depend_on_the_rest_of_the_batch():
    (images, labels) = batch_of()
    with evaluating(network_of()) as network:
        together = saliency(network, images, labels)
        alone = saliency(network, images[2:4], labels[2:4])
    torch.testing.assert_close(together[2:4], alone, rtol=1e-4, atol=1e-7)


def test_attention_is_the_channel_mean_of_the_tap():
    images, labels = batch_of()
    with evaluating(network_of()) as network:
        expected = network.forward_with_features(images).features.mean(dim=1)
        torch.testing.assert_close(attention(network, images, labels), expected.detach())
        assert expected.shape == (BATCH, 4, 4)


def slow_cam(features, weight, size):
    """Weighted maps of one image, enlarged with pixel centres at halves, least 0, sum 1."""
    small = np.tensordot(weight, features, axes=1)
    large = np.zeros(size)
    for place in np.ndindex(size):
        at = [
            min(max((p + 0.5) * n / s - 0.5, 0), n - 1)
            for p, n, s in zip(place, small.shape, size, strict=True)
        ]
        for row, column in np.ndindex(small.shape):
            share = max(0, 1 - abs(at[0] - row)) * max(0, 1 - abs(at[1] - column))
            large[place] += share * small[row, column]
    large -= large.min()
    return large / large.sum()


def test_cam_weighs_the_last_features_by_the_labels_row_of_the_head():
    images, labels = batch_of()
    with evaluating(network_of()) as network, torch.no_grad():
        found = cam(network, images, labels)
        features = network.model.forward_features(images).numpy()
        weight = network.model.fc.weight.numpy()
    for b in range(BATCH):
        expected = slow_cam(features[b], weight[labels[b]], (SIDE, SIDE))
        np.testing.assert_allclose(found[b], expected, atol=2e-6)


def test_cam_depends_on_the_class_that_is_asked_about():
    images, labels = batch_of()
    with evaluating(network_of()) as network:
        maps = [cam(network, images, (labels + shift) % CLASSES) for shift in (0, 1)]
    assert not torch.allclose(*maps)


@each_guide
@pytest.mark.parametrize("name", ["test_convnext", "test_resnet", "swin"])
def test_maps_are_finite_for_other_architectures(guide, name):
    if name == "swin":  # features with channels last
        model = timm.models.swin_transformer.SwinTransformer(
            img_size=64, patch_size=4, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(1, 2),
            num_classes=CLASSES,
        )  # fmt: skip
    else:
        model = timm.create_model(name, num_classes=CLASSES)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with evaluating(Backbone(model)) as network:
        found = GUIDES[guide](network, images, torch.tensor([1, 3]))
    assert found.shape[0] == 2
    assert torch.isfinite(found).all()
    assert found.std() > 0


def test_a_model_without_a_grid_has_no_cam():
    model = timm.create_model("test_vit", num_classes=CLASSES)
    method = Guided(SnapMix()).build(model, 160)
    images = torch.randn(2, 3, 160, 160)
    with pytest.raises(InputError, match="no class activation map, which SnapMix needs"):
        method(images, torch.tensor([0, 1]), rng_for(0, 1))


def test_a_model_of_two_branches_has_no_cam():
    model = timm.create_model("crossvit_9_240", num_classes=CLASSES)
    method = Guided(SnapMix()).build(model, 240)
    with pytest.raises(InputError, match="takes 2 tensors of features, not one, so it has no"):
        method(torch.randn(2, 3, 240, 240), torch.tensor([0, 1]), rng_for(0, 1))


# The step.


@each_rule
def test_the_loss_is_that_of_the_rules_images_and_label_weights(rule):
    method, (images, labels) = method_of(rule), batch_of()
    importance = method.importance(images, labels)
    mixed = rule(images, rng_for(0, 1), importance)
    expected = mixed_ce(network_of()(mixed.images), labels, mixed.partners, mixed.label_weights)
    losses = method(images, labels, rng_for(0, 1))
    torch.testing.assert_close(losses.total, expected)
    assert losses.terms["mixed_ce"] == losses.total


@each_rule
@pytest.mark.parametrize("guide_from", ["classifier", "teacher"])
def test_asking_leaves_no_gradient_no_statistics_and_no_mode_behind(rule, guide_from):
    method, (images, labels) = method_of(rule, guide_from=guide_from), batch_of()
    method.classifier.model.layer1.eval()  # as who freezes a stage
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    modes = [module.training for module in method.modules()]
    importance = method.importance(images, labels)
    method.mixed(images, rng_for(0, 1))
    assert not importance.requires_grad
    assert not images.requires_grad
    assert all(parameter.grad is None for parameter in method.parameters())
    assert all(torch.equal(before[name], now) for name, now in method.state_dict().items())
    assert [module.training for module in method.modules()] == modes


@each_rule
def test_the_gradient_is_that_of_the_loss_on_the_mixed_images_alone(rule):
    method, (images, labels) = method_of(rule), batch_of()
    mixed = rule(images, rng_for(0, 1), method.importance(images, labels))
    twin = network_of()
    mixed_ce(twin(mixed.images), labels, mixed.partners, mixed.label_weights).backward()
    method(images, labels, rng_for(0, 1)).total.backward()
    for ours, theirs in zip(method.classifier.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@each_rule
def test_the_network_that_is_asked_decides(rule):
    images, labels = batch_of()
    for guide_from, matters in (("teacher", True), ("classifier", False)):
        method = method_of(rule, guide_from=guide_from)
        before = method.importance(images, labels)
        for parameter in method.teacher.parameters():
            parameter.data += 0.1 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(1)
            )
        assert torch.equal(before, method.importance(images, labels)) != matters


def test_a_step_uses_the_labels_and_mixed_the_predictions():
    method, (images, labels) = method_of(Watching()), batch_of()
    with evaluating(method.classifier) as network:
        predicted = network(images).argmax(dim=1)
        expected = [saliency(network, images, each) for each in (labels, predicted)]
    assert not torch.equal(labels, predicted)
    SEEN.clear()
    method.mixed(images, rng_for(0, 1))
    method(images, labels, rng_for(0, 1))
    torch.testing.assert_close(SEEN[0], expected[1])
    torch.testing.assert_close(SEEN[1], expected[0])


def test_a_teacher_that_is_not_there_cannot_be_asked():
    with pytest.raises(InputError, match="guide_from='teacher' needs a teacher: give a momentum"):
        Guided(SnapMix(), momentum=None, guide_from="teacher")
    with pytest.raises(InputError, match=r"unknown guide 'student': .*classifier, teacher"):
        Guided(SnapMix(), guide_from="student")


def test_a_rule_that_asks_for_a_map_nobody_makes_is_refused():
    class Deep(Watching):
        guide = "depth"

    with pytest.raises(InputError, match=r"unknown map to guide a rule 'depth': .*saliency"):
        Guided(Deep())


def test_every_rule_of_the_registry_has_a_guide():
    configs = [config for config in METHODS.values() if isinstance(config, Guided)]
    assert len(configs) == 3
    assert {config.rule.guide for config in configs} == set(GUIDES)


def test_a_rule_that_must_be_told_what_matters_is_not_a_fixed_one():
    with pytest.raises(InputError, match=r"use Guided\(PuzzleMix\(\)\)"):
        Fixed(PuzzleMix())
