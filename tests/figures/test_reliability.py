"""Reliability diagrams: bars, gaps and the error as in the bins; and what attacks do."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures.reliability import OUTLINE
from adautomix.names import method_colour


@pytest.fixture
def bins() -> pd.DataFrame:
    """Five bins: empty, underconfident, calibrated, overconfident, overconfident."""
    return pd.DataFrame(
        {
            "low": [0.0, 0.2, 0.4, 0.6, 0.8],
            "high": [0.2, 0.4, 0.6, 0.8, 1.0],
            "count": [0, 10, 20, 30, 40],
            "confidence": [np.nan, 0.3, 0.5, 0.7, 0.9],
            "accuracy": [np.nan, 0.4, 0.5, 0.6, 0.4],
        }
    )


def bars(ax) -> list[tuple[float, float, float]]:
    """(x, bottom, top) of every filled bar, in the order of drawing."""
    filled = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor()[3] > 0]
    return [
        (round(p.get_x(), 6), round(p.get_y(), 6), round(p.get_y() + p.get_height(), 6))
        for p in filled
    ]


def test_bars_are_the_accuracies_and_tints_the_gaps_above_and_within(bins) -> None:
    figure = figures.reliability_diagrams({"mixup": bins})
    above, below = figure.axes
    drawn = bars(above)
    assert drawn[:4] == [(0.2, 0, 0.4), (0.4, 0, 0.5), (0.6, 0, 0.6), (0.8, 0, 0.4)]
    assert drawn[4:6] == [(0.6, 0.6, 0.7), (0.8, 0.4, 0.9)], "overconfident, above the bar"
    assert drawn[6:] == [(0.2, 0.3, 0.4)], "underconfident, within the bar"
    assert [bool(p.get_hatch()) for p in above.patches[4:7]] == [True, True, False]
    assert bars(below) == [(0.2, 0, 0.1), (0.4, 0, 0.2), (0.6, 0, 0.3), (0.8, 0, 0.4)]
    tops = [p.get_height() for p in above.patches if p.get_facecolor()[3] == 0]
    assert np.allclose(tops, [0.4, 0.5, 0.7, 0.9]), f"the outlines {OUTLINE}"


def test_the_written_error_is_that_of_the_bins_and_the_lines_are_the_means(bins) -> None:
    above, below = figures.reliability_diagrams({"mixup": bins}).axes
    # 0.1 · 0.1 + 0.3 · 0.1 + 0.4 · 0.5 = 0.24
    assert [t.get_text() for t in above.texts] == ["ECE 24.0 %"]
    accuracy, confidence = (line.get_xdata()[0] for line in below.lines)
    assert (accuracy, confidence) == pytest.approx((0.48, 0.70))
    assert below.lines[0].get_color() == method_colour("mixup")
    assert below.lines[1].is_dashed()
    (diagonal,) = above.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]


def test_the_written_error_is_that_of_the_evaluation() -> None:
    torch = pytest.importorskip("torch")
    from adautomix.evaluate import calibration
    from adautomix.evaluate.predict import Predictions

    generator = torch.manual_seed(0)
    answers = Predictions(
        2 * torch.randn(200, 5, generator=generator), torch.arange(200).remainder(5)
    )
    for binning in ("equal", "released"):
        found = calibration(answers, binning=binning)
        recorded = {  # as a record keeps them: lists, None where there is no image
            key.removeprefix("bin_"): value
            for key, value in found.values().items()
            if key.startswith("bin_")
        }
        for table in (vars(found.bins), recorded):
            figure = figures.reliability_diagrams({"plain": pd.DataFrame(table)})
            assert figure.axes[0].texts[0].get_text() == f"ECE {100 * found.ece:.1f} %"


def test_panels_stand_in_rows_of_four_under_their_names_with_one_key(bins) -> None:
    names = ["plain", "mixup", "cutmix", "adautomix", "adautomix_released", "a variant"]
    figure = figures.reliability_diagrams(dict.fromkeys(names, bins))
    titles = [ax.get_title(loc="left") for ax in figure.axes[::2]]
    expected = [
        "Vanilla",
        "MixUp",
        "CutMix",
        "AdAutoMix",
        "AdAutoMix\n(released code)",
        "a variant",
    ]
    assert titles == expected
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (4, 4)
    assert figure.get_figwidth() == 7.5
    (key,) = figure.legends
    assert [t.get_text() for t in key.get_texts()] == [
        "accuracy in the bin",
        "mean accuracy",
        "overconfident by",
        "mean confidence",
        "underconfident by",
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_key_titles_and_panels_stay_on_the_figure_and_apart(bins, count: int) -> None:
    figure = figures.reliability_diagrams({f"variant {i}": bins for i in range(count)})
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    key = figure.legends[0].get_window_extent()
    heads = [t.get_window_extent() for ax in figure.axes[::2] for t in (ax._left_title, *ax.texts)]
    for box in (key, *heads):
        assert page.contains(box.x0, box.y0)
        assert page.contains(box.x1, box.y1)
    assert all(head.y1 <= key.y0 for head in heads)
    for title, error in zip(heads[::2], heads[1::2], strict=True):
        assert error.y1 <= title.y0


def test_wrong_bins_are_refused_in_a_sentence(bins) -> None:
    with pytest.raises(InputError, match="bins is empty"):
        figures.reliability_diagrams({})
    with pytest.raises(InputError, match="the bins of 'plain' has no column low"):
        figures.reliability_diagrams({"plain": bins.drop(columns="low")})
    with pytest.raises(InputError, match="the bins of 'plain' hold no image"):
        figures.reliability_diagrams({"plain": bins.assign(count=0)})
    percent = bins.assign(accuracy=100 * bins["accuracy"])
    with pytest.raises(InputError, match="leave \\[0, 1\\]; give fractions"):
        figures.reliability_diagrams({"plain": percent})
    with pytest.raises(InputError, match="leave \\[0, 1\\]"):
        figures.reliability_diagrams({"plain": bins.assign(accuracy=np.nan)})


@pytest.fixture
def errors() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": ["plain", "plain", "adautomix", "adautomix", "plain"],
            "condition": ["clean", "FGSM", "clean", "FGSM", "PGD"],
            "error": [0.2, 0.9, 0.18, 0.8, 0.95],
            "sd": [0.01, 0.02, np.nan, 0.03, np.nan],
        }
    )


def test_each_condition_has_a_panel_with_its_errors_in_percent(errors) -> None:
    figure = figures.error_bars(errors)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["clean", "FGSM", "PGD"]
    clean, fgsm, pgd = figure.axes
    assert [t.get_text() for t in clean.get_yticklabels()] == ["Vanilla", "AdAutoMix"]
    assert [p.get_width() for p in clean.patches] == pytest.approx([20, 18])
    assert [p.get_width() for p in fgsm.patches] == pytest.approx([90, 80])
    assert [t.get_text() for t in fgsm.texts] == ["90.0", "80.0"]
    assert len(clean.containers) == 2 + 1, "two bars; a deviation where it is known"
    assert len(fgsm.containers) == 2 + 2
    assert [p.get_width() for p in pgd.patches] == [95], "what nobody measured is blank"
    assert {ax.get_xlim() for ax in figure.axes} == {clean.get_xlim()}


def test_conditions_can_be_chosen_and_long_names_and_labels_stay_on_the_figure(errors) -> None:
    figure = figures.error_bars(errors, conditions=["FGSM", "clean"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["FGSM", "clean"]
    names = {"clean": "FGSM as released, with its clamp", "PGD": "PGD, ten steps of 2/255"}
    worst = errors.assign(error=1.0, sd=0.0).replace({"condition": names})
    figure = figures.error_bars(worst)
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    for ax in figure.axes:
        for text in (ax._left_title, *ax.texts):
            box = text.get_window_extent()
            assert page.contains(box.x0, box.y0)
            assert page.contains(box.x1, box.y1)
    labels = [ax.texts[0].get_window_extent() for ax in figure.axes]
    starts = [ax.get_window_extent().x0 for ax in figure.axes[1:]]
    assert all(label.x1 <= start for label, start in zip(labels, starts, strict=False))


def test_wrong_errors_are_refused_in_a_sentence(errors) -> None:
    with pytest.raises(InputError, match="frame has no column sd"):
        figures.error_bars(errors.drop(columns="sd"))
    with pytest.raises(InputError, match="two rows of one method and condition"):
        figures.error_bars(pd.concat([errors, errors]))
    with pytest.raises(InputError, match="give fractions, not percent"):
        figures.error_bars(errors.assign(error=95.0))
    with pytest.raises(InputError, match="no row of condition DDN"):
        figures.error_bars(errors, conditions=["clean", "DDN"])
