"""What training costs, drawn: places and lengths are those of the data."""

import numpy as np
import pandas as pd
import pytest

from adautomix import figures
from adautomix.errors import InputError
from adautomix.names import method_colour


def test_a_run_is_a_dot_at_its_minutes_and_accuracy() -> None:
    frame = pd.DataFrame(
        {
            "method": ["plain", "adautomix", "adautomix"],
            "minutes": [3.0, 12.0, 13.0],
            "accuracy": [60.0, 80.0, 81.0],
        }
    )
    (ax,) = figures.accuracy_against_time(frame).axes
    assert ax.get_xlim()[0] == 0
    dots = {tuple(p) for line in ax.lines for p in line.get_xydata()}
    assert dots == {(3, 60), (12, 80), (13, 81)}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Vanilla", "AdAutoMix"]
    assert [line.get_color() for line in ax.lines] == [
        method_colour("plain"),
        method_colour("adautomix"),
    ]


def test_without_runs_there_is_no_figure() -> None:
    with pytest.raises(InputError, match="frame"):
        figures.accuracy_against_time(pd.DataFrame(columns=["method", "minutes", "accuracy"]))


def test_lines_over_n_with_the_floor() -> None:
    lines = {"paper": pd.Series([1.0, 1.5], [1, 3]), "here": pd.Series([4.0, 4.1], [2, 3])}
    (ax,) = figures.time_against_n(lines, floor=4.0).axes
    paper, here, floor = ax.lines
    assert paper.get_xydata().tolist() == [[1, 1.0], [3, 1.5]]
    assert here.get_xydata().tolist() == [[2, 4.0], [3, 4.1]]
    assert set(floor.get_ydata()) == {4.0}
    assert ax.get_ylim()[0] == 0, "ratios are read from zero"
    assert ax.get_xticks().tolist() == [1, 2, 3]


def test_the_bars_of_a_step_are_multiples_of_the_plain_one() -> None:
    frame = pd.DataFrame(
        {
            "method": ["plain", "plain", "adautomix", "adautomix"],
            "part": ["classifier, forward", "optimiser", "classifier, forward", "generator"],
            "seconds": [0.3, 0.1, 1.2, 0.4],
        }
    )
    ax = figures.step_parts(frame).axes[0]
    lengths = np.array([[bar.get_width() for bar in bars] for bars in ax.containers])
    assert lengths.sum(axis=0) == pytest.approx([4.0, 1.0]), "AdAutoMix below, plain above"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["AdAutoMix", "Vanilla"]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"part": ["naps"]}, "unknown parts.*naps"), ({"method": ["mixup"]}, "not there")],
)
def test_bars_need_known_parts_and_plain_training(change, said) -> None:
    frame = pd.DataFrame({"method": ["plain"], "part": ["generator"], "seconds": [1.0]} | change)
    with pytest.raises(InputError, match=said):
        figures.step_parts(frame)


def test_growth_has_a_panel_a_quantity_with_time_above_memory() -> None:
    frame = pd.DataFrame(
        {
            "axis": ["n", "n", "side", "side", "side"],
            "value": [2, 8, 32, 64, 32],
            "what": ["adautomix", "adautomix", "plain", "plain", "generator"],
            "seconds": [1.0, 1.1, 0.2, 0.8, 0.01],
            "memory_mib": [100.0, 110.0, 50.0, 200.0, None],
        }
    )
    figure = figures.growth_panels(frame)
    time_n, time_side, memory_n, memory_side = figure.axes
    assert time_n.lines[0].get_xydata().tolist() == [[2, 1.0], [8, 1.1]]
    assert (len(time_side.lines), len(memory_side.lines)) == (2, 1), "the generator has no memory"
    assert memory_n.get_xlabel() == "images mixed, N"
    assert memory_side.get_xticks().tolist() == [32, 64]
    (legend,) = figure.legends
    assert {"Vanilla", "generator alone"} <= {text.get_text() for text in legend.get_texts()}
