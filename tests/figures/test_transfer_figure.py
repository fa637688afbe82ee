"""Transfer: a dot a run, a line for what came from nowhere."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from adautomix import figures
from adautomix.errors import InputError
from adautomix.names import method_colour

ROWS = [("plain", 90.0, 50.0), ("plain", 92.0, 54.0), ("mixup", 91.0, 53.0)]
NOWHERE = [("fresh weights", np.nan, 20.0), ("fresh weights", np.nan, 24.0)]


def frame(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["method", "source", "target"])


def test_every_run_is_a_dot_in_its_method_s_colour():
    (ax,) = figures.transfer_accuracy(frame([*ROWS, *NOWHERE])).axes
    dots = {line.get_label(): line for line in ax.lines if line.get_marker() == "o"}
    assert list(dots) == ["Vanilla", "MixUp"]
    assert list(dots["Vanilla"].get_xydata().ravel()) == [90, 50, 92, 54]
    assert to_hex(dots["MixUp"].get_color()) == method_colour("mixup")


def test_fresh_weights_are_a_dashed_line_at_their_mean():
    (ax,) = figures.transfer_accuracy(frame([*ROWS, *NOWHERE])).axes
    (line,) = [line for line in ax.lines if line.get_marker() != "o"]
    assert list(line.get_ydata()) == [22, 22]
    assert line.get_label() == "fresh weights"
    assert len(figures.transfer_accuracy(frame(ROWS)).axes[0].lines) == 2
    assert len(figures.transfer_accuracy(frame(NOWHERE)).axes[0].lines) == 1


def test_nothing_to_draw_is_one_sentence():
    with pytest.raises(InputError, match="frame"):
        figures.transfer_accuracy(frame([]))
    with pytest.raises(InputError, match="no column target"):
        figures.transfer_accuracy(frame(ROWS).drop(columns="target"))
