"""What masks keep, how sharp they are and how far their area is from λ: slow loops, known cases."""

import numpy as np
import pytest
import torch

from adautomix.evaluate import describe_masks, object_coverage
from adautomix.mix import CutMix, Mixed, Mixup
from adautomix.rng import rng_for

BATCH, N, SIDE = 6, 3, 5


def mixed_of(masks, ratios=None):
    rng = rng_for(0, 1)
    ratios = rng.ratios(BATCH, N) if ratios is None else ratios
    return Mixed(torch.zeros(BATCH, 1, SIDE, SIDE), rng.partners(BATCH, N), ratios, masks)


def random_masks():
    rng = np.random.default_rng(0)
    return torch.tensor(rng.dirichlet(np.ones(N), (BATCH, SIDE, SIDE))).float().movedim(-1, 1)


def objects():
    return torch.tensor(np.random.default_rng(1).random((BATCH, SIDE, SIDE)) < 0.4)


def test_kept_share_is_that_of_a_slow_loop():
    mixed, where = mixed_of(random_masks()), objects()
    found = object_coverage(mixed, where)
    for b in range(BATCH):
        for n in range(N):
            pixels = where[mixed.partners[b, n]].nonzero().tolist()
            kept = [float(mixed.masks[b, n, i, j]) for i, j in pixels]
            assert float(found[b, n]) == pytest.approx(sum(kept) / len(pixels), rel=1e-5)


def test_constant_masks_keep_lambda_of_every_object():
    mixed = Mixup(per="sample")(torch.rand(BATCH, 3, SIDE, SIDE), rng_for(0, 1))
    torch.testing.assert_close(object_coverage(mixed, objects()), mixed.ratios)


def test_masks_that_follow_the_objects_keep_all_of_the_first_and_none_of_what_is_covered():
    where = torch.zeros(BATCH, SIDE, SIDE, dtype=torch.bool)
    where[:, :2] = True
    masks = torch.zeros(BATCH, N, SIDE, SIDE)
    masks[:, 0, :2] = 1.0
    masks[:, 1, 2:] = 1.0
    found = object_coverage(mixed_of(masks), where)
    assert found.tolist() == [[1.0, 0.0, 0.0]] * BATCH


def test_an_image_without_an_object_keeps_nothing():
    where = torch.zeros(BATCH, SIDE, SIDE, dtype=torch.bool)
    assert (object_coverage(mixed_of(random_masks()), where) == 0).all()


def test_masks_that_know_nothing_of_the_objects_keep_one_over_n():
    kept = [
        object_coverage(
            CutMix(per="sample")(torch.rand(64, 1, 8, 8), rng_for(0, step)), where
        ).mean()
        for step in range(20)
        for where in [torch.rand(64, 8, 8, generator=torch.manual_seed(step)) < 0.3]
    ]
    assert float(torch.stack(kept).mean()) == pytest.approx(1 / 2, abs=0.01)


def test_description_is_that_of_a_slow_loop():
    mixed = mixed_of(random_masks())
    masks, ratios = mixed.masks.double().numpy(), mixed.ratios.double().numpy()
    peaks, gaps = [], []
    for b in range(BATCH):
        peaks += [max(masks[b, :, i, j]) for i in range(SIDE) for j in range(SIDE)]
        gaps += [abs(masks[b, n].sum() / SIDE**2 - ratios[b, n]) for n in range(N)]
    assert describe_masks(mixed) == {
        "mask_peak": pytest.approx(np.mean(peaks), rel=1e-5),
        "area_gap": pytest.approx(np.mean(gaps), rel=1e-4),
    }


def test_even_masks_peak_at_one_over_n_and_miss_lambda_by_its_distance_from_it():
    ratios = torch.tensor([[1.0, 0.0, 0.0]]).expand(BATCH, N)
    found = describe_masks(mixed_of(torch.full((BATCH, N, SIDE, SIDE), 1 / N), ratios))
    assert found["mask_peak"] == pytest.approx(1 / 3)
    assert found["area_gap"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 3) / 3)


def test_the_boxes_of_cutmix_peak_at_one_and_their_area_is_lambda():
    mixed = CutMix(per="sample")(torch.rand(BATCH, 3, 8, 8), rng_for(0, 1))
    assert describe_masks(mixed) == {"mask_peak": 1.0, "area_gap": pytest.approx(0.0, abs=1e-7)}
