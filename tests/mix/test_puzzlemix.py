"""PuzzleMix as a rule: who is seen where, what the options do, what cannot be done."""

import itertools
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import PuzzleMix
from adautomix.rng import rng_for

needs_maxflow = pytest.mark.skipif(find_spec("maxflow") is None, reason="needs PyMaxflow")


def batch_of(side=32, batch=6, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.tensor(rng.normal(size=(batch, 3, side // 4, side // 4))).float()
    smooth = torch.nn.functional.interpolate(images, size=side, mode="bilinear")
    return smooth, torch.tensor(rng.random((batch, side, side)) ** 4).float()


def test_without_pymaxflow_the_error_names_the_extra_and_the_other_solver(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    images, maps = batch_of()
    with pytest.raises(InputError, match=r"adautomix\[puzzlemix\].*solver='relaxed'"):
        PuzzleMix()(images, rng_for(0, 1), maps)
    assert PuzzleMix(solver="relaxed")(images, rng_for(0, 1), maps).images.shape == images.shape


@pytest.mark.parametrize(
    ("side", "blocks", "pixels"),
    [(32, 2, 4), (32, 8, 4), (32, 16, 2), (64, 4, 4), (224, 2, 14), (24, 2, 4), (28, 2, 7)],
)
def test_patches_have_the_published_side_or_more_where_that_does_not_fit(side, blocks, pixels):
    assert side // (blocks * PuzzleMix()._patches(side // blocks, blocks)) == pixels


@needs_maxflow
def test_the_transport_moves_patches_and_leaves_masks_and_ratios():
    images, maps = batch_of()
    still = PuzzleMix(blocks=(4,), transport=False)(images, rng_for(0, 1), maps)
    moved = PuzzleMix(blocks=(4,), distance=0.0)(images, rng_for(0, 1), maps)
    assert torch.equal(still.masks, moved.masks)
    assert torch.equal(still.ratios, moved.ratios)
    assert not torch.equal(still.images, moved.images)
    never = PuzzleMix(blocks=(4,), distance=1e6)(images, rng_for(0, 1), maps)
    torch.testing.assert_close(never.images, still.images)
    own = (moved.masks[:, 0] == 1).all(dim=(1, 2))
    for b in own.nonzero()[:, 0]:
        same = [x[b].flatten().sort().values for x in (moved.images, images)]
        assert torch.equal(*same)


@needs_maxflow
def test_where_the_way_costs_nothing_an_image_is_seen_by_its_most_salient_patches():
    rng = np.random.default_rng(0)
    patches = torch.tensor(rng.random((6, 8, 8))).float()
    maps = patches.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    images = maps[:, None].repeat(1, 3, 1, 1)  # so that a pixel tells its own saliency
    mixed = PuzzleMix(blocks=(4,), prior=0.0, distance=0.0)(images, rng_for(0, 1), maps)
    seen = [0, 0]
    for b, n in itertools.product(range(6), range(2)):
        mask = mixed.masks[b, n, ::4, ::4]
        best = patches[mixed.partners[b, n]].flatten().sort(descending=True).values
        alone = mixed.images[b, 0, ::4, ::4][mask == 1]
        seen[n] += len(alone)
        if len(alone):
            assert alone.min() >= best[int((mask > 0).sum()) - 1]
    assert min(seen) > 50


@needs_maxflow
def test_a_block_shows_who_is_salient_there():
    images, maps = batch_of()
    maps = torch.zeros_like(maps)
    for b in range(6):
        maps[b, :, 16 * (b % 2) : 16 * (b % 2) + 16] = 1.0
    rule = PuzzleMix(blocks=(8,), prior=0.0, smoothness=1e-6, transport=False)
    mixed = rule(images, rng_for(0, 2), maps)
    for b, partner in mixed.partners.tolist():
        if b % 2 != partner % 2:
            assert torch.equal(mixed.masks[b, 0], maps[b])


@needs_maxflow
def test_smoothness_makes_masks_constant_and_the_prior_gives_them_their_mean():
    images, maps = batch_of()
    masks = PuzzleMix(smoothness=1e3, contrast=0.0)(images, rng_for(0, 1), maps).masks
    assert (masks.amax(dim=(2, 3)) == masks.amin(dim=(2, 3))).all()
    strong = PuzzleMix(prior=1e3, per="sample")(
        images.repeat(9, 1, 1, 1), rng_for(0, 1), maps.repeat(9, 1, 1)
    )
    rng = rng_for(0, 1)
    rng.partners(54, 2)
    drawn = rng.beta(1.0, (54,))
    nearest = stats.binom(2, drawn[:, None]).pmf(np.arange(3)).argmax(axis=1) / 2
    np.testing.assert_allclose(strong.ratios[:, 0], nearest)


@needs_maxflow
@pytest.mark.parametrize(("side", "fitting"), [(32, {2, 4, 8, 16}), (24, {2, 4, 8}), (20, {2, 4})])
def test_blocks_are_drawn_from_those_that_divide_the_image(side, fitting):
    images, maps = batch_of(side)
    rule = PuzzleMix(smoothness=0.0, prior=0.0)
    seen = {rule._blocks((side, side), rng_for(0, step)) for step in range(40)}
    assert seen == fitting
    for step in range(4):
        rng = rng_for(0, step)
        rng.partners(6, 2), rng.beta(1.0, (1,))
        cell = side // rule._blocks((side, side), rng)
        masks = rule(images, rng_for(0, step), maps).masks
        tiles = masks.unfold(2, cell, cell).unfold(3, cell, cell)
        assert (tiles.amax(dim=(4, 5)) == tiles.amin(dim=(4, 5))).all()
        assert set(masks.unique().tolist()) <= {0.0, 0.5, 1.0}


@needs_maxflow
def test_how_the_images_are_normalised_does_not_matter():
    images, maps = batch_of()
    scale, shift = torch.tensor([2.0, 0.1, 5.0])[:, None, None], 3.0
    rule = PuzzleMix(smoothness=20.0, contrast=1.0)
    once, other = (rule(x, rng_for(0, 1), maps) for x in (images, images * scale + shift))
    assert torch.equal(once.masks, other.masks)
    flat = rule(torch.zeros_like(images), rng_for(0, 1), maps)
    assert not torch.equal(once.masks, flat.masks)  # the seams have their say


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"solver": "auto"}, "unknown solver 'auto': known: graphcut, relaxed"),
        ({"labels": 1}, r"2 or more possible shares \(labels\), not 1"),
        ({"contrast": 1.5}, r"contrast must lie in \[0, 1\], not 1.5"),
        ({"prior": -0.2}, "prior must be 0 or more, not -0.2"),
        ({"blocks": ()}, r"blocks are 2 or more on a side, .* blocks=\(\)"),
        ({"blocks": (1, 2)}, r"blocks=\(1, 2\)"),
        ({"patch": 0}, "patch=0"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PuzzleMix(**options)


def test_an_image_that_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match=r"image of 9×9 cannot be cut into \(2, 4, 8, 16\) equal"):
        PuzzleMix()(torch.rand(4, 3, 9, 9), rng_for(0, 1), torch.rand(4, 9, 9))
