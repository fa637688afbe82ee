"""The two networks of a training: where the marks stand, and what is written."""

import pandas as pd
import pytest

from adautomix import figures
from adautomix.errors import InputError
from adautomix.names import method_colour

FRAME = pd.DataFrame(
    {"label": ["one", "other"], "classifier": [75.0, 89.2], "teacher": [82.3, 89.1]}
)


def test_marks_stand_at_the_two_accuracies_and_the_gap_is_written():
    figure = figures.classifier_and_teacher(FRAME)
    (ax,) = figure.axes
    marks = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert marks == [[[75.0, 0.0]], [[82.3, 0.0]], [[89.2, 1.0]], [[89.1, 1.0]]]
    assert [text.get_text().strip() for text in ax.texts] == ["+7.3", "−0.1"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["one", "other"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


@pytest.mark.parametrize("frame", [FRAME.drop(columns="teacher"), FRAME.iloc[:0]])
def test_what_cannot_be_drawn_is_refused(frame):
    with pytest.raises(InputError, match=r"teacher|no rows"):
        figures.classifier_and_teacher(frame)


RUNS = pd.DataFrame(
    {
        "row": ["plain", "MixUp, floor", "plain", "MixUp, floor"],
        "method": ["plain", "mixup", "plain", "mixup"],
        "classifier": [90.0, 95.0, 92.0, 94.0],
        "teacher": [91.0, 93.0, 94.0, 96.0],
    }
)


def test_every_run_is_marked_and_the_best_mean_is_on_top():
    (ax,) = figures.accuracy_by_method(RUNS).axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["MixUp, floor", "Vanilla"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    marks = {
        (line.get_markerfacecolor() == "none", line.get_ydata()[0]): list(line.get_xdata())
        for line in ax.lines
        if line.get_marker() == "o"
    }
    assert marks == {
        (True, 0): [95.0, 94.0],
        (False, 0): [93.0, 96.0],
        (True, 1): [90.0, 92.0],
        (False, 1): [91.0, 94.0],
    }
    others = [list(line.get_xdata()) for line in ax.lines if line.get_marker() != "o"]
    assert others == [[93.0, 96.0], [94.5, 94.5], [90.0, 94.0], [91.0, 91.0]]


def test_rows_keep_their_order_and_have_the_colour_of_their_method():
    (ax,) = figures.accuracy_by_method(RUNS, ranked=False).axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["Vanilla", "MixUp, floor"]
    discs = [line for line in ax.lines if line.get_markerfacecolor() != "none"]
    colours = [line.get_color() for line in discs if line.get_marker() == "o"]
    assert colours == [method_colour("plain"), method_colour("mixup")]


@pytest.mark.parametrize("frame", [RUNS.drop(columns="teacher"), RUNS.iloc[:0]])
def test_runs_that_cannot_be_drawn_are_refused(frame):
    with pytest.raises(InputError, match=r"teacher|no rows|empty"):
        figures.accuracy_by_method(frame)


def test_the_axis_of_one_run_spans_a_point():
    frame = RUNS.head(1).assign(classifier=74.22, teacher=74.19)
    (ax,) = figures.accuracy_by_method(frame).axes
    low, high = ax.get_xlim()
    assert high - low == pytest.approx(1)
    assert low < 74.19 < 74.22 < high
