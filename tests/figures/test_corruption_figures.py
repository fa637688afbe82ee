"""Corruptions pictured: every image at its place, every accuracy on its row."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.data.corruptions import KINDS
from adautomix.errors import InputError


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    """A constant grey for each corruption and severity: 10 x position + severity."""
    return {
        name: np.full((5, 4, 4, 3), 10 * i, np.uint8)
        + np.arange(5, dtype=np.uint8)[:, None, None, None]
        for i, name in enumerate(KINDS)
    }


@pytest.fixture
def frame() -> pd.DataFrame:
    accuracies = {
        "mixup": {"clean": 0.9, "snow": 0.5, "gaussian_noise": 0.3, "saturate": 0.7},
        "adautomix": {"clean": 0.95, "snow": 0.6, "gaussian_noise": 0.3, "saturate": 0.9},
    }
    cells = [
        {"method": method, "corruption": name, "accuracy": value}
        for method, row in accuracies.items()
        for name, value in row.items()
    ]
    return pd.DataFrame(cells)


def texts(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]


def test_every_corruption_has_a_row_and_every_severity_a_column(rows) -> None:
    figure = figures.corruption_sheet(np.full((4, 4, 3), 255, np.uint8), rows)
    ax = figure.axes[0]
    assert len(ax.images) == 19 * 5 + 1
    assert {row.title for row in KINDS.values()} <= set(texts(figure))
    assert {"Noise", "Blur", "Weather", "Digital", "clean", "severity"} <= set(texts(figure))
    boxes = {int(image.get_array()[0, 0, 0]): image.get_extent() for image in ax.images}
    names = list(KINDS)
    for i in range(19):
        tops = {round(boxes[10 * i + s][3], 6) for s in range(5)}
        lefts = [boxes[10 * i + s][0] for s in range(5)]
        assert len(tops) == 1
        assert lefts == sorted(lefts)
    # 10 x position + severity; the clean image is 255
    assert boxes[10 * names.index("speckle_noise")][3] < boxes[10 * names.index("glass_blur")][3]
    assert boxes[10 * names.index("snow")][0] > 3.5 > boxes[10 * names.index("zoom_blur")][1]
    assert boxes[255][3] > boxes[10 * names.index("gaussian_blur")][3]


def test_no_image_or_text_leaves_the_sheet_or_covers_another(rows) -> None:
    figure = figures.corruption_sheet(np.zeros((4, 4, 3), np.uint8), rows)
    figure.draw_without_rendering()
    ax, page = figure.axes[0], figure.bbox.padded(1)
    assert figure.get_figwidth() == 7.5
    for artist in (*ax.texts, *ax.images):
        e = artist.get_window_extent()
        assert page.x0 <= e.x0
        assert page.y0 <= e.y0
        assert e.x1 <= page.x1
        assert e.y1 <= page.y1
    pictures = [image.get_window_extent() for image in ax.images]
    for text in ax.texts:
        assert not any(text.get_window_extent().overlaps(box) for box in pictures), text.get_text()


def test_a_sheet_shows_only_what_was_run(rows) -> None:
    few = {name: rows[name][:2] for name in ("fog", "contrast")}
    figure = figures.corruption_sheet(np.zeros((4, 4, 3), np.uint8), few)
    assert len(figure.axes[0].images) == 2 * 2 + 1
    assert not {"Noise", "frost"} & set(texts(figure))
    assert not any("In grey" in text for text in texts(figure))


def test_dots_stand_at_their_accuracy_in_the_order_of_the_groups(frame) -> None:
    figure = figures.corruption_accuracy(frame)
    ax = figure.axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["clean", "Gaussian noise", "snow", "saturate"]
    dots = {line.get_label(): line for line in ax.lines if line.get_marker() == "o"}
    assert list(dots) == ["MixUp 50.0", "AdAutoMix 60.0"], "the clean row is not in the mean"
    assert list(dots["MixUp 50.0"].get_xdata()) == pytest.approx([90, 30, 50, 70])
    above, below = (np.array(line.get_ydata()) for line in dots.values())
    assert np.allclose((above + below) / 2, ax.get_yticks())
    assert ((below - above > 0) & (below - above < 0.5)).all(), (
        "equal dots stay apart, on their row"
    )
    assert ax.get_legend().get_title().get_text() == "mean of 3 corruptions, %"


def test_severities_are_averaged(frame) -> None:
    harder = frame.assign(accuracy=frame["accuracy"] - 0.2)
    figure = figures.corruption_accuracy(pd.concat([frame, harder]))
    labels = [line.get_label() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert labels == ["MixUp 40.0", "AdAutoMix 50.0"]


def test_wrong_data_are_refused_in_a_sentence(rows, frame) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(InputError, match="corrupted is empty"):
        figures.corruption_sheet(image, {})
    with pytest.raises(InputError, match="unknown corruption 'fogg'"):
        figures.corruption_sheet(image, {"fogg": rows["fog"]})
    with pytest.raises(InputError, match="snow has shape"):
        figures.corruption_sheet(image, {"fog": rows["fog"], "snow": rows["snow"][:3]})
    with pytest.raises(InputError, match="no column accuracy"):
        figures.corruption_accuracy(frame.drop(columns="accuracy"))
    with pytest.raises(InputError, match="not every method has an accuracy on 'saturate'"):
        figures.corruption_accuracy(frame.iloc[:-1])
    with pytest.raises(InputError, match="clean images alone"):
        figures.corruption_accuracy(frame[frame["corruption"] == "clean"])
    with pytest.raises(InputError, match="accuracy runs from"):
        figures.corruption_accuracy(frame.assign(accuracy=80.0))
    with pytest.raises(InputError, match="unknown corruption 'rain'"):
        figures.corruption_accuracy(frame.replace("snow", "rain"))
