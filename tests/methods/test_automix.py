"""AutoMix's momentum pipeline against autograd on each player's own objective, in float64."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from adautomix.errors import InputError
from adautomix.methods import AutoMix, Plain, SAMix
from adautomix.methods.automix import area_loss
from adautomix.methods.openmixup import OwnStatistics, TwoHeads, waiting_momentum_at
from adautomix.mix import blend
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
CONFIG = AutoMix(init=0.5, mask_margin=0.01)
each_pipeline = pytest.mark.parametrize("pipeline", ["paper", "openmixup"])


def batch_of():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64, generator=generator)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


def pairs_of(rng, alpha=2.0):
    """Partners and λ in the order in which a step draws them."""
    partners, own = rng.partners(BATCH, 2), rng.beta(alpha, (1,)).double().item()
    return partners, own


def soft_ce(logits, labels, partners, own):
    soft = own * F.one_hot(labels, CLASSES) + (1 - own) * F.one_hot(labels[partners[:, 1]], CLASSES)
    return -(soft * logits.log_softmax(1)).sum(1).mean()


def masks_of(method, images, partners, own):
    """The block's masks, from features that carry no gradient."""
    features = method.teacher.network.forward_with_features(images).features.detach()
    ratios = torch.tensor([[own, 1 - own]]).double().expand(BATCH, 2)
    return method.generator(features, partners, ratios, (SIDE, SIDE))


def for_mixed(network, images):
    return (
        network.forward_mixed_with_features(images).logits
        if isinstance(network, TwoHeads)
        else network(images)
    )


def assert_close(found, expected):
    assert len(found) == len(expected) > 0
    for parameter, b in zip(found, expected, strict=True):
        assert (parameter.grad - b).norm() <= 1e-9 * b.norm()
        assert b.norm() > 0


@each_pipeline
def test_the_classifier_descends_on_its_own_two_losses_alone(tiny_method, pipeline):
    method, (images, labels) = tiny_method(replace(CONFIG, pipeline=pipeline)), batch_of()
    method(images, labels, rng_for(0, 1)).total.backward()

    partners, own = pairs_of(rng_for(0, 1))
    mixed = blend(images, partners, masks_of(method, images, partners, own)).detach()
    loss = soft_ce(for_mixed(method.classifier, mixed), labels, partners, own)
    loss = loss + F.cross_entropy(method.classifier(images), labels)
    parameters = method.param_groups()["classifier"]
    assert_close(parameters, torch.autograd.grad(loss, parameters))


@each_pipeline
def test_the_block_descends_on_the_teachers_loss_and_the_mask_loss_alone(tiny_method, pipeline):
    method, (images, labels) = tiny_method(replace(CONFIG, pipeline=pipeline)), batch_of()
    method(images, labels, rng_for(0, 1)).total.backward()

    rng = rng_for(0, 1)
    first = pairs_of(rng)
    partners, own = pairs_of(rng)  # permutation and λ of its own
    assert own != first[1]
    assert not torch.equal(partners, first[0])
    masks = masks_of(method, images, partners, own)
    mixed = sum(masks[:, i, None] * images[partners[:, i]] for i in range(2))
    loss = soft_ce(for_mixed(method.teacher.network, mixed), labels, partners, own)
    areas = masks[:, 0].flatten(1).mean(1)
    areas = areas.mean()[None] if pipeline == "openmixup" else areas
    for area in areas:
        loss = loss + 0.1 * torch.relu((area - own).abs() - 0.01) / len(areas)
    parameters = method.param_groups()["generator"]
    assert_close(parameters, torch.autograd.grad(loss, parameters))


@each_pipeline
def test_no_gradient_reaches_the_teacher_and_its_forward_changes_no_weight(tiny_method, pipeline):
    method, (images, labels) = tiny_method(replace(CONFIG, pipeline=pipeline)), batch_of()
    before = [p.clone() for p in method.teacher.parameters()]
    method(images, labels, rng_for(0, 1)).total.backward()
    assert all(p.grad is None and not p.requires_grad for p in method.teacher.parameters())
    assert all(map(torch.equal, method.teacher.parameters(), before))


def test_a_step_of_the_block_lowers_the_teachers_loss_and_not_the_classifiers_weights(tiny_method):
    method, batch = tiny_method(replace(CONFIG, mask_loss=0.0)), batch_of()
    losses = method(*batch, rng_for(0, 1))
    losses.total.backward()
    with torch.no_grad():
        for parameter in method.generator.parameters():
            parameter -= 1e-2 * parameter.grad
    after = method(*batch, rng_for(0, 1)).terms
    assert after["teacher_mixed_ce"] < losses.terms["teacher_mixed_ce"]
    assert after["ce"] == losses.terms["ce"]


def test_near_0_and_1_the_classifier_sees_mixup(tiny_method):
    method, (images, _) = tiny_method(replace(CONFIG, alpha=0.3)), batch_of()
    kinds = set()
    for step in range(20):
        seen = method.mixed(images, rng_for(0, step))
        near = bool(seen.ratios.min() <= 0.08)
        kinds.add(near)
        flat = seen.ratios[:, :, None, None].expand_as(seen.masks).double()
        assert torch.allclose(seen.masks, flat) == near
        assert (seen.ratios == seen.ratios[0]).all()
        torch.testing.assert_close(seen.images, blend(images, seen.partners, seen.masks))
    assert kinds == {True, False}


@each_pipeline
def test_a_margin_of_almost_a_half_leaves_the_block_no_say(tiny_method, pipeline):
    """The control "spatially constant masks": all pixels alike, whatever the block learned."""
    method = tiny_method(replace(CONFIG, pipeline=pipeline, lam_margin=0.499999))
    images, labels = batch_of()
    partners, own = pairs_of(rng_for(0, 1))
    seen = method.mixed(images, rng_for(0, 1))
    torch.testing.assert_close(seen.images, own * images + (1 - own) * images[partners[:, 1]])
    before = method(images, labels, rng_for(0, 1)).terms["mixed_ce"]
    with torch.no_grad():
        for parameter in method.generator.parameters():
            parameter.add_(torch.randn_like(parameter))
    assert method(images, labels, rng_for(0, 1)).terms["mixed_ce"] == before


def test_the_area_loss_is_what_lies_beyond_the_margin():
    masks = torch.rand(4, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    ratios = torch.tensor([[0.7, 0.3]]).expand(4, 2)
    gaps = [float(mask[0].sum()) / 15 - 0.7 for mask in masks]
    of_pairs = sum(max(abs(gap) - 0.2, 0) for gap in gaps) / 4
    assert float(area_loss(masks, ratios, 0.2)) == pytest.approx(of_pairs, rel=1e-5)
    of_batch = max(abs(sum(gaps) / 4) - 0.1, 0)
    assert float(area_loss(masks, ratios, 0.1, of_batch=True)) == pytest.approx(of_batch, rel=1e-5)
    assert 0 < of_pairs != of_batch > 0
    assert area_loss(masks, ratios, 0.9) == 0


def test_the_area_of_masks_in_half_precision_is_taken_in_full():
    masks = torch.rand(9, 2, 16, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    ratios = torch.full((9, 2), 0.5)
    wanted = area_loss(masks.float(), ratios, 0.0)
    assert float(area_loss(masks, ratios, 0.0)) == float(wanted)


def test_a_step_costs_nine_units_to_the_three_of_plain_training():
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    counts = []
    for config in (Plain(), AutoMix()):
        method = config.build(Net("resnet18", width=16).build(CLASSES), 32).train()
        with FlopCounterMode(display=False) as counter:
            method(images, labels, rng_for(0, 0)).total.backward()
        counts.append(counter.get_total_flops())
    assert counts[1] / counts[0] == pytest.approx(3.0, abs=0.1)


def test_the_toolbox_pipeline_has_two_heads_and_a_waiting_teacher():
    net = Net("resnet18", width=8).build(CLASSES)
    method = AutoMix(pipeline="openmixup", momentum=0.9).build(net, SIDE).train()
    images = torch.randn(BATCH, 3, SIDE, SIDE)
    assert isinstance(method.teacher, OwnStatistics)
    assert method.teacher.network.training
    torch.testing.assert_close(method.classifier(images), net.model(images))
    assert not torch.allclose(
        method.classifier.forward_mixed_with_features(images).logits, net.model(images)
    )
    with torch.no_grad():
        method.classifier.mixing_head.bias += 1.0
    method.after_step(0.3)
    share = 1 - waiting_momentum_at(0.3, 0.9)
    torch.testing.assert_close(method.teacher.network.mixing_head.bias, share * torch.ones(CLASSES))


@pytest.mark.parametrize("kind", [AutoMix, SAMix])
@each_pipeline
def test_the_toolbox_shows_the_classifier_the_clean_images_first(kind, pipeline):
    """What comes last weighs most in BatchNorm's running statistics."""
    config = kind(pipeline=pipeline, init=0.5, lam_margin=0.0)
    method = config.build(Net("resnet18", width=8).build(CLASSES), SIDE).train()
    network = copy.deepcopy(method.classifier)
    images, labels = batch_of()
    images = images.float()
    mixed = method.mixed(images, rng_for(0, 0)).images
    method(images, labels, rng_for(0, 0))
    with torch.no_grad():
        for seen in (images, mixed) if pipeline == "openmixup" else (mixed, images):
            network(seen)
    found = dict(method.classifier.named_buffers())
    for name, expected in network.named_buffers():
        torch.testing.assert_close(found[name], expected, rtol=1e-6, atol=1e-6)
    assert len(found) == 60  # mean, variance and count of 20 layers


@each_pipeline
def test_looking_at_the_mixed_images_leaves_no_trace(pipeline):
    net = Net("resnet18", width=8).build(CLASSES)
    method = AutoMix(pipeline=pipeline).build(net, SIDE).train()
    before = {name: t.clone() for name, t in method.state_dict().items()}
    method.mixed(torch.randn(BATCH, 3, SIDE, SIDE), rng_for(0, 0))
    assert all(torch.equal(t, before[name]) for name, t in method.state_dict().items())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mask_loss": -0.1}, "mask_loss must be 0 or more"),
        ({"mask_margin": -0.1}, "mask_margin must be 0 or more"),
        ({"lam_margin": 0.5}, r"lam_margin must lie in \[0, 0.5\), not 0.5"),
        ({"pipeline": "papr"}, "unknown pipeline 'papr': did you mean 'paper'"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        AutoMix(**change)
