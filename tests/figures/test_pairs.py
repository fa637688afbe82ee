"""The two networks of a training: where the marks stand, and what is written."""

import pandas as pd
import pytest

from adautomix import figures
from adautomix.errors import InputError

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
