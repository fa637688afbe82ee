"""The grid of class activation maps: which tile is where, and what a map does to an image."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures.cam import DIM, glow

METHODS = ("mixup", "adautomix_released", "adautomix")
CLASSES = [["purple_finch", "eastern_towhee"], ["a", "b"]]


@pytest.fixture
def mixed(rng) -> dict[str, np.ndarray]:
    return {key: rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8) for key in METHODS}


@pytest.fixture
def maps(rng) -> dict[str, np.ndarray]:
    return {key: rng.random((2, 2, 8, 8)) for key in METHODS}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def drawn(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for ax in figure.axes for image in ax.images]


def boxes(figure: Figure) -> np.ndarray:
    """Left, right, bottom and top of every image, in inches from the top left corner."""
    return np.array([image.get_extent() for ax in figure.axes for image in ax.images])


def test_a_row_is_a_method_and_a_pair_is_an_image_and_its_two_maps(mixed, maps) -> None:
    figure = figures.cam_grid(mixed, maps, CLASSES)
    tiles = drawn(figure)
    assert len(tiles) == 3 * 2 * 3
    for r, key in enumerate(METHODS):
        for p in range(2):
            image, first, second = tiles[6 * r + 3 * p : 6 * r + 3 * p + 3]
            assert np.array_equal(image, mixed[key][p])
            assert np.array_equal(first, glow(mixed[key][p], maps[key][p, 0]))
            assert np.array_equal(second, glow(mixed[key][p], maps[key][p, 1]))
    corners = {tuple(corner) for corner in boxes(figure)[:, [0, 3]].round(6)}
    assert len(corners) == len(tiles)
    assert len({y for _, y in corners}) == 3


def test_every_column_says_what_it_shows_and_every_row_which_method(mixed, maps) -> None:
    written = texts(figures.cam_grid(mixed, maps, CLASSES))
    assert written[:4] == ["MixUp", "mixed", "purple finch", "eastern\ntowhee"]
    assert written[4:7] == ["mixed", "a", "b"]
    assert written[7:] == ["AdAutoMix\n(released\ncode)", "AdAutoMix"]


def test_probabilities_stand_beneath_the_maps_of_their_class(mixed, maps) -> None:
    said = {key: np.array([[0.25, 0.5], [1.0, 0.0]]) for key in METHODS}
    figure = figures.cam_grid(mixed, maps, CLASSES, probabilities=said)
    found = [text for text in figure.axes[0].texts if text.get_text().endswith("%")]
    assert [text.get_text() for text in found] == ["25 %", "50 %", "100 %", "0 %"] * 3
    beneath = [i for i in range(18) if i % 3]
    for text, (left, right, bottom, _) in zip(found, boxes(figure)[beneath], strict=True):
        x, y = text.get_position()
        assert x == pytest.approx((left + right) / 2)
        assert bottom < y < bottom + 0.1


@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_everything_lies_on_the_figure(rng, pairs) -> None:
    mixed = {key: rng.random((pairs, 8, 8, 3)) for key in METHODS}
    maps = {key: rng.random((pairs, 2, 8, 8)) for key in METHODS}
    said = {key: rng.random((pairs, 2)) for key in METHODS}
    figure = figures.cam_grid(mixed, maps, [["purple_finch", "7"]] * pairs, probabilities=said)
    assert figure.get_figwidth() <= 7.5 + 1e-6
    figure.draw_without_rendering()
    ax, page = figure.axes[0], figure.bbox.padded(1)
    for artist in (*ax.texts, *ax.images):
        e = artist.get_window_extent()
        assert page.x0 <= e.x0 <= e.x1 <= page.x1
        assert page.y0 <= e.y0 <= e.y1 <= page.y1


def test_three_classes_in_one_image(rng) -> None:
    figure = figures.cam_grid(
        {"adautomix": rng.random((1, 8, 8, 3))},
        {"adautomix": rng.random((1, 3, 8, 8))},
        [["x", "y", "z"]],
    )
    assert len(drawn(figure)) == 4
    assert texts(figure) == ["AdAutoMix", "mixed", "x", "y", "z"]


def test_where_the_map_is_zero_the_image_is_dim_and_where_it_is_one_it_glows() -> None:
    image = np.full((2, 2, 3), 200, np.uint8)
    heat = np.array([[0.0, 0.4], [0.7, 1.0]])
    shown = glow(image, heat)
    assert shown[0, 0].tolist() == [round(200 * DIM)] * 3
    red, _, blue = shown[1, 1].astype(int)
    assert red > blue > 0, "hot"
    brightness = glow(np.zeros((2, 2, 3), np.uint8), heat).sum(axis=-1).ravel()
    assert brightness[0] == 0
    assert (np.diff(brightness.astype(int)) > 0).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mixed": {}}, "mixed is empty; give at least one"),
        ({"maps": {}}, r"maps\['mixup'\] has shape \(0,\); .* \(2, 2, 8, 8\)"),
        ({"classes": [["a", "b"]]}, r"mixed\['mixup'\] has shape \(2, 8, 8, 3\)"),
        ({"classes": [["a"], ["b"]]}, r"maps\['mixup'\] has shape \(2, 2, 8, 8\); .* \(2, 1, 8"),
        ({"classes": [["a", "b"], ["c"]]}, "classes of pair 2 are 1; name 2, as for the first"),
        ({"classes": []}, "classes is empty"),
        ({"probabilities": {}}, r"probabilities\['mixup'\] has shape \(0,\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(mixed, maps, change, sentence) -> None:
    given = {"mixed": mixed, "maps": maps, "classes": CLASSES} | change
    with pytest.raises(InputError, match=sentence):
        figures.cam_grid(**given)


def test_maps_outside_zero_and_one_are_refused(mixed, maps) -> None:
    maps["adautomix"] = 2 * maps["adautomix"]
    with pytest.raises(InputError, match=r"maps\['adautomix'\] runs from"):
        figures.cam_grid(mixed, maps, CLASSES)
