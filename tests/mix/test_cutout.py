"""Cutout: holes by a slow loop, and a label that stays whole."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from adautomix.errors import InputError
from adautomix.losses import mixed_ce
from adautomix.mix import Cutout
from adautomix.rng import rng_for


def slow_kept(row, column, side, height, width):
    """What is left of an image, pixel by pixel: as published, around one pixel, clipped."""
    kept = np.ones((height, width))
    half = int(height * side) // 2, int(width * side) // 2
    for i, j in np.ndindex(height, width):
        if row - half[0] <= i < row + half[0] and column - half[1] <= j < column + half[1]:
            kept[i, j] = 0
    return kept


@pytest.mark.parametrize(("height", "width"), [(32, 32), (9, 20)])
@pytest.mark.parametrize("side", [0.25, 0.6])
def test_holes_are_those_of_a_slow_loop(height, width, side):
    images = torch.rand(20, 3, height, width)
    mixed = Cutout(side)(images, rng_for(0, 1))
    centres = rng_for(0, 1).numpy.uniform(0, 1, (2, 20))
    for b in range(20):
        row, column = int(centres[0, b] * height), int(centres[1, b] * width)
        kept = slow_kept(row, column, side, height, width)
        np.testing.assert_array_equal(mixed.masks[b, 0], kept)
        np.testing.assert_array_equal(mixed.images[b], images[b].numpy() * kept)
        assert float(mixed.ratios[b, 0]) == pytest.approx(kept.mean())


def test_the_kept_share_is_distributed_as_around_uniform_pixels():
    rng = np.random.default_rng(0)
    slow = [slow_kept(*rng.integers(16, size=2), 0.5, 16, 16).mean() for _ in range(600)]
    kept = Cutout(0.5)(torch.zeros(600, 1, 16, 16), rng_for(0, 1)).ratios[:, 0].double()
    assert stats.ks_2samp(kept, slow).pvalue > 0.01
    assert stats.ks_2samp(kept, [share**1.2 for share in slow]).pvalue < 0.01


def test_the_default_hole_has_the_papers_64_pixels_on_cifar_100():
    mixed = Cutout()(torch.zeros(50, 3, 32, 32), rng_for(0, 1))
    assert int((1 - mixed.masks).sum(dim=(1, 2, 3)).max()) == 64


def test_the_label_stays_whole():
    mixed = Cutout()(torch.rand(8, 3, 16, 16), rng_for(0, 1))
    logits, labels = torch.randn(8, 5), torch.arange(8) % 5
    assert mixed.ratios.max() < 1
    torch.testing.assert_close(
        mixed_ce(logits, labels, mixed.partners, mixed.label_weights),
        F.cross_entropy(logits, labels),
    )


@pytest.mark.parametrize("side", [0.0, -0.1, 1.5])
def test_a_side_that_is_no_share_is_refused(side):
    with pytest.raises(InputError, match=rf"must lie in \(0, 1\], not {side}"):
        Cutout(side)
