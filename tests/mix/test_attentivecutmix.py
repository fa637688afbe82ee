"""Attentive CutMix against a slow loop over the cells."""

import numpy as np
import pytest
import torch
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import AttentiveCutMix
from adautomix.mix.attentivecutmix import top_cells
from adautomix.rng import rng_for


def maps_of(batch, rows, columns, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(batch, rows, columns)))


def slow_cells(values, count):
    """The `count` largest, one after the other."""
    kept, left = np.zeros(values.shape), values.astype(float).copy()
    for _ in range(count):
        place = np.unravel_index(left.argmax(), left.shape)
        kept[place], left[place] = 1, -np.inf
    return kept


def test_the_kept_cells_are_the_largest():
    maps, count = maps_of(5, 3, 4), torch.tensor([1, 3, 7, 12, 2])
    found = top_cells(maps, count)
    for b in range(5):
        np.testing.assert_array_equal(found[b], slow_cells(maps[b].numpy(), int(count[b])))


def test_of_equal_cells_the_earlier_is_kept():
    found = top_cells(torch.zeros(1, 2, 3), torch.tensor([2]))
    assert found.tolist() == [[[1, 1, 0], [0, 0, 0]]]


@pytest.mark.parametrize(("cells", "kept"), [(7, 6), (8, 8), (4, 2), (2, 1)])
def test_six_of_forty_nine_cells_or_as_many_of_another_grid(cells, kept):
    images = torch.zeros(3, 1, cells * 4, cells * 4)
    mixed = AttentiveCutMix()(images, rng_for(0, 1), maps_of(3, cells, cells))
    torch.testing.assert_close(mixed.ratios[:, 0], torch.full((3,), kept / cells**2))


def test_a_kept_cell_shows_the_image_and_any_other_its_partner():
    images, maps = torch.rand(6, 3, 12, 8), maps_of(6, 3, 4)
    mixed = AttentiveCutMix(share=0.25)(images, rng_for(0, 2), maps)
    for b in range(6):
        kept = slow_cells(maps[b].numpy(), 3)
        for row, column in np.ndindex(3, 4):
            cell = (slice(None), slice(4 * row, 4 * row + 4), slice(2 * column, 2 * column + 2))
            shown = b if kept[row, column] else int(mixed.partners[b, 1])
            assert torch.equal(mixed.images[b][cell], images[shown][cell])


def test_the_ratio_is_the_painted_one_where_cells_do_not_divide_the_image():
    images = torch.arange(2.0)[:, None, None, None].expand(2, 1, 10, 10)
    mixed = AttentiveCutMix(share=1 / 9)(images, rng_for(0, 3), maps_of(2, 3, 3))
    own = (mixed.images == images).double().mean(dim=(1, 2, 3))
    torch.testing.assert_close(mixed.ratios[:, 0].double(), own)
    assert (own != 1 / 9).all()


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_a_drawn_share_is_beta_on_the_grid(alpha):
    images, cells = torch.zeros(3000, 1, 4, 4), 16
    rule = AttentiveCutMix(share=None, alpha=alpha, per="sample")
    kept = rule(images, rng_for(0, 4), maps_of(3000, 4, 4)).ratios[:, 0] * cells
    found = torch.bincount(kept.round().long(), minlength=cells + 1).numpy()
    edges = np.arange(1, cells + 1) / cells
    expected = np.diff(stats.beta(alpha, alpha).cdf(edges))  # int(λ · 16) = 1..15
    expected = np.concatenate([[stats.beta(alpha, alpha).cdf(1 / cells)], expected])
    expected = np.concatenate([[expected[0] + expected[1]], expected[2:]])  # 0 becomes 1
    assert found[0] == found[cells] == 0
    assert stats.chisquare(found[1:cells], 3000 * expected).pvalue > 0.01


def test_one_share_a_batch_or_one_a_sample():
    images, maps = torch.zeros(32, 1, 8, 8), maps_of(32, 8, 8)
    batch, sample = (
        AttentiveCutMix(share=None, per=per)(images, rng_for(0, 5), maps).ratios[:, 0]
        for per in ("batch", "sample")
    )
    assert len(batch.unique()) == 1
    assert len(sample.unique()) > 8


@pytest.mark.parametrize("share", [0.0, -0.1, 1.2])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(InputError, match=r"share of kept cells must lie in \(0, 1\], not"):
        AttentiveCutMix(share=share)
