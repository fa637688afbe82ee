"""The numbers of the page on paper and code, against theory and slow computations."""

import json
import math
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adautomix import recipes
from adautomix.errors import InputError
from adautomix.pages import paper_vs_code
from adautomix.results import experiments


def test_the_laws_of_the_ratio_have_their_theoretical_moments():
    found = paper_vs_code.laws_of_ratio()
    # a share of a uniform point of the 2-simplex is Beta(1, 2); P(max > t) = 3 (1 − t)² for t > ½
    assert found["ratio_sd_paper"] == pytest.approx(math.sqrt(1 / 18), rel=0.02)
    assert found["ratio_high_paper"] == pytest.approx(3 * 0.2**2, abs=0.008)
    u = np.random.default_rng(0).random((200_000, 3))
    divided = u / u.sum(axis=1, keepdims=True)
    assert found["ratio_sd_released"] == pytest.approx(divided[:, 0].std(), rel=0.02)
    assert found["ratio_high_released"] == pytest.approx((divided.max(1) > 0.8).mean(), abs=0.005)


def test_one_comparison_decides_whether_the_classifier_sees_the_masks():
    """The share of λ_1 = u/(u+v+w) within 0.03 of 0 or 1, by numpy; the port sees the opposite."""
    u = np.random.default_rng(1).random((200_000, 3))
    first = u[:, 0] / u.sum(axis=1)
    found = paper_vs_code.margins()
    outside = 100 * ((first <= 0.03) | (first > 0.97)).mean()
    assert found["constant_released"] == pytest.approx(outside, abs=0.4)
    assert found["constant_openmixup"] > 99.9


def test_the_first_loss_is_that_of_uniform_predictions():
    log_k = math.log(100)
    even = -0.3 * log_k + 0.7 * 1.0  # an adversarial step at cosine 1, as released
    odd = log_k
    found = paper_vs_code.first_loss()
    assert found["loss_released_high"] == pytest.approx(2 * log_k + (even + odd) / 2)
    assert found["loss_opposite"] < 10.6 < found["loss_released_low"] < found["loss_released_high"]


def test_only_the_paper_s_masks_see_the_ratio():
    found = paper_vs_code.ratio_in_masks()
    assert found["mask_change_released"] == 0
    assert found["mask_change_paper"] > 0.1


def test_the_teacher_s_statistics_are_those_of_its_passes_one_by_one():
    """Clean, mixed, and N times clean, each with BatchNorm's momentum 0.1, for ever."""
    clean, mixed = 0.0, 0.0
    for _ in range(400):
        for is_clean in (True, False, True, True, True):
            clean, mixed = (
                0.9 * share + 0.1 * hit for share, hit in ((clean, is_clean), (mixed, not is_clean))
            )
    assert paper_vs_code.teachers()["clean_statistics"] == pytest.approx(100 * clean, abs=1e-6)
    assert clean + mixed == pytest.approx(1)
    assert paper_vs_code.teachers()["momentum_end_paper"] == 1


def test_as_published_and_here_are_what_the_rules_say():
    assert paper_vs_code.overhang()[2:] == (pytest.approx(0.45, abs=0.01), 0.0)
    assert paper_vs_code.spectrum()[2] == pytest.approx(0, abs=1e-9)
    assert paper_vs_code.spectrum()[3] > 0.01
    assert paper_vs_code.smooth_labels()[3] == 0
    # |mean(1 − G) − mean(G)| = |1 − 2 mean(G)|, with the bell integrated on a fine grid
    rng = np.random.default_rng(0)
    sigma, row, column = rng.uniform(0.25, 0.5, 4000), rng.random(4000), rng.random(4000)
    middle = (np.arange(8) + 0.5) / 8
    along = [
        np.exp(-(((middle - at[:, None]) / sigma[:, None]) ** 2) / 2).mean(axis=1)
        for at in (row, column)
    ]
    expected = np.abs(1 - 2 * along[0] * along[1]).mean()
    assert paper_vs_code.smooth_labels()[2] == pytest.approx(expected, abs=0.01)
    published, here = paper_vs_code.marginals()[2:]
    assert published > 0.05 > 1e-5 > here


def test_the_published_saliency_looks_past_the_digit(monkeypatch):
    pytest.importorskip("cv2.saliency")
    monkeypatch.setattr(paper_vs_code, "_digits", lambda: digits(40))
    _, _, published, here = paper_vs_code.saliency_peaks()
    assert published < here
    _, _, published, here = paper_vs_code.saliency_kept()
    assert published < here


digits = paper_vs_code._digits


def test_a_rule_without_its_library_is_left_out(monkeypatch):
    def missing():
        raise InputError("no library")

    def known():
        return "GridMix", "regions", 0.5, 0.25

    for name in ("saliency_peaks", "saliency_kept", "spectrum", "smooth_labels", "marginals"):
        monkeypatch.setattr(paper_vs_code, name, missing)
    monkeypatch.setattr(paper_vs_code, "overhang", known)
    assert paper_vs_code.rules().frame.to_numpy().tolist() == [
        ["GridMix", "regions", "50.0", "25.0"]
    ]


def test_the_global_generator_is_untouched():
    before = torch.get_rng_state()
    paper_vs_code.game()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_was_trained_is_quoted_and_shown():
    floors = experiments.obtain("floor", run=False)
    numbers, tables = paper_vs_code.trained(floors, "tab:floor")
    assert numbers == floors.means()
    assert tables["table"].name == "tab:floor"
    assert len(paper_vs_code.every_run(floors).axes[0].get_yticklabels()) > 2
    none = replace(floors, budget="paper")
    assert "set train=True" in paper_vs_code.every_run(none).axes[0].texts[0].get_text()
    assert list(paper_vs_code.tables()) == ["logs", "rules"]


# the page

PAGE = Path(__file__).parents[2] / "notebooks" / "05-paper-vs-code.ipynb"
SPAN = re.compile(r"`((?:method|schedule|optim|augment)\.\w+=[^`]+)`")


@pytest.mark.skipif(not PAGE.exists(), reason="not a checkout")
def test_every_option_that_the_page_names_can_be_set():
    text = "".join("".join(cell["source"]) for cell in json.loads(PAGE.read_text())["cells"])
    options = set(SPAN.findall(text))
    assert len(options) > 15
    wanted = [
        recipes.get(f"photodigits/thin/{name}") for name in ("adautomix", "adautomix_released")
    ]
    for option in options:
        taken = []
        for recipe in wanted:
            with suppress(InputError):
                taken.append(recipes.override(recipe, option))
        assert taken, option
