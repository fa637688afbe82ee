"""Each equation of Sec. 3.1 and L_cosine against a slow loop with explicit soft labels."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from adautomix import losses
from adautomix.errors import InputError
from adautomix.rng import rng_for

BATCH, CLASSES = 7, 5


def sets(n, seed=0):
    """Logits, labels, partners and ratios in float64, and another set of logits."""
    numpy_rng, rng = np.random.default_rng(seed), rng_for(seed, 1)
    logits, others = torch.tensor(numpy_rng.normal(size=(2, BATCH, CLASSES)) * 3)
    labels = torch.tensor(numpy_rng.integers(0, CLASSES, BATCH))
    return logits, labels, rng.partners(BATCH, n), rng.ratios(BATCH, n).double(), others


def softmax(row):
    weights = [np.exp(value - max(row)) for value in row]
    return [weight / sum(weights) for weight in weights]


def slow_ce(row, soft_label):
    """−Σ_k y_k log p_k with the label written out."""
    return -sum(y * np.log(p) for y, p in zip(soft_label, softmax(row), strict=True))


def soft(labels, row, ratios):
    """y_mix = Σ_n λ_n y_n, y one-hot."""
    label = np.zeros(CLASSES)
    for image, ratio in zip(row, ratios, strict=True):
        label += ratio * np.eye(CLASSES)[labels[image]]
    return label


def test_ce_is_eq_1():
    logits, labels, *_ = sets(2)
    slow = [slow_ce(logits[b].numpy(), np.eye(CLASSES)[labels[b]]) for b in range(BATCH)]
    np.testing.assert_allclose(losses.ce(logits, labels), slow, rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_ace_is_eq_2(n):
    logits, labels, partners, ratios, _ = sets(n)
    slow = 0.0
    for b in range(BATCH):
        for i in range(n):
            image = int(partners[b, i])
            clean = slow_ce(logits[image].numpy(), np.eye(CLASSES)[labels[image]])
            slow += float(ratios[b, i]) * clean / BATCH
    np.testing.assert_allclose(losses.ace(logits, labels, partners, ratios), slow, rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("loss", [losses.mixed_ce, losses.amce, losses.mce])
def test_amce_and_mce_are_eq_3_and_4(loss, n):
    logits, labels, partners, ratios, _ = sets(n)
    slow = [
        slow_ce(logits[b].numpy(), soft(labels.numpy(), partners[b].tolist(), ratios[b].tolist()))
        for b in range(BATCH)
    ]
    np.testing.assert_allclose(loss(logits, labels, partners, ratios), np.mean(slow), rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_cosine_is_the_weighted_similarity_of_sec_3_3_1(n):
    mixed, _, partners, ratios, clean = sets(n)
    slow = 0.0
    for b in range(BATCH):
        for i in range(n):
            u, v = mixed[b].numpy(), clean[partners[b, i]].numpy()
            slow += float(ratios[b, i]) * (u @ v) / (u @ u) ** 0.5 / (v @ v) ** 0.5 / BATCH
    np.testing.assert_allclose(losses.cosine(mixed, clean, partners, ratios), slow, rtol=1e-12)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_with_all_weight_on_one_image_each_loss_is_plain_cross_entropy(place):
    logits, labels, partners, ratios, _ = sets(3)
    ratios = F.one_hot(torch.full((BATCH,), place), 3).double()
    whose = labels[partners[:, place]]
    mixed = losses.mixed_ce(logits, labels, partners, ratios)
    assert torch.isclose(mixed, F.cross_entropy(logits, whose), rtol=1e-12)
    ace = losses.ace(logits, labels, partners, ratios)  # each image stands once in each place
    assert torch.isclose(ace, F.cross_entropy(logits, labels), rtol=1e-12)


def test_ace_counts_each_partner_by_its_ratio():
    """One image is misread at a cost of 50 nats, the others at none: its weight is left."""
    labels = torch.zeros(BATCH, dtype=torch.int64)
    logits = torch.zeros(BATCH, CLASSES).double()
    logits[:, 0] = 100.0
    logits[4] = torch.tensor([0.0, 50.0, 0.0, 0.0, 0.0])
    _, _, partners, ratios, _ = sets(3)
    weight = ratios[partners == 4].sum()
    assert (partners == 4).sum() == 3
    found = losses.ace(logits, labels, partners, ratios)
    assert torch.isclose(found, 50 * weight / BATCH, rtol=1e-6)


def test_a_label_that_two_partners_share_gets_both_ratios():
    logits, _, partners, ratios, _ = sets(3)
    same = torch.full((BATCH,), 2)
    found = losses.mixed_ce(logits, same, partners, ratios)
    assert torch.isclose(found, F.cross_entropy(logits, same), rtol=1e-6)


@given(st.integers(0, 10_000), st.integers(2, BATCH), st.floats(0.1, 1e4))
def test_cosine_lies_between_minus_one_and_one(seed, n, scale):
    mixed, _, partners, ratios, clean = sets(n, seed)
    found = losses.cosine(mixed * scale, clean, partners, ratios)
    assert -1 - 1e-6 <= found <= 1 + 1e-6
    assert torch.isclose(found, losses.cosine(mixed, clean, partners, ratios), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cosine_of_identical_logits_is_one_and_of_opposite_ones_minus_one(sign):
    _, _, partners, ratios, clean = sets(3)
    everybody = clean[:1].expand(BATCH, CLASSES)
    found = losses.cosine(sign * everybody, everybody, partners, ratios)
    torch.testing.assert_close(found, torch.tensor(sign).double(), atol=1e-6, rtol=0)


def test_logits_of_any_size_give_finite_losses():
    logits, labels, partners, ratios, clean = sets(3)
    for loss in (losses.ace, losses.mixed_ce):
        assert torch.isfinite(loss(1e4 * logits, labels, partners, ratios))
    zero = torch.zeros_like(logits)
    assert losses.cosine(zero, clean, partners, ratios) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_in_half_precision_give_losses_in_float32(dtype):
    logits, labels, partners, ratios, clean = sets(3)
    logits, clean = logits.to(dtype), clean.to(dtype)
    for loss, second in (
        (losses.ace, labels),
        (losses.mixed_ce, labels),
        (losses.cosine, clean),
    ):
        with torch.autocast("cpu", dtype):
            found = loss(logits, second, partners, ratios.float())
        second = second if second is labels else second.double()
        exact = loss(logits.double(), second, partners, ratios)
        assert found.dtype == torch.float32
        assert float(found) == pytest.approx(float(exact), abs=2 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("wrong", [-1, CLASSES])
@pytest.mark.parametrize("loss", [losses.ace, losses.mixed_ce])
def test_a_label_that_is_no_class_is_one_sentence(loss, wrong):
    logits, labels, partners, ratios, _ = sets(3)
    labels[0] = wrong
    with pytest.raises(
        InputError, match=f"labels run from .*, but the model has {CLASSES} classes"
    ):
        loss(logits, labels, partners, ratios)
