"""Every method on the same pairs: pictures, labels and shares against slow computations."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from adautomix import data
from adautomix.errors import InputError
from adautomix.methods import METHODS
from adautomix.mix import CutMix, Mixup, SmoothMix
from adautomix.pages import mixed_images
from adautomix.pages.mixed_images import Gallery, closer_and_fuller
from adautomix.results import experiments
from adautomix.rng import FixedLambdaRNG, StepRNG

RULES = ["mixup", "cutmix", "fmix", "gridmix", "resizemix", "smoothmix", "cutout"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One learned method at the smallest budget."""
    folder = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAUTOMIX_RUNS", str(folder))
        found = experiments.obtain(
            "mixed-images", budget="smoke", methods=["adautomix"], device="cpu"
        )
    return found.local


@pytest.fixture(scope="module")
def shown(runs):
    return Gallery(data.load("photodigits", "test"), runs, batch=12)


# the draw


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_same_partners_whatever_was_drawn_before(n):
    rng = FixedLambdaRNG(1, 0.7)
    rng.uniform(0.0, 1.0, (9,))
    partners = rng.partners(8, n)
    assert torch.equal(partners, FixedLambdaRNG(1, 0.2).partners(8, n))
    assert torch.equal(partners[:, :2], rng.partners(8, 2))
    assert torch.equal(rng.permutation(8), partners[:, 1])
    assert not torch.equal(partners, FixedLambdaRNG(2, 0.7).partners(8, n))


def test_the_ratio_is_the_share_and_the_others_divide_the_rest():
    rng = FixedLambdaRNG(0, 0.7)
    assert rng.beta(0.2, (3,)).tolist() == pytest.approx([0.7] * 3)
    assert rng.ratios(2, 3)[1].tolist() == pytest.approx([0.7, 0.15, 0.15])


def test_everything_else_is_drawn():
    rng, usual = FixedLambdaRNG(3, 0.7), StepRNG(3, stream="evaluate")
    assert torch.equal(rng.uniform(0.0, 1.0, (5,)), usual.uniform(0.0, 1.0, (5,)))
    assert not torch.equal(rng.uniform(0.0, 1.0, (5,)), rng.uniform(0.0, 1.0, (5,)))


def test_a_copy_of_the_draw_is_the_same():
    again = pickle.loads(pickle.dumps(FixedLambdaRNG(3, 0.7)))
    assert torch.equal(again.beta(1.0, (2,)), FixedLambdaRNG(3, 0.7).beta(1.0, (2,)))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_outside_the_interval_is_refused(share):
    with pytest.raises(InputError, match="share of the first image"):
        FixedLambdaRNG(0, share)


# the gallery


def test_every_method_that_mixes_is_shown_or_said_to_be_missing(shown):
    mixing = METHODS.keys() - {"plain", "me_ada", "dada"}
    assert shown.mixers.keys() | shown.left_out.keys() == mixing
    assert not shown.mixers.keys() & shown.left_out.keys()
    assert {"manifoldmix", "alignmix", "automix", "samix"} <= shown.left_out.keys()
    assert {*RULES, "adautomix"} <= shown.mixers.keys()
    assert shown.left_out["samix"] == mixed_images.NO_RUN.format(title="PhotoDigits")


def test_all_mix_the_same_pairs_with_the_same_ratio(shown):
    every = shown.mixed(0.7)
    partners = FixedLambdaRNG(0, 0.7).partners(12, 2)
    for name, mixed in every.items():
        assert torch.equal(mixed.partners, partners[:, : mixed.partners.shape[1]]), name
    for name in ("mixup", "fmix", "adautomix"):
        torch.testing.assert_close(
            every[name].label_weights[:, 0], torch.full((12,), 0.7), atol=1e-3, rtol=0
        )


def test_the_released_generator_mixes_the_same_pairs(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    row = ["adautomix_released"]
    found = experiments.obtain("mixed-images", budget="smoke", methods=row, device="cpu")
    mixed = Gallery(data.load("photodigits", "test"), found.local, batch=8).mixed(0.7)
    assert torch.equal(mixed["adautomix_released"].partners, mixed["mixup"].partners)
    assert torch.equal(mixed["adautomix_released"].ratios, mixed["mixup"].ratios)


def test_a_picture_is_the_sum_of_its_parents_under_the_masks(shown):
    sheet = shown.sheet(0.7, pairs=3)
    first, second = sheet["parents"].astype(float)
    for name in ("mixup", "cutmix", "adautomix"):
        mask = sheet["masks"][name][..., None]
        expected = mask * first + (1 - mask) * second
        assert np.abs(expected - sheet["mixed"][name]).max() < 1
    assert sheet["parents"].dtype == np.uint8
    assert sheet["parents"].shape == (2, 3, 32, 32, 3)


def test_labels_and_shares_are_those_of_a_slow_loop(shown):
    table = shown.labels(0.7).set_index("method")
    for name in ("cutmix", "resizemix", "smoothmix"):
        mixed = shown.mixed(0.7)[name]
        assert table["painted 1"][name] == pytest.approx(float(mixed.masks[:, 0].mean()), abs=1e-6)
        kept = [], []
        for b, pair in enumerate(mixed.partners.tolist()):
            for n, image in enumerate(pair):
                weights = torch.zeros(32 * 32)
                for pixel, mask in enumerate(mixed.masks[b, n].flatten().tolist()):
                    moved = mixed.sources is not None
                    source = int(mixed.sources[b, n].flatten()[pixel]) if moved else pixel
                    weights[source] += mask
                theirs = torch.from_numpy(shown.set.masks[image]).flatten()
                kept[n].append(float(weights.clamp(max=1)[theirs].mean()))
        assert [table["kept 1"][name], table["kept 2"][name]] == pytest.approx(
            [np.mean(k) for k in kept], abs=1e-5
        )
        said = mixed.label_weights.T.numpy()
        assert table["off"][name] == pytest.approx(np.abs(said - kept).mean(), abs=1e-5)
    assert table["gap"]["mixup"] == pytest.approx(0, abs=1e-6)
    assert table["label 1"]["cutout"] == 1
    assert table["mask_std"]["mixup"] == pytest.approx(0, abs=1e-6)
    areas = shown.mixed(0.7)["cutmix"].masks[:, 0].mean(dim=(1, 2))  # of ones among zeros
    spread = (areas * (1 - areas)).sqrt().mean()
    assert table["mask_std"]["cutmix"] == pytest.approx(float(spread), abs=1e-5)
    assert np.isnan(table["kept 2"]["cutout"])


def test_the_table_is_the_numbers_in_percent(shown):
    made, numbers = shown.table(0.7, "tab:x"), shown.headline(0.7)
    assert made[1:] == ("Means over 12 pairs, λ of image 1 = 0.7.", "tab:x")
    table = made.frame.set_index("method")
    assert table["label of image 1 (%)"]["MixUp"] == "70"
    assert table["object 2 kept (%)"]["Cutout"] == ""
    assert table["object 1 kept (%)"]["CutMix"] == f"{numbers['cutmix_kept_1']:.0f}"
    assert table["label and kept apart (points)"]["CutMix"] == f"{numbers['cutmix_off']:.0f}"
    assert numbers["pairs"] == 12
    assert numbers["verdict"].startswith(("holds", "does not hold"))


@pytest.mark.parametrize(
    ("off", "kept", "expected"),
    [
        ([0.1, 0.2, 0.0], [(0.6, 0.6), (0.5, 0.5), (0.5, 0.5)], (True, True)),
        ([0.1, 0.2, 0.0], [(0.5, 0.5), (0.4, 0.4), (0.5, 0.6)], (True, False)),
        ([0.3, 0.2, 0.0], [(0.5, 0.5), (0.9, 0.1), (0.9, np.nan)], (False, False)),
    ],
)
def test_the_claim_is_on_labels_and_on_what_is_kept(off, kept, expected):
    names = ["adautomix", "cutmix", "cutout"]
    frame = pd.DataFrame({"method": names, "off": off})
    frame[["kept 1", "kept 2"]] = kept
    assert closer_and_fuller(frame) == expected
    assert closer_and_fuller(frame[1:]) == (None, None)
    assert closer_and_fuller(frame.drop(columns="off")) == (None, None)


def test_a_run_on_other_images_lends_nothing(runs, shown):
    elsewhere = replace(runs[0], name="cifar100/resnet18/adautomix")
    found = Gallery(data.load("photodigits", "test"), [elsewhere], batch=4)
    assert {"adautomix", "puzzlemix", "snapmix", "attentivecutmix"} <= found.left_out.keys()
    assert set(RULES) <= found.mixers.keys()
    assert list(found.missing().frame["method"]) == [
        mixed_images.method_title(name) for name in found.left_out
    ]


def test_what_needs_a_missing_library_is_left_out_with_its_sentence(runs, monkeypatch):
    def missing(*_):
        raise InputError("SmoothMix needs a library.")

    monkeypatch.setattr(SmoothMix, "__call__", missing)
    found = Gallery(data.load("photodigits", "test"), runs, batch=4)
    assert found.left_out["smoothmix"] == "SmoothMix needs a library."


def test_pairs_get_boxes_of_their_own(shown):
    mixed = shown.mixed(0.5)["cutmix"]
    assert len({mask.numpy().tobytes() for mask in mixed.masks[:, 0]}) > 10
    assert CutMix().per == Mixup().per == "batch"  # which is the published default


def test_a_verdict_in_part_says_which_part():
    assert mixed_images.verdict(True, True) == "holds"
    assert mixed_images.verdict(False, False) == "does not hold"
    assert mixed_images.verdict(None, None) == "cannot be told"
    assert "another method keeps more" in mixed_images.verdict(True, False)
    assert "CutMix's labels lie nearer" in mixed_images.verdict(False, True)
