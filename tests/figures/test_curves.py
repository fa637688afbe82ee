"""Curves: the numbers drawn are the numbers given, and no label covers another."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures.curves import spread
from adautomix.names import method_colour


def long_lines(ax: Axes) -> list[mpl.lines.Line2D]:
    """The curves themselves, without end points and the lines that lead to labels."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_accuracy_is_in_percent_solid_for_the_classifier_dashed_for_the_teacher(curve) -> None:
    figure = figures.accuracy_curves({"adautomix": [curve]})
    classifier, teacher = long_lines(figure.axes[0])
    assert np.allclose(classifier.get_ydata(), [10, 40, 60, 70])
    assert np.allclose(teacher.get_ydata(), [10, 30, 60, 72])
    assert classifier.get_linestyle() == "-"
    assert teacher.is_dashed()
    assert classifier.get_color() == teacher.get_color() == method_colour("adautomix")
    assert labels(figure) == ["AdAutoMix 70.0", "AdAutoMix, teacher 72.0"]


def test_several_seeds_give_their_mean_and_a_band_from_lowest_to_highest(curve) -> None:
    seeds = [curve.assign(classifier_top1=curve["classifier_top1"] + d) for d in (0, 0.03, -0.06)]
    figure = figures.accuracy_curves({"mixup": seeds}, predictors=["classifier"])
    ax = figure.axes[0]
    assert np.allclose(long_lines(ax)[0].get_ydata(), [9, 39, 59, 69])
    (band,) = ax.collections
    bounds = band.get_paths()[0].vertices
    at_two = bounds[bounds[:, 0] == 2][:, 1]
    assert (at_two.min(), at_two.max()) == pytest.approx((34, 43))
    assert labels(figure) == ["MixUp 69.0"]


def test_a_predictor_that_a_method_lacks_is_left_out(curve) -> None:
    plain = curve.drop(columns="teacher_top1")
    figure = figures.accuracy_curves({"plain": [plain], "adautomix": [curve]})
    assert labels(figure) == ["Vanilla 70.0", "AdAutoMix 70.0", "AdAutoMix, teacher 72.0"]


def test_epochs_that_were_not_evaluated_are_passed_over(curve) -> None:
    curve.loc[[1, 3], "teacher_top1"] = np.nan
    figure = figures.accuracy_curves({"adautomix": [curve]}, predictors=["teacher"])
    assert labels(figure) == ["AdAutoMix 60.0"]


def test_a_run_of_one_epoch_shows_a_point(curve) -> None:
    figure = figures.accuracy_curves({"a run": [curve[:1]]}, predictors=["classifier"])
    assert any(line.get_marker() == "o" for line in figure.axes[0].lines)
    assert labels(figure) == ["a run 10.0"]


def test_end_labels_do_not_overlap_and_lie_on_the_figure(curve) -> None:
    methods = ("plain", "mixup", "cutmix", "adautomix_released", "adautomix")
    figure = figures.accuracy_curves({method: [curve] for method in methods})
    figure.draw_without_rendering()
    extents = [text.get_window_extent() for text in figure.axes[0].texts]
    extents.sort(key=lambda e: e.y0)
    assert len(extents) == 2 * len(methods)
    assert all(a.y1 <= b.y0 for a, b in pairwise(extents))
    page = figure.bbox.padded(1)
    assert all(page.contains(e.x0, e.y0) and page.contains(e.x1, e.y1) for e in extents)


def test_a_given_axes_is_drawn_on(curve) -> None:
    mine = Figure().add_subplot()
    assert figures.accuracy_curves({"plain": [curve]}, ax=mine) is mine.figure
    assert long_lines(mine)


values = st.lists(st.floats(-100, 100), min_size=1, max_size=9)


@given(values, st.floats(0.01, 30))
def test_spread_keeps_order_distance_and_mean(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(places[order]) >= gap - 1e-6)
    assert places.mean() == pytest.approx(np.mean(wanted), abs=1e-6)


def test_spread_moves_nothing_that_is_far_enough_and_two_by_half_each() -> None:
    assert spread([3.0, 1.0, 2.0], 1.0).tolist() == [3.0, 1.0, 2.0]
    assert spread([5.0, 5.0, 0.0], 2.0).tolist() == [4.0, 6.0, 0.0]


def test_every_loss_term_has_a_panel_with_its_values(curve) -> None:
    figure = figures.loss_curves(curve)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["amce", "cosine"]
    drawn = [long_lines(ax)[0].get_ydata().tolist() for ax in figure.axes]
    assert drawn == [curve["train_amce"].tolist(), curve["train_cosine"].tolist()]


def test_loss_terms_can_be_chosen_and_named(curve) -> None:
    figure = figures.loss_curves(curve, names={"cosine": r"$L_{cosine}$"})
    assert [ax.get_title(loc="left") for ax in figure.axes] == [r"$L_{cosine}$"]


def test_sensitivity_shows_means_seeds_and_the_chosen_value() -> None:
    frame = pd.DataFrame({"x": [0.1, 0.1, 0.3, 0.3], "y": [70.0, 72, 75, 76], "seed": [0, 1, 0, 1]})
    figure = figures.sensitivity(frame, xlabel="beta", ylabel="top-1 (%)", chosen=0.3)
    ax = figure.axes[0]
    seeds, means, chosen = ax.lines
    assert len(seeds.get_xdata()) == 4
    assert list(means.get_ydata()) == [71.0, 75.5]
    assert (list(chosen.get_xdata()), list(chosen.get_ydata())) == ([0.3], [75.5])
    assert labels(figure) == ["chosen, 75.5"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.1", "0.3"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("beta", "top-1 (%)")


def test_sensitivity_has_a_diagonal_on_request() -> None:
    frame = pd.DataFrame({"x": [0.1, 0.5], "y": [0.0, 0.7]})
    words = {"xlabel": "x", "ylabel": "y"}
    _, diagonal = figures.sensitivity(frame, **words, diagonal=True).axes[0].lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0.1, 0.5]


def test_sensitivity_on_a_log_axis_of_one_seed_has_no_dots() -> None:
    frame = pd.DataFrame({"x": [0.01, 0.1, 1], "y": [1.0, 2, 3]})
    figure = figures.sensitivity(frame, xlabel="x", ylabel="y", log_x=True)
    assert figure.axes[0].get_xscale() == "log"
    assert len(figure.axes[0].lines) == 1


def test_wrong_curves_are_refused_in_a_sentence(curve) -> None:
    with pytest.raises(InputError, match="curves is empty"):
        figures.accuracy_curves({})
    with pytest.raises(InputError, match=r"curves\['plain'\] is empty; give at least one"):
        figures.accuracy_curves({"plain": []})
    with pytest.raises(InputError, match="no curve has a column critic_top1"):
        figures.accuracy_curves({"plain": [curve]}, predictors=["critic"])
    with pytest.raises(InputError, match="a curve of 'plain' has no column epoch; it has train_am"):
        figures.accuracy_curves({"plain": [curve.drop(columns="epoch")]})
    with pytest.raises(InputError, match="no column train_<term>"):
        figures.loss_curves(curve[["epoch"]])
    with pytest.raises(InputError, match="the curve has no column train_ace"):
        figures.loss_curves(curve, names={"ace": "ace"})
    with pytest.raises(InputError, match="the curve has no rows"):
        figures.loss_curves(curve[:0])


def test_wrong_settings_are_refused_in_a_sentence() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match="a log axis needs values above 0"):
        figures.sensitivity(frame, xlabel="x", ylabel="y", log_x=True)
    with pytest.raises(InputError, match=r"chosen value 0\.5 was not tried; tried: 0, 1"):
        figures.sensitivity(frame, xlabel="x", ylabel="y", chosen=0.5)
    with pytest.raises(InputError, match="frame has no column y"):
        figures.sensitivity(frame[["x"]], xlabel="x", ylabel="y")
