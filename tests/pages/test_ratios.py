"""Mixed images by λ and by epoch: frames, areas and distances against direct computations."""

import numpy as np
import pytest

from adautomix import data
from adautomix.names import method_title
from adautomix.pages import ratios
from adautomix.pages.claims import CLAIMS
from adautomix.pages.mixed_images import Gallery
from adautomix.record import recorded
from adautomix.results import experiments
from adautomix.rng import FixedLambdaRNG


@pytest.fixture(scope="module")
def mixed():
    """The rules that need no run."""
    return ratios.Ratios(Gallery(data.load("photodigits", "test"), batch=6))


def test_the_slider_has_the_same_pair_at_every_ratio(mixed):
    slider = mixed.slider(pair=1)
    partners = FixedLambdaRNG(0, 0.5).partners(6, 2)[1]
    assert slider.parents.tolist() == mixed.gallery.set.images[partners.numpy()].tolist()
    assert list(slider.mixed) == ["mixup", "cutmix"]
    first, second = slider.parents.astype(float)
    for t, share in enumerate(ratios.SHARES):
        expected = share * first + (1 - share) * second
        assert np.abs(slider.mixed["mixup"][t] - expected).max() <= 1
    assert slider.painted("mixup") == pytest.approx([100 * s for s in ratios.SHARES], abs=0.01)
    sides = [round(np.sqrt(1 - share) * 32) for share in ratios.SHARES]
    assert max(slider.painted("cutmix")) < 100
    assert all((slider.masks["cutmix"][t] == 0).sum() <= s**2 for t, s in enumerate(sides))


def test_prose_and_table_have_the_areas_of_the_ends(mixed):
    found = mixed.headline()
    assert (found["low"], found["high"]) == pytest.approx((10, 90))
    assert (found["mixup_low"], found["mixup_high"]) == pytest.approx((10, 90), abs=0.01)
    row = mixed.table().frame.set_index("method").loc["MixUp"]
    assert list(row) == [f"{100 * share:.0f}" for share in ratios.SHARES]


def moved(run, mean):
    """Mean absolute change of the masks from epoch 18 to 54, less `mean` times their mean."""
    masks = (run.pictures()[f"masks_{epoch}"].astype(float) / 255 for epoch in (18, 54))
    first, second = (m - mean * m.mean(axis=(-2, -1), keepdims=True) for m in masks)
    return np.abs(first - second).mean()


@pytest.mark.parametrize("method", ["automix", "adautomix"])
def test_masks_are_compared_between_successive_epochs(method):
    found = experiments.obtain("mixed-images", budget="quick", run=False)
    runs = ratios.pictured(found, method)
    row = ratios.by_epoch(found).frame.set_index("epochs").loc["18 and 54"]
    for what, mean in {"mask": 0.0, "shape": 1.0}.items():
        cell = row[f"{method_title(method)}, {what}"]
        assert cell.endswith(f"({len(runs)})")
        expected = np.mean([moved(run, mean) for run in runs])
        assert float(cell.split()[0]) == pytest.approx(expected, abs=6e-5)


def test_images_that_nobody_mixed_here_are_blank():
    frame = ratios.painted_here().frame.set_index("figure")
    kept = {run.data for run in recorded().all() if run.has("mixed.npz")}
    for figure, name in ratios.PAINTED_ON.items():
        assert bool(frame.loc[figure, "runs with mixed images of these"]) == (name in kept)


def test_without_a_run_there_is_a_blank_and_with_one_its_sets():
    for blank in (ratios.sets([]), ratios.over_epochs([])):
        assert not any(ax.images for ax in blank.axes)
    found = experiments.obtain("mixed-images", budget="quick", run=False)
    runs = ratios.pictured(found, "adautomix")
    sets, n = runs[0].pictures()["masks_180"].shape[:2]
    (ax,) = ratios.sets(runs).axes
    assert len(ax.images) == sets * (2 * n + 1)
    assert f"λ = {runs[0].pictures()['ratios'][0, 0]:.2f}" in {t.get_text() for t in ax.texts}


def test_the_verdict_is_that_of_the_claim():
    found = next(claim.found for claim in CLAIMS if claim.name == "diverse-images")
    assert ratios.verdict().startswith(found.verdict)
