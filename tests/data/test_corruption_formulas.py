"""Each corruption against a slow loop, a library's own routine or a number known beforehand."""

import io

import numpy as np
import PIL.Image
import pytest
import scipy.ndimage
from numpy.random import default_rng

from adautomix.data import photodigits
from adautomix.data.corrupted import corrupted
from adautomix.data.corruptions import SEVERITIES, Dice, kind
from adautomix.data.corruptions.blur import disk, glass_blur
from adautomix.data.corruptions.digital import affine_places
from adautomix.data.corruptions.sampling import sample, smear, zoom
from adautomix.data.corruptions.weather import frost, plasma

each_severity = pytest.mark.parametrize("severity", SEVERITIES)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """16 PhotoDigits, (s, h, w, 3)."""
    return photodigits.read("test").images[::49][:16]


def grey(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 32, 32, 3), value, np.uint8)


def dice(count: int) -> Dice:
    return Dice([default_rng(i) for i in range(count)])


@each_severity
def test_gaussian_and_speckle_noise_have_their_standard_deviation(severity) -> None:
    plain, shares = grey(128, 12), kind("speckle_noise").levels[severity - 1]
    noise = corrupted(plain, "gaussian_noise", severity).astype(float) + 0.5 - 128
    assert noise.std() == pytest.approx(
        255 * kind("gaussian_noise").levels[severity - 1][0], rel=0.02
    )
    assert noise.mean() == pytest.approx(0, abs=0.5)
    speckle = corrupted(plain, "speckle_noise", severity).astype(float)
    assert speckle.std() == pytest.approx(128 * shares[0], rel=0.02)
    assert not corrupted(grey(0), "speckle_noise", severity).any()


@each_severity
def test_shot_noise_has_the_variance_of_a_count(severity) -> None:
    photons = kind("shot_noise").levels[severity - 1][0]
    counts = (corrupted(grey(102, 12), "shot_noise", severity) + 0.5) / 255 * photons
    assert counts.mean() == pytest.approx(0.4 * photons, rel=0.01)
    assert counts.var() == pytest.approx(0.4 * photons, rel=0.06)


@each_severity
def test_impulse_noise_hits_single_values_half_white_half_black(severity) -> None:
    share = kind("impulse_noise").levels[severity - 1][0]
    found = corrupted(grey(100, 60), "impulse_noise", severity)
    assert set(np.unique(found)) == {0, 100, 255}
    hit = found != 100
    assert hit.mean() == pytest.approx(share, rel=0.05)
    assert (found == 255).mean() == pytest.approx(share / 2, rel=0.08)
    assert hit.all(axis=-1).mean() < share / 4, "channels are hit one by one"


def test_brightness_lifts_the_value_of_hsv_by_hand() -> None:
    colours = np.array([[100, 100, 100], [100, 50, 0], [0, 0, 0], [250, 125, 10]], np.uint8)
    image = np.broadcast_to(colours[:, None, None], (4, 32, 32, 3)).copy()
    found = corrupted(image, "brightness", 4)[:, 0, 0]
    assert found.tolist() == [[151, 151, 151], [151, 75, 0], [51, 51, 51], [255, 127, 10]]


def test_saturate_fades_then_deepens_and_turns_grey_reddish() -> None:
    colours = np.array([[200, 100, 100], [120, 120, 120]], np.uint8)
    image = np.broadcast_to(colours[:, None, None], (2, 32, 32, 3)).copy()
    # HSV saturation 1/2 becomes 0.15, 0.75 and 1; that of grey 0, 0 and 0.2.
    wanted = {1: [200 * 0.85, 120], 3: [200 * 0.25, 120], 5: [0, 120 * 0.8]}
    for severity, seconds in wanted.items():
        found = corrupted(image, "saturate", severity)[:, 0, 0].astype(int)
        assert (
            np.abs(
                found - [[200, v, v] if k == 0 else [120, v, v] for k, v in enumerate(seconds)]
            ).max()
            <= 1
        )


def test_contrast_keeps_the_mean_of_every_channel(images) -> None:
    found = corrupted(images, "contrast", 5).astype(float)
    lost = images.mean(axis=(1, 2)) - found.mean(axis=(1, 2))
    assert lost.min() >= 0
    assert lost.max() < 1, "cut to whole levels, so less than one is lost"
    spread = [part.std(axis=(1, 2)) for part in (found, images)]
    assert np.allclose(spread[0], 0.15 * spread[1], atol=0.4)


def test_jpeg_and_pixelate_are_those_of_pillow(images) -> None:
    buffer, image = io.BytesIO(), PIL.Image.fromarray(images[3])
    image.save(buffer, "JPEG", quality=50)
    with PIL.Image.open(buffer) as written:
        assert np.array_equal(corrupted(images, "jpeg_compression", 4)[3], np.asarray(written))
    box = PIL.Image.Resampling.BOX
    small = image.resize((24, 24), box).resize((32, 32), box)
    assert np.array_equal(corrupted(images, "pixelate", 4)[3], np.asarray(small))


@each_severity
def test_a_defocused_point_keeps_its_light(severity) -> None:
    kernel = disk(*kind("defocus_blur").levels[severity - 1])
    assert kernel.sum() == pytest.approx(1)
    assert np.allclose(kernel, kernel.T)
    assert np.allclose(kernel, kernel[::-1])
    assert kernel[len(kernel) // 2, len(kernel) // 2] == kernel.max()


def test_motion_blur_is_that_of_a_slow_loop() -> None:
    images = default_rng(0).integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    radius, sigma, angles = 4, 2.0, np.array([-30.0, 100.0])
    taps = [np.exp(-(i**2) / (2 * sigma**2)) for i in range(2 * radius + 1)]
    wanted = np.zeros(images.shape)
    for b, angle in enumerate(np.deg2rad(angles)):
        for y in range(9):
            for x in range(9):
                for i, tap in enumerate(taps):
                    row = min(max(y + int(np.ceil(i * np.sin(angle) - 0.5)), 0), 8)
                    column = min(max(x + int(np.ceil(i * np.cos(angle) - 0.5)), 0), 8)
                    wanted[b, y, x] += tap / sum(taps) * images[b, row, column]
    assert np.allclose(smear(images, radius, sigma, angles), wanted)


def test_glass_blur_is_a_loop_over_pixels_whose_swap_copies(images) -> None:
    """The offsets are found in one go because no pixel reads what the same pass has written."""
    level = (0.05, 1.0, 2.0)  # a filter of one tap leaves the image alone
    wanted = images[:3].copy()
    for image, g in zip(wanted, dice(3).generators, strict=True):
        for _ in range(2):
            shift = g.integers(-1, 1, (2, 32, 32))
            for h in range(31, 1, -1):
                for w in range(31, 1, -1):
                    image[h, w] = image[h + shift[0, h, w], w + shift[1, h, w]]
    found = glass_blur(images[:3], level, dice(3))
    assert np.allclose(found, wanted)
    assert np.abs(found - images[:3]).max() > 50


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.25, 1.75, 2.25])
def test_zoom_is_that_of_scipy_cropped_and_trimmed(factor) -> None:
    image = default_rng(0).random((32, 32, 3))
    kept = int(np.ceil(32 / factor))
    top = (32 - kept) // 2
    middle = image[top : top + kept, top : top + kept]
    grown = scipy.ndimage.zoom(middle, (factor, factor, 1), order=1)
    trim = (len(grown) - 32) // 2
    wanted = grown[trim : trim + 32, trim : trim + 32]
    assert np.allclose(zoom(image[None], factor)[0], wanted)


@pytest.mark.parametrize("border", ["mirror", "reflect"])
def test_reading_between_pixels_is_that_of_scipy(border) -> None:
    rng = default_rng(0)
    images, places = rng.random((2, 7, 7, 3)), rng.uniform(-9, 15, (2, 2, 7, 7))
    found = sample(images.transpose(3, 0, 1, 2), places[0], places[1], border)
    for b, c in np.ndindex(2, 3):
        where = (places[0, b], places[1, b])
        wanted = scipy.ndimage.map_coordinates(images[b, ..., c], where, order=1, mode=border)
        assert np.allclose(found[c, b], wanted)


def test_the_affine_map_takes_the_moved_corners_back_to_the_square() -> None:
    rows, columns = affine_places(32, 0.0, dice(1))
    row, column = np.indices((32, 32))
    assert np.allclose(rows[0], row)
    assert np.allclose(columns[0], column)
    rows, columns = affine_places(32, 2.0, dice(1))
    moved = np.array([[26, 26], [26, 6], [6, 6]]) + default_rng(0).uniform(-2, 2, (3, 2))
    for (x, y), (x0, y0) in zip(moved, [(26, 26), (26, 6), (6, 6)], strict=True):
        found = [scipy.ndimage.map_coordinates(f[0], [[y], [x]], order=1) for f in (columns, rows)]
        assert np.allclose(np.ravel(found), [x0, y0])


def test_plasma_runs_from_nothing_to_one_and_is_rougher_with_less_decay() -> None:
    smooth, rough = (plasma(32, decay, dice(20)) for decay in (3.0, 1.75))
    for heights in (smooth, rough):
        assert np.allclose(heights.min(axis=(1, 2)), 0)
        assert np.allclose(heights.max(axis=(1, 2)), 1)
    steps = [np.abs(np.diff(heights, axis=2)).mean() for heights in (smooth, rough)]
    assert steps[1] > 1.3 * steps[0]


def test_the_middles_of_plasma_are_means_of_their_neighbours() -> None:
    """Without roughness only the first square counts: corner 0, one random height in the middle."""

    class Still(Dice):
        def random(self, shape):
            drawn = np.full((1, *shape), 0.5)
            drawn[0, 0] = 1
            return drawn

    heights = plasma(4, 2.0, Still([default_rng(0)]))[0]
    assert heights.tolist() == [
        [0, 0.375, 0.5, 0.375],
        [0.375, 0.5, 0.625, 0.5],
        [0.5, 0.625, 1, 0.625],
        [0.375, 0.5, 0.625, 0.5],
    ]


def test_fog_thickens_and_keeps_the_brightest_value_as_the_limit(images) -> None:
    found = corrupted(images, "fog", 5)
    assert (found.max(axis=(1, 2, 3)) <= images.max(axis=(1, 2, 3))).all()
    assert found.std(axis=(1, 2)).mean() < images.std(axis=(1, 2)).mean()


def test_snow_whitens_and_its_layer_has_a_twin_turned_round() -> None:
    found = corrupted(grey(0), "snow", 5)[0].astype(int)
    assert np.ptp(found, axis=-1).max() == 0, "snow is grey"
    # On black: kept 0.8, so 0.2 x 0.5 of white everywhere, and flakes that are symmetric.
    assert found.min() >= int(255 * 0.1)
    assert np.abs(found - found[::-1, ::-1]).max() <= 1


def test_frost_weighs_image_and_one_of_the_pictures() -> None:
    pictures = [np.full((40, 50, 3), value, np.uint8) for value in (0, 50, 100, 150, 200)]
    found = frost(grey(80, 60), (0.9, 0.4), dice(60), pictures=pictures)
    added = np.round((found - 0.9 * 80) / 0.4, 6)
    assert set(np.unique(added)) == {0, 50, 100, 150, 200}
    assert all(len(np.unique(one)) == 1 for one in added), "one picture an image"


def test_a_crop_of_frost_is_a_piece_of_the_picture() -> None:
    picture = np.stack(np.broadcast_arrays(*np.ogrid[:40, :50], 7), axis=-1).astype(np.uint8)
    found = frost(grey(0, 30), (1.0, 1.0), dice(30), pictures=[picture])
    tops, lefts = found[:, 0, 0, 0], found[:, 0, 0, 1]
    assert 0 <= tops.min() < tops.max() < 8
    assert 0 <= lefts.min() < lefts.max() < 18
    assert np.array_equal(found[3, 31, 31], [tops[3] + 31, lefts[3] + 31, 7])
