"""The corruptions against the libraries that the benchmark's code calls, where they are installed.

Values are cut to whole grey levels, so where a result is a whole number but for rounding, one level
of difference is chance; more is not.
"""

import numpy as np
import pytest
from numpy.random import default_rng

from adautomix.data import photodigits
from adautomix.data.corruptions import SEVERITIES, Dice, corrupt, kind
from adautomix.data.corruptions.liquid import canny, chamfer, equalise

each_severity = pytest.mark.parametrize("severity", SEVERITIES)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """20 PhotoDigits, (s, h, w, 3)."""
    return photodigits.read("test").images[::39][:20]


@pytest.fixture(scope="module")
def cv2():
    return pytest.importorskip("cv2")


def corrupt_all(images: np.ndarray, name: str, severity: int) -> np.ndarray:
    rolls = Dice([default_rng(i) for i in range(len(images))])
    return corrupt(images, name, severity, rolls).astype(int)


def cut(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(int)


def agree(found: np.ndarray, wanted: np.ndarray, share: float = 0.1) -> bool:
    """Nowhere more than one level apart, and equal but for `share` of the values."""
    gap = np.abs(found - wanted)
    return gap.max() <= 1 and gap.astype(bool).mean() < share


@each_severity
def test_hue_saturation_value_are_those_of_scikit_image(images, severity) -> None:
    colour = pytest.importorskip("skimage.color")
    hsv = colour.rgb2hsv(images / 255)
    (added,), (factor, summand) = (
        kind(name).levels[severity - 1] for name in ("brightness", "saturate")
    )
    bright, deep = hsv.copy(), hsv.copy()
    bright[..., 2] = np.clip(hsv[..., 2] + added, 0, 1)
    deep[..., 1] = np.clip(hsv[..., 1] * factor + summand, 0, 1)
    for name, changed in (("brightness", bright), ("saturate", deep)):
        wanted = cut(255 * colour.hsv2rgb(changed))
        assert agree(corrupt_all(images, name, severity), wanted)


@each_severity
def test_gaussian_blur_is_that_of_scikit_image(images, severity) -> None:
    filters = pytest.importorskip("skimage.filters")
    (sigma,) = kind("gaussian_blur").levels[severity - 1]
    wanted = [255 * filters.gaussian(one / 255, sigma=sigma, channel_axis=-1) for one in images]
    assert np.array_equal(corrupt_all(images, "gaussian_blur", severity), cut(np.stack(wanted)))


@each_severity
def test_defocus_blur_is_that_of_opencv(images, cv2, severity) -> None:
    radius, softness = kind("defocus_blur").levels[severity - 1]
    rows, columns = np.mgrid[-8:9, -8:9]
    inside = (rows**2 + columns**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(inside / inside.sum(), (3, 3), sigmaX=softness)
    wanted = np.stack([255 * cv2.filter2D(one / 255, -1, kernel) for one in images])
    assert agree(corrupt_all(images, "defocus_blur", severity), cut(wanted))


@each_severity
def test_the_affine_part_of_the_elastic_transform_is_that_of_opencv(images, cv2, severity) -> None:
    from adautomix.data.corruptions.digital import affine_places
    from adautomix.data.corruptions.sampling import sample

    reach = 32 * kind("elastic_transform").levels[severity - 1][2]
    square = np.float32([[26, 26], [26, 6], [6, 6]])
    values = images.astype(np.float32) / 255
    wanted = []
    for i, image in enumerate(values):
        moved = (square + default_rng(i).uniform(-reach, reach, (3, 2))).astype(np.float32)
        matrix = cv2.getAffineTransform(square, moved)
        border = cv2.BORDER_REFLECT_101
        wanted.append(cv2.warpAffine(image, matrix, (32, 32), borderMode=border))
    rolls = Dice([default_rng(i) for i in range(len(images))])
    channels = values.transpose(3, 0, 1, 2)
    found = sample(channels, *affine_places(32, reach, rolls), "mirror").transpose(1, 2, 3, 0)
    assert np.abs(found - np.stack(wanted)).max() < 0.03, "1/64 pixel of the steepest edge"


@pytest.fixture(scope="module")
def liquids() -> np.ndarray:
    """Drops as `spatter` makes them, of many sizes, an empty image last; uint8 (b, h, w)."""
    from scipy.ndimage import gaussian_filter

    layers = []
    for severity in (1, 2, 3):
        mean, sd, sigma, floor = kind("spatter").levels[severity - 1][:4]
        noise = default_rng(severity).normal(mean, sd, (12, 32, 32))
        layer = gaussian_filter(noise, (0, sigma, sigma), mode="nearest")
        layers.append(np.where(layer < floor, 0, 255 * np.minimum(layer, 1)))
    return np.concatenate([*layers, np.zeros((1, 32, 32))]).astype(np.uint8)


def test_edges_and_distances_are_those_of_opencv(cv2, liquids) -> None:
    edges = canny(liquids)
    wanted = np.stack([cv2.Canny(one, 50, 150) for one in liquids])
    assert np.array_equal(edges, wanted > 0)
    assert edges[:-1].any(axis=(1, 2)).all()
    far = np.stack([cv2.distanceTransform(255 - one, cv2.DIST_L2, 5) for one in wanted])
    found = chamfer(edges)
    assert np.allclose(np.minimum(found, 20), np.minimum(far, 20), atol=1e-4)


def test_edges_of_photographs_are_those_of_opencv(cv2, images) -> None:
    layers = np.ascontiguousarray(images[..., 1] * 3)  # wraps, so that there are steep edges
    wanted = np.stack([cv2.Canny(one, 50, 150) for one in layers])
    assert np.array_equal(canny(layers), wanted > 0)


def test_the_even_histogram_is_that_of_opencv(cv2, images) -> None:
    layers = np.concatenate([images[..., 0], np.full((1, 32, 32), 7, np.uint8)])
    wanted = np.stack([cv2.equalizeHist(np.ascontiguousarray(one)) for one in layers])
    assert np.array_equal(equalise(layers), wanted)


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_drops_of_water_are_those_of_opencv(cv2, images, severity) -> None:
    gaussian = pytest.importorskip("skimage.filters").gaussian
    mean, sd, sigma, floor, strength, _ = kind("spatter").levels[severity - 1]
    wanted = []
    for i, image in enumerate(images):
        layer = gaussian(default_rng(i).normal(mean, sd, (32, 32)), sigma=sigma)
        drops = np.where(layer < floor, 0, 255 * layer).astype(np.int64).astype(np.uint8)
        near = cv2.distanceTransform(255 - cv2.Canny(drops, 50, 150), cv2.DIST_L2, 5)
        near = cv2.threshold(near, 20, 20, cv2.THRESH_TRUNC)[1]
        even = cv2.equalizeHist(cv2.blur(near, (3, 3)).astype(np.uint8))
        ridge = cv2.filter2D(even, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
        wet = drops * cv2.blur(ridge, (3, 3)).astype(np.float32)
        turquoise = np.array([175, 238, 238]) / 255
        wanted.append(255 * (image / 255 + strength * (wet / wet.max())[..., None] * turquoise))
    assert agree(corrupt_all(images, "spatter", severity), cut(np.stack(wanted)), 0.001)


@pytest.mark.parametrize("size", [(200, 160), (203, 161), (1001, 564), (184, 277)])
def test_every_fifth_pixel_is_opencvs_shrinking_to_a_fifth(cv2, size) -> None:
    picture = default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert np.array_equal(cv2.resize(picture, (0, 0), fx=0.2, fy=0.2), picture[2::5, 2::5])
