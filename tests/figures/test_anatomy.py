"""One mixed image taken apart: the products shown are the products, the query is where it is."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from adautomix import figures
from adautomix.errors import InputError


def drawn(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.fixture
def mixed(parents: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.einsum("nhwc,nhw->hwc", parents / 255, masks)


def test_the_products_shown_add_up_to_the_mixed_image(parents, masks, mixed) -> None:
    figure = figures.mix_anatomy(parents, masks, mixed, np.array([0.5, 0.3, 0.2]))
    images, heats, products, total = (
        drawn(figure)[:3],
        drawn(figure)[3:6],
        drawn(figure)[6:9],
        drawn(figure)[9],
    )
    assert all(np.array_equal(a, b) for a, b in zip(images, parents, strict=True))
    assert np.allclose(np.sum(products, axis=0, dtype=float), total, atol=2)
    colours = mpl.colormaps["magma"](masks[1])[..., :3] * 255
    assert np.allclose(heats[1], colours, atol=0.51)
    assert len(drawn(figure)) == 3 * 3 + 1 + 1, "rows, sum, key of the masks"


def test_ratios_and_names_stand_in_order_with_bars_as_long_as_the_ratios(
    parents, masks, mixed
) -> None:
    ratios = np.array([0.5, 0.3, 0.2])
    figure = figures.mix_anatomy(parents, masks, mixed, ratios, names=["cat", "sea_lion", "fox"])
    written = texts(figure)
    assert [t for t in written if "lambda" in t] == [
        r"$\lambda_{1}$ = 0.50",
        r"$\lambda_{2}$ = 0.30",
        r"$\lambda_{3}$ = 0.20",
    ]
    assert [t for t in written if t in ("cat", "sea lion", "fox")] == ["cat", "sea lion", "fox"]
    bars = [p.get_width() for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert np.allclose(np.array(bars[1::2]) / bars[0::2], ratios)
    glyphs = [written.count(glyph) for glyph in (r"$\odot$", "$+$", "$=$")]
    assert glyphs == [3, 2, 4]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_any_number_of_partners_and_features_fits_the_column(n: int, rng) -> None:
    figure = figures.mix_anatomy(
        rng.random((n, 8, 8, 3)),
        np.full((n, 8, 8), 1 / n),
        rng.random((8, 8, 3)),
        np.full(n, 1 / n),
        features=rng.normal(size=(n, 4, 4)),
    )
    assert figure.get_figwidth() == 7.5
    assert len(drawn(figure)) == 4 * n + 2
    extents = np.array([image.get_extent() for image in figure.axes[0].images])
    assert extents.min() >= 0
    assert extents[:, :2].max() <= 7.5 + 1e-6
    assert extents[:, 2:].max() <= figure.get_figheight()


def test_features_of_any_range_are_stretched_and_a_constant_map_is_dark(parents, masks, mixed):
    features = np.stack([np.eye(4) * 100 - 50, np.full((4, 4), 7.0), np.eye(4)])
    figure = figures.mix_anatomy(parents, masks, mixed, np.ones(3) / 3, features=features)
    first, constant, third = drawn(figure)[:3]
    assert np.array_equal(first, third)
    assert len(np.unique(constant.reshape(-1, 3), axis=0)) == 1
    assert tuple(constant[0, 0]) == tuple(first[0, 1])


def test_each_query_is_framed_at_its_place_on_the_image_and_on_its_map(rng) -> None:
    maps = rng.random((2, 4, 4))
    figure = figures.attention_maps(rng.random((8, 8, 3)), maps, np.array([[0, 3], [2, 1]]))
    assert len(drawn(figure)) == 1 + 2 + 1
    whole, first = (image.get_extent() for image in figure.axes[0].images[:2])
    frames = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    side = (whole[1] - whole[0]) / 4
    corners = {(round(p.get_x(), 6), round(p.get_y(), 6)) for p in frames}
    assert (round(whole[0] + 3 * side, 6), round(whole[3], 6)) in corners
    assert (round(whole[0] + side, 6), round(whole[3] + 2 * side, 6)) in corners
    assert (round(first[0] + 3 * side, 6), round(first[3], 6)) in corners
    assert [t for t in texts(figure) if t.startswith("query ")] == ["query 1", "query 2"]
    assert f"{maps.max():.2g}" in texts(figure)


@pytest.mark.parametrize("q", [1, 4, 6])
def test_any_number_of_maps_fits_the_column(q: int, rng) -> None:
    figure = figures.attention_maps(rng.random((8, 8, 3)), rng.random((q, 4, 4)), np.zeros((q, 2)))
    extents = np.array([image.get_extent() for image in figure.axes[0].images])
    assert extents[:, :2].max() <= figure.get_figwidth() <= 7.5 + 1e-6
    assert extents[:, 2:].max() <= figure.get_figheight()


def test_wrong_parts_are_refused_in_a_sentence(parents, masks, mixed) -> None:
    ratios = np.ones(3) / 3
    with pytest.raises(InputError, match=r"masks has shape \(2, 8, 8\); .* \(3, 8, 8\)"):
        figures.mix_anatomy(parents, masks[:2], mixed, ratios)
    with pytest.raises(InputError, match=r"ratios has shape \(2,\); .* \(3\)"):
        figures.mix_anatomy(parents, masks, mixed, ratios[:2])
    with pytest.raises(InputError, match=r"masks runs from .* to 2"):
        figures.mix_anatomy(parents, np.full_like(masks, 2), mixed, ratios)
    with pytest.raises(InputError, match=r"mixed has shape"):
        figures.mix_anatomy(parents, masks, mixed[..., 0], ratios)
    with pytest.raises(InputError, match=r"1 names for 3 images"):
        figures.mix_anatomy(parents, masks, mixed, ratios, names=["cat"])
    with pytest.raises(InputError, match=r"features has shape"):
        figures.mix_anatomy(parents, masks, mixed, ratios, features=masks[0])


def test_wrong_attention_is_refused_in_a_sentence(parents, masks) -> None:
    image, places = parents[0], np.zeros((3, 2), int)
    with pytest.raises(InputError, match=r"queries reach outside the grid of 8 by 8"):
        figures.attention_maps(image, masks, places + 8)
    with pytest.raises(InputError, match=r"queries has shape \(2, 2\); .* \(3, 2\)"):
        figures.attention_maps(image, masks, places[:2])
    with pytest.raises(InputError, match=r"none negative, not all zero"):
        figures.attention_maps(image, -masks, places)
    with pytest.raises(InputError, match=r"none negative, not all zero"):
        figures.attention_maps(image, masks * 0, places)
