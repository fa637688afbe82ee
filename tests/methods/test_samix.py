"""SAMix: its η-balanced loss and its mask loss by hand, its block's gradient by autograd."""

import math

import pytest
import torch
import torch.nn.functional as F

from adautomix.errors import InputError
from adautomix.losses import mixed_ce
from adautomix.methods import SAMix
from adautomix.methods.samix import eta_balanced
from adautomix.mix import blend
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


def pairs():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(BATCH, CLASSES, dtype=torch.float64, generator=generator)
    labels = torch.tensor([0, 1, 2, 2, 4, 0])
    partners = torch.tensor([[0, 1], [1, 0], [2, 3], [3, 4], [4, 5], [5, 0]])  # 2 and 5: one class
    own = torch.rand(BATCH, 1, dtype=torch.float64, generator=generator)
    return logits, labels, partners, torch.cat([own, 1 - own], dim=1)


def by_hand(logits, labels, partners, ratios, eta):
    """Local: cross-entropy of a softmax over the two logits alone. Global: the rest against."""
    total = 0.0
    for b in range(BATCH):
        scores = [math.exp(score) for score in logits[b]]
        classes = {int(labels[i]) for i in partners[b]}
        pair = sum(scores[k] for k in classes)
        for i, ratio in zip(partners[b], ratios[b], strict=True):
            total -= float(ratio) * math.log(scores[labels[i]] / pair)
        total -= eta * math.log(pair / sum(scores))
    return total / BATCH


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 3.0])
def test_the_loss_is_local_plus_eta_times_global(eta):
    assert float(eta_balanced(*pairs(), eta)) == pytest.approx(by_hand(*pairs(), eta), rel=1e-12)


def test_eta_one_is_the_usual_mixed_cross_entropy():
    torch.testing.assert_close(eta_balanced(*pairs(), 1.0), mixed_ce(*pairs()))
    assert eta_balanced(*pairs(), 0.5) < mixed_ce(*pairs())


def test_without_the_global_term_other_classes_do_not_matter():
    logits, labels, partners, ratios = pairs()
    logits.requires_grad_()
    eta_balanced(logits, labels, partners, ratios, 0.0).backward()
    mixed = F.one_hot(labels, CLASSES)[partners].sum(1) > 0
    assert logits.grad[~mixed].abs().max() < 1e-12
    assert logits.grad[[2, 5]].abs().max() < 1e-12  # one class: nothing local to tell apart
    assert logits.grad[0][mixed[0]].abs().min() > 1e-3


def test_a_weight_on_classes_of_label_zero_does_nothing():
    """Why η has no effect in the published code."""
    logits, labels, partners, ratios = pairs()
    soft = (F.one_hot(labels, CLASSES)[partners] * ratios[..., None]).sum(1)
    weight = (soft > 0).double().clamp(min=0.5)
    weighted = -(weight * soft * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(weighted, mixed_ce(*pairs()))


def test_the_block_descends_on_the_balanced_loss_and_the_mask_loss_alone(tiny_method):
    method = tiny_method(SAMix(init=0.5, mask_margin=0.01, eta=0.4))
    images = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (BATCH,))
    method.train()
    method(images, labels, rng_for(0, 1)).total.backward()

    rng = rng_for(0, 1)
    rng.partners(BATCH, 2), rng.beta(2.0, (1,))  # the classifier's pairs come first
    partners, own = rng.partners(BATCH, 2), rng.beta(2.0, (1,))
    ratios = torch.cat([own, 1 - own]).expand(BATCH, 2)
    features = method.teacher.forward_with_features(images).features.detach()
    masks = method.generator(features, partners, ratios, (SIDE, SIDE))
    view = method.teacher(blend(images, partners, masks))
    mine = masks[:, 0]
    gaps = (mine.mean(dim=(1, 2)) - own).abs() - 0.01
    variance = ((mine - mine.mean()) ** 2).mean()
    loss = eta_balanced(view, labels, partners, ratios, 0.4)
    loss = loss + 0.1 * (gaps.relu().mean() - 2 * variance)
    parameters = method.param_groups()["generator"]
    for parameter, b in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        assert (parameter.grad - b).norm() <= 1e-9 * b.norm()
        assert b.norm() > 0


@pytest.mark.parametrize("pipeline", ["paper", "openmixup"])
def test_looking_at_the_mixed_images_leaves_no_trace(pipeline):
    net = Net("resnet18", width=8).build(CLASSES)
    method = SAMix(pipeline=pipeline).build(net, SIDE).train()
    before = {name: t.clone() for name, t in method.state_dict().items()}
    method.mixed(torch.randn(BATCH, 3, SIDE, SIDE), rng_for(0, 0))
    assert all(torch.equal(t, before[name]) for name, t in method.state_dict().items())


def test_the_variance_of_masks_in_half_precision_is_taken_in_full(tiny_method):
    method, ratios = tiny_method(SAMix()), torch.full((9, 2), 0.5)
    masks = torch.rand(9, 2, 16, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert float(method.mask_loss(masks, ratios)) == float(method.mask_loss(masks.float(), ratios))


@pytest.mark.parametrize("name", ["eta", "mask_variance", "flatness", "mask_loss"])
def test_impossible_hyper_parameters_are_named(name):
    with pytest.raises(InputError, match=f"{name} must be 0 or more, not -1"):
        SAMix(**{name: -1.0})
