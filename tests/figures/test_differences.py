"""Dots and lines of differences: where they stand."""

import pandas as pd
import pytest

from adautomix import figures
from adautomix.errors import InputError
from adautomix.names import method_colour

DOTS = pd.DataFrame({"row": ["adautomix", "other", "adautomix"], "value": [0.1, -0.2, 0.3]})
LINES = pd.DataFrame(
    {"row": ["a"] * 4, "seed": [0, 0, 1, 1], "x": [1, 2, 1, 2], "y": [0.0, 1.0, 2.0, 3.0]}
)


def test_dots_stand_at_the_values_and_the_stroke_at_their_mean():
    (ax,) = figures.dots_by_row(DOTS, xlabel="nats").axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in dots] == [[[0.1, 0], [0.3, 0]], [[-0.2, 1]]]
    assert dots[0].get_color() == method_colour("adautomix")
    strokes = [line.get_xdata() for line in ax.lines if line.get_marker() != "o"]
    assert [x[0] for x in strokes] == pytest.approx([0, 0.2, -0.2])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["AdAutoMix", "other"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_leads_stand_in_the_method_s_colour_and_the_bar_ends_at_the_least():
    frame = pd.DataFrame(
        {
            "row": ["a", "a", "b"],
            "method": ["mixup", "automix", "mixup"],
            "lead": [3.0, 1.0, -0.5],
        }
    )
    figure = figures.leads_by_row(frame, xlabel="points")
    (ax,) = figure.axes
    marks = {line.get_label(): line for line in ax.lines if line.get_linestyle() == "None"}
    assert marks["MixUp"].get_xydata().tolist() == [[3, 0], [-0.5, 1]]
    assert marks["AutoMix"].get_color() == method_colour("automix")
    assert marks["MixUp"].get_marker() != marks["AutoMix"].get_marker()
    bars = [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 6]
    assert bars == [[0, 1.0], [0, -0.5]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["MixUp", "AutoMix"]


def test_a_line_is_the_mean_and_the_band_spans_the_seeds():
    (ax,) = figures.lines_by_row(LINES, ylabel="nats").axes
    line = ax.lines[1]
    assert line.get_xydata().tolist() == [[1, 1], [2, 2]]
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).intervaly.tolist() == [0, 3]


@pytest.mark.parametrize("frame", [DOTS.drop(columns="value"), DOTS.iloc[:0]])
def test_what_cannot_be_drawn_is_refused(frame):
    with pytest.raises(InputError, match=r"value|no rows|empty|frame"):
        figures.dots_by_row(frame, xlabel="nats")
    with pytest.raises(InputError):
        figures.lines_by_row(frame, ylabel="nats")
    with pytest.raises(InputError):
        figures.leads_by_row(frame, xlabel="points")
