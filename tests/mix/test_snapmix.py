"""SnapMix against torch's own crop and resize, and sums over boxes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from adautomix.losses import mixed_ce
from adautomix.mix import CutMix, SnapMix
from adautomix.mix.snapmix import Box, inside, move
from adautomix.rng import rng_for

BATCH, HEIGHT, WIDTH = 6, 9, 14


def images_of(batch=BATCH, dtype=torch.float64):
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(size=(batch, 3, HEIGHT, WIDTH))).to(dtype)


def maps_of(batch=BATCH):
    return torch.tensor(np.random.default_rng(1).random((batch, HEIGHT, WIDTH)) ** 2).float()


def box_of(*ends):
    return Box(*torch.tensor(ends, dtype=torch.float32).T)


BOXES = [
    ((0, 9, 0, 14), (0, 9, 0, 14)),  # all of it
    ((1, 5, 2, 9), (3, 9, 0, 4)),
    ((2, 3, 4, 5), (1, 8, 1, 13)),  # one pixel, enlarged
    ((0, 9, 3, 10), (4, 5, 6, 7)),  # into one pixel
    ((5, 9, 8, 14), (5, 9, 8, 14)),
    ((0, 2, 0, 14), (0, 9, 11, 13)),
]


def test_a_moved_box_is_the_crop_resized_by_torch():
    images, (sources, targets) = images_of(), zip(*BOXES, strict=True)
    moved = move(images, box_of(*sources), box_of(*targets))
    for b, ((a, c, d, e), (top, bottom, left, right)) in enumerate(BOXES):
        expected = F.interpolate(
            images[b : b + 1, :, a:c, d:e],
            size=(bottom - top, right - left),
            mode="bilinear",
            align_corners=True,
        )[0]
        torch.testing.assert_close(moved[b, :, top:bottom, left:right], expected)


def test_a_box_moved_onto_itself_is_unchanged_bitwise():
    same = box_of(*[first for first, _ in BOXES])
    images, where = images_of(), inside(same, HEIGHT, WIDTH)[:, None].bool()
    moved = move(images, same, same)
    assert torch.equal(moved.where(where, images), images)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_outside_the_box_is_the_image_and_inside_something_of_the_partner(per):
    images = torch.arange(8.0)[:, None, None, None].expand(8, 2, 16, 16)
    mixed = SnapMix(per=per)(images, rng_for(0, 3), torch.rand(8, 16, 16))
    assert set(mixed.masks.unique().tolist()) == {0.0, 1.0}
    shown = torch.where(mixed.masks[:, 1, None] > 0, mixed.partners[:, 1, None, None, None], images)
    torch.testing.assert_close(mixed.images, shown.expand_as(images).float())


def boxes(rule, images, step):
    """Both boxes of a step, read off the rule's own draws."""
    rng = rng_for(0, step)
    rng.partners(len(images), 2)
    height, width = images.shape[2:]
    return [
        inside(rule._box(images, rng), height, width).expand(len(images), height, width)
        for _ in range(2)
    ]


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_the_weights_are_what_is_left_and_what_is_shown_of_the_activation(per):
    rule, images, maps = SnapMix(per=per), images_of(), maps_of()
    seen = 0
    for step in range(30):
        covered, taken = boxes(rule, images, step)
        mixed = rule(images, rng_for(0, step), maps)
        for b in range(BATCH):
            hidden = shown = 0.0
            partner = int(mixed.partners[b, 1])
            if covered[b].any() and taken[b].any():
                seen += 1
                for i, j in np.ndindex(HEIGHT, WIDTH):
                    hidden += float(covered[b, i, j] * maps[b, i, j] / maps[b].sum())
                    shown += float(taken[b, i, j] * maps[partner, i, j] / maps[partner].sum())
            assert mixed.weights[b, 0] == pytest.approx(1 - hidden, abs=1e-5)
            assert mixed.weights[b, 1] == pytest.approx(shown, abs=1e-5)
    assert seen > 30


def test_where_either_box_is_empty_nothing_is_pasted_and_the_weights_are_one_and_zero():
    rule, images, maps = SnapMix(alpha=0.2), images_of(), maps_of()
    kinds = set()
    for step in range(60):
        empty = [not box.any() for box in boxes(rule, images, step)]
        kinds.add(tuple(empty))
        mixed = rule(images, rng_for(0, step), maps)
        if any(empty):
            assert torch.equal(mixed.images, images)
            assert mixed.ratios.tolist() == mixed.weights.tolist() == [[1.0, 0.0]] * BATCH
        else:
            assert not torch.equal(mixed.images, images)
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}


def test_a_pair_of_one_class_counts_the_sum_of_both_weights_once():
    mixed = SnapMix(per="sample")(images_of(), rng_for(0, 4), maps_of())
    logits = torch.tensor(np.random.default_rng(2).normal(size=(BATCH, 5)))
    labels = torch.full((BATCH,), 3)
    found = mixed_ce(logits, labels, mixed.partners, mixed.label_weights)
    expected = (F.cross_entropy(logits, labels, reduction="none") * mixed.weights.sum(1)).mean()
    torch.testing.assert_close(found, expected)
    assert (mixed.weights.sum(1) - 1).abs().max() > 0.05  # they need not sum to 1


def test_boxes_are_those_of_cutmix():
    images = torch.zeros(2000, 1, 11, 30)
    rule, cutmix = SnapMix(per="sample"), CutMix(per="sample")
    theirs = cutmix(images, rng_for(0, 1)).ratios[:, 0]
    for ours in boxes(rule, images, 2):
        own = 1 - ours.mean(dim=(1, 2))
        assert stats.ks_2samp(own, theirs).pvalue > 0.01


def test_two_boxes_a_batch_or_two_a_sample():
    images, maps = torch.zeros(32, 1, 64, 64), torch.ones(32, 64, 64)
    batch, sample = (SnapMix(per=per)(images, rng_for(0, 9), maps) for per in ("batch", "sample"))
    assert len(batch.ratios[:, 0].unique()) == 1
    assert len(sample.ratios[:, 0].unique()) > 16
    uniform = torch.stack([batch.ratios[0, 0], batch.weights[0, 0]])
    torch.testing.assert_close(uniform[0], uniform[1])  # a uniform map weighs by area


def test_what_is_pasted_is_not_rounded_by_autocast():
    images, side = torch.randn(2, 3, 8, 8), torch.zeros(2)
    source = Box(side, side + 5, side, side + 7)
    target = Box(side + 1, side + 8, side + 2, side + 6)
    plain = move(images, source, target)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(move(images, source, target), plain)
