"""ResizeMix: every pixel by a slow loop, and torch's own nearest-neighbour resizing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import ResizeMix
from adautomix.rng import rng_for


def slow_span(scale, centre, length):
    """First and one past the last pixel of a box that is `scale` of a side long."""
    half, middle = int(np.float32(length * scale)) // 2, int(centre * length)
    return max(middle - half, 0), min(middle + half, length)


def boxes(rule, rng, batch, shape):
    """The same random numbers in the same order, as boxes ((top, bottom), (left, right))."""
    rng.partners(batch, 2)
    count = batch if rule.per == "sample" else 1
    scale = rng.numpy.uniform(rule.low, rule.high, count).astype(np.float32)
    centres = rng.numpy.uniform(0, 1, (2, count)).astype(np.float32)
    found = [
        tuple(slow_span(scale[i], centres[axis, i], shape[axis]) for axis in (0, 1))
        for i in range(count)
    ]
    return found if rule.per == "sample" else found * batch


@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("shape", [(16, 16), (9, 14)])
def test_every_pixel_is_that_of_a_slow_loop(per, shape):
    rule, images = ResizeMix(per=per), torch.rand(12, 2, *shape)
    mixed = rule(images, rng_for(0, 3))
    for b, (rows, columns) in enumerate(boxes(rule, rng_for(0, 3), 12, shape)):
        other = int(mixed.partners[b, 1])
        for i, j in np.ndindex(*shape):
            expected, inside = images[b, :, i, j], False
            if rows[0] <= i < rows[1] and columns[0] <= j < columns[1]:
                y = (i - rows[0]) * shape[0] // (rows[1] - rows[0])
                x = (j - columns[0]) * shape[1] // (columns[1] - columns[0])
                expected, inside = images[other, :, y, x], True
            assert torch.equal(mixed.images[b, :, i, j], expected)
            assert bool(mixed.masks[b, 1, i, j]) == inside


def test_the_pasted_box_is_the_partner_resized_by_torch():
    images = torch.rand(60, 3, 32, 32)
    mixed = ResizeMix(per="sample")(images, rng_for(0, 1))
    for b in range(60):
        inside = mixed.masks[b, 1].bool()
        size = int(inside.any(1).sum()), int(inside.any(0).sum())
        other = images[mixed.partners[b, 1:]]
        shrunk = F.interpolate(other, size, mode="nearest")[0]
        assert torch.equal(mixed.images[b][:, inside], shrunk.flatten(1))


def test_the_ratios_are_distributed_as_those_of_a_slow_loop():
    rng, slow = np.random.default_rng(0), []
    for _ in range(2000):
        scale = rng.uniform(0.1, 0.8)
        sides = [slow_span(scale, rng.uniform(), 32) for _ in range(2)]
        slow.append(1 - np.prod([stop - start for start, stop in sides]) / 32**2)
    mixed = ResizeMix(per="sample")(torch.zeros(2000, 1, 32, 32), rng_for(0, 1))
    found = mixed.ratios[:, 0].double()
    assert stats.ks_2samp(found, slow).pvalue > 0.01
    assert stats.ks_2samp(found, [ratio**1.5 for ratio in slow]).pvalue < 0.01


def test_the_benchmark_s_beta_draw_is_the_same_distribution():
    """τ ~ Beta(1, 1), drawn again from U(.1, .8) where it lies outside."""
    rng = np.random.default_rng(0)
    drawn, again = rng.beta(1, 1, 4000), rng.uniform(0.1, 0.8, 4000)
    found = np.where((drawn < 0.1) | (drawn > 0.8), again, drawn)
    assert stats.kstest(found, stats.uniform(0.1, 0.7).cdf).pvalue > 0.01


def test_a_box_without_a_pixel_leaves_the_image_alone():
    images = torch.rand(4, 1, 5, 5)
    mixed = ResizeMix(low=0.1, high=0.3)(images, rng_for(0, 1))
    assert torch.equal(mixed.images, images)
    assert mixed.ratios.tolist() == [[1.0, 0.0]] * 4


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.5, 0.4), (0.5, 1.1)])
def test_a_scale_that_is_no_range_of_shares_is_refused(low, high):
    with pytest.raises(InputError, match=f"not low={low} and high={high}"):
        ResizeMix(low, high)
