"""Occlusion curves: every number where it belongs, seeds as bands, and nothing compared wrongly."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.errors import InputError
from adautomix.names import method_colour

SHARES = [0.0, 0.3, 0.9]


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = {"plain": [0.8, 0.4, 0.1], "adautomix": [0.8, 0.7, 0.2], "n=4": [0.7, 0.6, 0.2]}
    return pd.DataFrame(
        [(m, s, a) for m, values in rows.items() for s, a in zip(SHARES, values, strict=True)],
        columns=["method", "share", "accuracy"],
    )


def curves(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """Label to the points of its line."""
    lines = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in lines}


def test_every_point_is_drawn_in_percent(frame) -> None:
    found = curves(figures.occlusion_curves(frame))
    assert list(found) == ["AdAutoMix  56.7", "n=4  50.0", "Vanilla  43.3"], "best mean first"
    x, y = found["Vanilla  43.3"]
    assert x == pytest.approx([0, 30, 90])
    assert y == pytest.approx([80, 40, 10])


def test_methods_have_their_own_colours_and_ticks_are_the_shares(frame) -> None:
    ax = figures.occlusion_curves(frame).axes[0]
    by_label = {line.get_label().split("  ")[0]: to_hex(line.get_color()) for line in ax.lines}
    assert by_label["Vanilla"] == method_colour("plain")
    assert by_label["AdAutoMix"] == method_colour("adautomix")
    assert by_label["n=4"] not in (by_label["Vanilla"], by_label["AdAutoMix"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "30", "90"]
    assert list(ax.get_xticks()) == pytest.approx([0, 30, 90])
    assert ax.get_ylim()[0] == 0


def test_seeds_are_a_mean_with_a_band_and_one_seed_has_none(frame) -> None:
    assert not figures.occlusion_curves(frame).axes[0].collections
    second = frame[frame.method == "plain"].assign(accuracy=lambda f: f.accuracy + 0.1)
    figure = figures.occlusion_curves(pd.concat([frame, second]))
    assert curves(figure)["Vanilla  48.3"][1] == pytest.approx([85, 45, 15])
    (band,) = figure.axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((10, 90))


def test_chance_is_a_line_where_it_is_given(frame) -> None:
    assert not figures.occlusion_curves(frame).axes[0].texts
    ax = figures.occlusion_curves(frame, chance=0.1).axes[0]
    assert [text.get_text() for text in ax.texts] == ["chance"]
    assert [list(line.get_ydata()) for line in ax.lines if line.get_linestyle() == "--"] == [
        [10, 10]
    ]


def test_rows_may_come_in_any_order(frame) -> None:
    shuffled = frame.sample(frac=1, random_state=0)
    found, expected = (curves(figures.occlusion_curves(f)) for f in (shuffled, frame))
    assert found.keys() == expected.keys()
    assert all(np.allclose(found[label], expected[label]) for label in found)


def test_it_draws_on_given_axes_and_the_same_bytes_each_time(frame) -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert figures.occlusion_curves(frame, ax=ax) is figure
    first, second = (figures.svg_bytes(figures.occlusion_curves(frame)) for _ in range(2))
    assert first == second


def test_what_cannot_be_compared_is_refused_in_a_sentence(frame) -> None:
    with pytest.raises(InputError, match="frame has no column accuracy"):
        figures.occlusion_curves(frame.drop(columns="accuracy"))
    with pytest.raises(InputError, match="frame has no rows"):
        figures.occlusion_curves(frame[:0])
    with pytest.raises(InputError, match="column accuracy of frame runs from 10 to 80"):
        figures.occlusion_curves(frame.assign(accuracy=100 * frame.accuracy))
    with pytest.raises(InputError, match="'n=4' was measured at other shares than 'plain'"):
        figures.occlusion_curves(frame[:-1])
