"""Random PatchDrop: how many cells go, which, what is seen instead, and what that does."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from adautomix.errors import InputError
from adautomix.evaluate import Occlusion, PatchDrop, accuracy, occlusion
from adautomix.evaluate.occlusion import SHARES, cells_along

SIDE, COUNT = 16, 40


def split(count=COUNT, side=SIDE, classes=4):
    """Random pixels, strictly above black, and labels."""
    source = torch.Generator().manual_seed(0)
    pixels = 0.2 + 0.6 * torch.rand(count, 3, side, side, generator=source)
    return pixels, torch.randint(0, classes, (count,), generator=source)


def batches(pixels, labels, size):
    return list(zip(pixels.split(size), labels.split(size), strict=True))


def dropped_at(share, drop=None, pixels=None):
    """Which pixels of which image are gone, "b h w"."""
    drop, pixels = drop or PatchDrop(grid=4), split()[0] if pixels is None else pixels
    seen = drop(pixels, drop.orders(pixels, drop.rng()), share)
    return (seen != pixels).all(dim=1)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(392, 4)
        )


def test_nothing_dropped_is_the_clean_accuracy_and_all_dropped_that_of_one_image(network):
    pixels, labels = split()
    found = occlusion(network, batches(pixels, labels, 7), shares=(0.0, 1.0))
    assert found.accuracies[0] == accuracy(network, batches(pixels, labels, 7)).top1
    with torch.no_grad():
        constant = int(network.eval()(torch.zeros(1, 3, SIDE, SIDE)).argmax())
    network.train()
    assert found.accuracies[1] == float((labels == constant).float().mean())


@pytest.mark.parametrize("share", [*SHARES, 0.33, 1.0])
@pytest.mark.parametrize("grid", [1, 2, 4, 8, 16])
def test_every_image_loses_exactly_its_share_of_whole_cells(share, grid):
    gone = dropped_at(share, PatchDrop(grid=grid))
    cell = SIDE // grid
    cells = gone.unflatten(1, (grid, cell)).unflatten(3, (grid, cell)).float().mean(dim=(2, 4))
    assert set(cells.unique().tolist()) <= {0.0, 1.0}, "a cell is gone as a whole or not at all"
    assert set(cells.sum(dim=(1, 2)).tolist()) == {round(share * grid * grid)}


def test_what_is_gone_early_stays_gone():
    gone = torch.stack([dropped_at(share) for share in SHARES])
    assert (gone[:-1] <= gone[1:]).all()
    assert gone[1].any()


def test_images_lose_different_cells_unless_one_set_is_shared():
    own = dropped_at(0.5).flatten(1)
    assert len(own.unique(dim=0)) > COUNT * 0.9
    shared = dropped_at(0.5, PatchDrop(grid=4, shared=True)).flatten(1)
    assert len(shared.unique(dim=0)) == 1


def test_shared_sets_differ_between_batches():
    drop, pixels = PatchDrop(grid=4, shared=True), split()[0]
    rng = drop.rng()
    first, second = (drop.orders(pixels, rng) for _ in range(2))
    assert not torch.equal(first, second)


def test_every_cell_is_dropped_as_often_as_any_other():
    gone = dropped_at(0.25, pixels=split(2000)[0])[:, ::4, ::4].float()
    error = math.sqrt(0.25 * 0.75 / 2000)
    assert (gone.mean(dim=0) - 0.25).abs().max() < 4 * error


def test_the_seed_decides_and_the_batches_do_not():
    pixels, _ = split()
    drop = PatchDrop(grid=4, seed=3)
    whole = drop.orders(pixels, drop.rng())
    rng = drop.rng()
    parts = torch.cat([drop.orders(part, rng) for part in pixels.split(7)])
    assert torch.equal(whole, parts)
    other = PatchDrop(grid=4, seed=4)
    assert not torch.equal(whole, other.orders(pixels, other.rng()))


def test_two_passes_over_one_split_agree_whatever_the_batches(network):
    pixels, labels = split()
    found = [occlusion(network, batches(pixels, labels, size)) for size in (7, 40)]
    assert found[0] == found[1]
    assert found[0].shares == SHARES
    assert isinstance(found[0], Occlusion)
    assert found[0].n == COUNT


@pytest.mark.parametrize("fill", [0.0, 0.9, (0.1, 0.15, 0.9)])
def test_what_is_gone_has_the_colour_asked_for_and_the_rest_is_untouched(fill):
    pixels, _ = split()
    before, drop = pixels.clone(), PatchDrop(grid=4, fill=fill)
    seen = drop(pixels, drop.orders(pixels, drop.rng()), 0.5)
    colour = torch.tensor(fill).expand(3)
    gone = (seen != pixels).all(dim=1)
    assert torch.equal(seen.movedim(1, -1)[gone], colour.expand(int(gone.sum()), 3))
    assert torch.equal(seen.movedim(1, -1)[~gone], pixels.movedim(1, -1)[~gone])
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_images_keep_their_dtype(dtype):
    pixels, drop = split()[0].to(dtype), PatchDrop(fill=(0.5, 0.5, 0.5))
    assert drop(pixels, drop.orders(pixels, drop.rng()), 0.3).dtype == dtype


@pytest.mark.parametrize(
    ("side", "cells"), [(224, 14), (32, 16), (64, 13), (448, 14), (28, 14), (8, 8), (1, 1)]
)
def test_the_default_grid_is_that_of_the_paper_scaled(side, cells):
    assert cells_along(side) == cells
    drop, pixels = PatchDrop(), torch.rand(1, 3, side, side)
    assert drop.orders(pixels, drop.rng()).shape == (1, cells, cells)


def test_a_grid_that_does_not_divide_the_side_has_cells_that_differ_by_one_pixel():
    pixels = split(1, 10)[0]
    drop = PatchDrop(grid=3)
    areas = [int(dropped_at(k / 9, drop, pixels).sum()) for k in range(10)]
    assert areas[0] == 0
    assert areas[-1] == 100
    assert {b - a for a, b in pairwise(areas)} <= {9, 12, 16}


def test_images_need_not_be_square():
    pixels = split()[0][:, :, :8]
    gone = dropped_at(0.5, PatchDrop(grid=4), pixels)
    assert set(gone.sum(dim=(1, 2)).tolist()) == {8 * 16 // 2}


def test_a_detector_of_one_pixel_goes_blind_as_often_as_its_cell_goes():
    """Class 1 where the pixel is lit, and every image has it lit: accuracy is 1 − share."""
    count = 2000
    pixels, labels = torch.full((count, 3, 8, 8), 0.9), torch.ones(count, dtype=torch.int64)

    def detector(images):
        lit = images[:, 0, 5, 2]
        return torch.stack([torch.full_like(lit, 0.5), lit], dim=1)

    found = occlusion(detector, batches(pixels, labels, 300), PatchDrop(grid=4))
    for share, value in zip(found.shares, found.accuracies, strict=True):
        kept = 1 - round(16 * share) / 16
        assert abs(value - kept) <= 4 * math.sqrt(kept * (1 - kept) / count)


def test_the_network_is_left_as_it_was(network):
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    occlusion(network, batches(*split(), 20), shares=(0.5,))
    assert network.training
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


@pytest.mark.parametrize(
    ("drop", "shares", "sentence"),
    [
        (PatchDrop(grid=0), (0.5,), "a grid of 0 × 0 cells does not fit images of 16 × 16 px"),
        (PatchDrop(grid=17), (0.5,), "choose a grid between 1 and 16"),
        (None, (0.5, 1.2), r"shares of dropped cells lie in \[0, 1\], not \(0.5, 1.2\)"),
        (None, (math.nan,), r"lie in \[0, 1\]"),
        (None, (), r"lie in \[0, 1\], not \(\)"),
        (PatchDrop(fill=(0.1, 0.2)), (0.5,), r"each of the images' 3 channels, not \(0.1, 0.2\)"),
        (PatchDrop(fill=127.0), (0.5,), r"fill must be a value in \[0, 1\], .* not 127"),
        (PatchDrop(fill=math.nan), (0.5,), "not nan"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(drop, shares, sentence):
    with pytest.raises(InputError, match=sentence):
        occlusion(lambda images: images[:, :, 0, 0], batches(*split(), 20), drop, shares=shares)


def test_without_images_there_is_no_number():
    with pytest.raises(InputError, match="no images to evaluate"):
        occlusion(lambda images: images[:, :, 0, 0], [])
