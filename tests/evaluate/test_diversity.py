"""Diversity of masks against slow loops and cases with a known value."""

import itertools

import pytest
import torch

from adautomix.errors import InputError
from adautomix.evaluate.diversity import between_sets, between_times, from_constant, spread

SETS, N, SIDE = 4, 2, 6


def random_masks(*times):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(*times, SETS, N, SIDE, SIDE, generator=generator).softmax(-3)


def constant(*ratios):
    return torch.tensor(ratios)[:, :, None, None].expand(len(ratios), N, SIDE, SIDE)


def test_masks_that_stay_have_no_distance_and_swapped_ones_all():
    whole = constant((1.0, 0.0), (0.0, 1.0))
    times = torch.stack([whole, whole, whole.flip(1)])
    torch.testing.assert_close(
        between_times(times), torch.tensor([[0, 0, 1], [0, 0, 1], [1, 1, 0]]).double()
    )


def test_the_distance_of_two_times_is_that_of_a_slow_loop():
    masks = random_masks(3)
    found = between_times(masks)
    for t, u in itertools.product(range(3), repeat=2):
        assert found[t, u] == pytest.approx(float((masks[t] - masks[u]).abs().mean()), rel=1e-6)


def test_constant_masks_have_no_shape_whatever_their_ratios():
    masks = constant((0.9, 0.1), (0.2, 0.8), (0.5, 0.5))
    assert between_sets(masks) == pytest.approx(0, abs=1e-7)
    assert from_constant(masks) == pytest.approx(0, abs=1e-7)


def test_one_pattern_for_all_images_is_no_diversity():
    one = random_masks()[:1]
    assert between_sets(one.expand(SETS, N, SIDE, SIDE)) == pytest.approx(0, abs=1e-7)
    assert from_constant(one) > 0.01


def test_left_and_right_halves_are_a_known_distance_apart():
    left = torch.zeros(1, N, SIDE, SIDE)
    left[:, 0, :, : SIDE // 2] = left[:, 1, :, SIDE // 2 :] = 1
    masks = torch.cat([left, left.flip(1)])
    assert between_sets(masks) == 1
    assert from_constant(masks) == 0.5


def test_the_shapes_distance_is_that_of_a_slow_loop():
    masks = random_masks()
    shapes = masks - masks.mean(dim=(2, 3), keepdim=True)
    pairs = itertools.combinations(shapes, 2)
    expected = torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()
    assert between_sets(masks) == pytest.approx(float(expected), rel=1e-5)


def test_spread_is_0_for_one_direction_and_1_for_orthogonal_ones():
    assert spread(torch.tensor([[1.0, 0], [2, 0], [0.5, 0]])) == pytest.approx(0, abs=1e-12)
    assert spread(torch.eye(3)) == pytest.approx(1)
    assert spread(torch.tensor([[1.0, 0], [-1, 0]])) == pytest.approx(2)


def test_spread_is_that_of_a_slow_loop():
    rows = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    pairs = itertools.combinations(rows, 2)
    alike = torch.stack([torch.cosine_similarity(a, b, dim=0) for a, b in pairs])
    assert spread(rows) == pytest.approx(float(1 - alike.mean()), rel=1e-5)


def test_one_is_not_compared():
    with pytest.raises(InputError, match="two sets or more, not 1"):
        between_sets(random_masks()[:1])
    with pytest.raises(InputError, match="two images or more, not 1"):
        spread(torch.ones(1, 3))
