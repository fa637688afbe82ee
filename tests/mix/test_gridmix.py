"""GridMix: grids painted hole by hole, and the whole rule by a slow simulation."""

import numpy as np
import pytest
import torch
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import GridMix
from adautomix.mix.gridmix import holes
from adautomix.rng import rng_for


def painted(top, left, height, width, cell, hole, shape):
    """The grid, hole by hole, with Python's slices: one that starts below 0 counts from the end."""
    mask = np.zeros(shape)
    for y in range(0, height, cell):
        for x in range(0, width, cell):
            bottom, right = min(y + hole, height), min(x + hole, width)
            mask[top + y : top + bottom, left + x : left + right] = 1
    return mask


@pytest.mark.parametrize("overhang", ["clip", "wrap"])
@pytest.mark.parametrize("shape", [(32, 32), (15, 40), (8, 6)])
def test_holes_are_those_of_a_slow_loop(overhang, shape):
    grid = GridMix(overhang=overhang).grid(rng_for(0, 1), 300, *shape)
    rows = holes(grid.top, grid.height, grid.cell, grid.hole, shape[0])
    columns = holes(grid.left, grid.width, grid.cell, grid.hole, shape[1])
    found = (rows[:, :, None] & columns[:, None, :]).double().numpy()
    whole = torch.stack(list(vars(grid).values()), dim=1).long().tolist()
    for mask, sides in zip(found, whole, strict=True):
        np.testing.assert_array_equal(mask, painted(*sides, shape))
    assert (torch.stack([grid.top, grid.left]) < 0).any() == (overhang == "wrap")


def slow_ratio(rng, alpha, shape, overhang):
    """The share that one random grid leaves to the image itself."""
    height, width = shape
    area, aspect = int(height * width * rng.uniform(0.5, 1)), rng.uniform(0.5, 2)
    across = int(np.sqrt(area / aspect))
    down = int(across * aspect)
    if overhang == "clip":
        across, down = min(across, width), min(down, height)
    cells = min(int(rng.integers(2, 7)), across // 2)
    cell = -(-across // cells)
    hole = min(max(int(cell * np.sqrt(1 - rng.beta(alpha, alpha))), 1), cell - 1)
    top, left = int((height - down) * rng.uniform()), int((width - across) * rng.uniform())
    return 1 - painted(top, left, down, across, cell, hole, shape).mean()


@pytest.mark.parametrize("overhang", ["clip", "wrap"])
@pytest.mark.parametrize(("alpha", "shape"), [(0.2, (32, 32)), (1.0, (32, 32)), (1.0, (20, 50))])
def test_the_ratios_are_distributed_as_those_of_a_slow_loop(overhang, alpha, shape):
    rng = np.random.default_rng(0)
    slow = [slow_ratio(rng, alpha, shape, overhang) for _ in range(1500)]
    rule = GridMix(alpha, overhang=overhang, per="sample")
    found = rule(torch.zeros(1500, 1, *shape), rng_for(0, 1)).ratios[:, 0].double()
    assert stats.ks_2samp(found, slow).pvalue > 0.01
    assert stats.ks_2samp(found, [ratio**1.2 for ratio in slow]).pvalue < 0.01


@pytest.mark.parametrize(("overhang", "mean"), [("clip", 0.71), ("wrap", 0.724)])
def test_the_mean_ratio_is_far_from_a_half(overhang, mean):
    rule = GridMix(overhang=overhang, per="sample")
    ratios = rule(torch.zeros(4000, 1, 32, 32), rng_for(0, 2)).ratios[:, 0]
    assert float(ratios.mean()) == pytest.approx(mean, abs=0.01)
    assert ratios.min() < 0.3


def test_how_often_a_region_is_longer_than_the_image():
    grid = GridMix(overhang="wrap").grid(rng_for(0, 1), 4000, 32, 32)
    longer = (grid.height > 32) | (grid.width > 32)
    assert float(longer.float().mean()) == pytest.approx(0.45, abs=0.03)


@pytest.mark.parametrize("shape", [(4, 4), (1, 9), (7, 1)])
def test_an_image_of_a_few_pixels_is_mixed_or_left_alone(shape):
    mixed = GridMix(per="sample")(torch.rand(200, 3, *shape), rng_for(0, 1))
    assert (mixed.ratios[:, 0] > 0).all()
    if min(shape) == 4:
        assert (mixed.ratios[:, 1] > 0).all()


def test_the_number_of_cells_is_that_asked_for():
    grid = GridMix(fewest=4, most=4).grid(rng_for(0, 1), 200, 96, 96)
    assert ((grid.width / grid.cell).ceil() <= 4).all()
    assert (grid.width > 3 * grid.cell - 3).all()


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="not fewest=5 and most=3"):
        GridMix(fewest=5, most=3)
    with pytest.raises(InputError, match="unknown overhang of GridMix 'cut'"):
        GridMix(overhang="cut")
