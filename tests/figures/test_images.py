"""Sheets of images: how many are drawn, where, and that every pixel is kept."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from adautomix import figures
from adautomix.errors import InputError


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def drawn(figure: Figure) -> list[np.ndarray]:
    """The pixels of every image, in the order drawn."""
    return [np.asarray(image.get_array()) for ax in figure.axes for image in ax.images]


def boxes(figure: Figure) -> np.ndarray:
    """Left, right, bottom and top of every image, in inches from the top left corner."""
    return np.array([image.get_extent() for ax in figure.axes for image in ax.images])


def inside(figure: Figure) -> bool:
    """Whether every image and every text lies on the figure."""
    figure.draw_without_rendering()
    ax, page = figure.axes[0], figure.bbox.padded(1)
    extents = [artist.get_window_extent() for artist in (*ax.texts, *ax.images)]
    return all(
        page.x0 <= e.x0 and page.y0 <= e.y0 and e.x1 <= page.x1 and e.y1 <= page.y1 for e in extents
    )


@given(count=st.integers(1, 23), columns=st.integers(1, 12))
def test_every_image_is_on_the_sheet_and_none_covers_another(count: int, columns: int) -> None:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    figure = figures.contact_sheet(images, [f"n{i}" for i in range(count)], columns=columns)
    assert [int(image[0, 0, 0]) for image in drawn(figure)] == list(range(count))
    corners = {(round(left, 6), round(top, 6)) for left, _, _, top in boxes(figure)}
    assert len(corners) == count
    assert len({left for left, _ in corners}) == min(columns, count)
    assert figure.get_figwidth() <= 7.5 + 1e-6
    assert texts(figure) == [f"n{i}" for i in range(count)]


def test_long_labels_are_broken_and_stay_on_the_sheet(parents) -> None:
    labels = ["aquarium_fish", "sweet_pepper", "lawn_mower"]
    figure = figures.contact_sheet(parents, labels)
    assert texts(figure)[0] == "aquarium\nfish"
    assert inside(figure)


def test_floats_and_bytes_give_the_same_picture(parents) -> None:
    from_floats = drawn(figures.contact_sheet(parents / 255))
    assert all(np.array_equal(a, b) for a, b in zip(from_floats, parents, strict=True))


def test_an_svg_holds_the_pixels_themselves_and_says_they_are_sharp(parents) -> None:
    svg = figures.svg_bytes(figures.contact_sheet(parents)).decode()
    found = re.findall(r'base64,\s*([A-Za-z0-9+/=\s]+)"', svg)
    stored = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")) for text in found
    ]
    assert all(np.array_equal(a, b) for a, b in zip(stored, parents, strict=True))
    assert svg.count("image-rendering:crisp-edges;image-rendering:pixelated") == len(parents)


def test_training_has_a_row_a_pair_and_a_column_a_parent_and_an_epoch(rng) -> None:
    images, parents = rng.random((4, 3, 8, 8, 3)), rng.random((2, 3, 8, 8, 3))
    masks = rng.random((4, 3, 8, 8))
    epochs = [0, 10, 100, 399]
    plain = figures.mix_over_training(images, epochs)
    assert len(drawn(plain)) == 4 * 3
    assert texts(plain) == ["epoch 0", "epoch 10", "epoch 100", "epoch 399"]
    full = figures.mix_over_training(images, epochs, parents=parents, masks=masks)
    assert len(drawn(full)) == 2 * 3 + 4 * 3 * 2
    assert texts(full)[:3] == ["image 1", "image 2", "epoch 0"]
    assert full.get_figwidth() <= 7.5 + 1e-6
    assert inside(plain)
    assert inside(full)


def test_masks_of_training_stand_beneath_their_images_and_touch_no_row(rng) -> None:
    figure = figures.mix_over_training(
        rng.random((2, 2, 8, 8, 3)), [1, 2], masks=rng.random((2, 2, 8, 8))
    )
    first, mask, second = boxes(figure)[:3]  # left, right, bottom, top; y grows downwards
    assert first[2] < mask[3] < mask[2] < second[3]
    assert mask[0] + mask[1] == pytest.approx(first[0] + first[1])


def test_the_grid_has_the_parents_above_and_a_row_for_every_method(rng) -> None:
    parents = rng.random((2, 5, 8, 8, 3))
    mixed = {key: rng.random((5, 8, 8, 3)) for key in ("mixup", "adautomix_released", "adautomix")}
    figure = figures.methods_grid(mixed, parents)
    assert len(drawn(figure)) == (2 + 3) * 5
    names = ["image 1", "image 2", "MixUp", "AdAutoMix\n(released\ncode)", "AdAutoMix"]
    assert texts(figure) == names
    assert figure.axes[0].texts[-1].get_weight() == "bold"
    pitches = np.diff(boxes(figure)[::5, 3])
    assert pitches[1] > pitches[0] == pytest.approx(pitches[2]), "parents stand apart"
    assert np.array_equal(drawn(figure)[10], np.round(mixed["mixup"][0] * 255).astype(np.uint8))
    assert inside(figure)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: figures.contact_sheet(x[0]), r"images has shape \(8, 8, 3\); give a non-empty"),
        (lambda x: figures.contact_sheet(x[:0]), r"images has shape \(0, 8, 8, 3\)"),
        (lambda x: figures.contact_sheet(x[..., :1]), r"array \(s, h, w, 3\)"),
        (lambda x: figures.contact_sheet(x * 1.0), r"runs from 0 to 255; give finite values"),
        (lambda x: figures.contact_sheet(x * np.nan), r"runs from nan to nan"),
        (lambda x: figures.contact_sheet(x.astype(int)), r"images is int64; give uint8 pixels or"),
        (lambda x: figures.contact_sheet(x, ["a"]), r"1 labels for 3 images; give one label"),
        (lambda x: figures.contact_sheet(x, columns=0), r"columns is 0; give at least 1"),
        (lambda x: figures.mix_over_training(x[None], [1, 2]), r"images has shape .* \(2, pairs"),
        (
            lambda x: figures.mix_over_training(x[None], [1], parents=x[None, :2]),
            r"parents has shape \(1, 2, 8, 8, 3\); give a non-empty array \(n, 3, h, w, 3\)",
        ),
        (
            lambda x: figures.mix_over_training(x[None], [1], masks=x[None, ..., 0] / 200),
            r"masks runs from",
        ),
        (lambda x: figures.methods_grid({}, x[None]), r"mixed is empty; give at least one"),
        (lambda x: figures.methods_grid({"mixup": x[:2]}, x[None]), r"mixed\['mixup'\] has shape"),
    ],
)
def test_wrong_images_are_refused_in_a_sentence(call, sentence: str) -> None:
    images = np.zeros((3, 8, 8, 3), np.uint8)
    images[0, 0, 0, 0] = 255
    with pytest.raises(InputError, match=sentence):
        call(images)


def test_a_sheet_of_methods_shows_every_pair_above_its_mask() -> None:
    parents = np.stack([np.full((3, 4, 4, 3), shade, np.uint8) for shade in (10, 20)])
    mixed = {"mixup": np.full((3, 4, 4, 3), 30, np.uint8), "cutmix": parents[0] + 30}
    masks = {"cutmix": np.zeros((3, 4, 4)), "mixup": np.ones((3, 4, 4))}
    figure = figures.methods_sheet(mixed, masks, parents, across=2)
    tiles, places = drawn(figure), boxes(figure)
    assert [int(tile[0, 0, 0]) for tile in tiles[:9]] == [10] * 3 + [20] * 3 + [30] * 3
    light, dark = (int(tiles[i].sum()) for i in (9, 15))  # the masks of MixUp and of CutMix
    assert light > dark
    for above, below in ((6, 9), (12, 15)):
        assert places[above, 0] == pytest.approx(places[below, 0])
        assert places[above, 2] <= places[below, 3] + 1e-6
    assert texts(figure) == ["image 1 above image 2", "MixUp", "CutMix"]
    assert len({tuple(place.round(6)) for place in places}) == 18
    assert inside(figure)


def test_a_sheet_of_methods_wants_a_mask_an_image() -> None:
    parents = np.zeros((2, 3, 4, 4, 3), np.uint8)
    with pytest.raises(InputError, match="masks"):
        figures.methods_sheet({"mixup": parents[0]}, {"mixup": np.ones((2, 4, 4))}, parents)
