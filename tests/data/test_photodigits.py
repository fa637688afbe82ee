"""PhotoDigits: the same bytes everywhere, honest splits, masks that say what was pasted."""

import math

import numpy as np
import pytest

from adautomix.data import load, photodigits
from adautomix.data.photodigits import INFO as PHOTODIGITS
from adautomix.errors import DataError, InputError


@pytest.mark.parametrize("split", PHOTODIGITS.counts)
def test_counts_and_digest_are_those_of_the_catalogue(split):
    data = load("photodigits", split)
    assert len(data) == PHOTODIGITS.counts[split]
    assert data.sha256 == PHOTODIGITS.sha256[split]


def pictures(data):
    return {image.tobytes() for image in data.images}


def test_the_three_splits_share_no_image():
    parts = [pictures(load("photodigits", split)) for split in PHOTODIGITS.counts]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797


def test_training_sets_are_nested_and_stay_out_of_the_test_split():
    small, large = (load("photodigits", "train", per_class=k) for k in (7, 100))
    assert np.bincount(small.labels).tolist() == [7] * 10
    assert np.bincount(large.labels).tolist() == [100] * 10
    assert pictures(small) < pictures(load("photodigits", "train")) < pictures(large)
    assert not pictures(large) & pictures(load("photodigits", "test"))


@pytest.mark.parametrize("per_class", [0, -1, 101])
def test_per_class_out_of_range_is_refused(per_class):
    with pytest.raises(InputError, match=f"between 1 and 100.*got {per_class}"):
        load("photodigits", "train", per_class=per_class)


def test_per_class_beyond_the_smallest_class_of_a_split_is_refused():
    with pytest.raises(InputError, match="between 1 and 70 for PhotoDigits validation, got 71"):
        load("photodigits", "validation", per_class=71)


def test_unknown_split_is_named():
    with pytest.raises(InputError, match=r"unknown split of PhotoDigits 'valid'.*'validation'"):
        load("photodigits", "valid")


def test_a_set_can_be_written_to_without_harm_to_the_next():
    load("photodigits", "train").images[:] = 0
    assert load("photodigits", "train").sha256 == PHOTODIGITS.sha256["train"]


def slow_paste(digit, photos, bits):
    """What `paste` does, pixel by pixel in floating point, from the description alone."""
    rng = {name: (int(bits[name]) >> 32) / 2**32 for name in photodigits.CHOICES}
    photo = photos[int(rng["photo"] * 2)]
    top, left = int(rng["top"] * (427 - 31)), int(rng["left"] * (640 - 31))
    side = 16 + int(rng["side"] * 9)
    row, column = int(rng["row"] * (33 - side)), int(rng["column"] * (33 - side))

    def ink(i, j):
        y, x = (min(max((p + 0.5) * 8 / side - 0.5, 0), 7) for p in (i, j))
        (y0, fy), (x0, fx) = ((int(p), p - int(p)) for p in (y, x))
        y1, x1 = min(y0 + 1, 7), min(x0 + 1, 7)
        top_edge = digit[y0][x0] * (1 - fx) + digit[y0][x1] * fx
        bottom_edge = digit[y1][x0] * (1 - fx) + digit[y1][x1] * fx
        return (top_edge * (1 - fy) + bottom_edge * fy) / 16

    crop = np.floor(photo[top : top + 32, left : left + 32] * 0.625)
    alpha = np.zeros((32, 32))
    for i in range(side):
        for j in range(side):
            alpha[row + i, column + j] = min(max((ink(i, j) - 0.25) / 0.5, 0), 1)
    return crop, alpha


@pytest.fixture(scope="module")
def pasted():
    """(image, alpha, crop, alpha by the slow way) of a few digits."""
    digits, _, photos = photodigits.sources()
    table = photodigits.random_bits(len(digits))
    found = []
    for s in (0, 1, 2, 700, 1796):
        bits = {name: table[name][s] for name in photodigits.CHOICES}
        image, alpha = photodigits.paste(digits[s], photos, bits)
        found.append((image, alpha, *slow_paste(digits[s], photos, bits)))
    return found


def test_alpha_is_the_enlarged_digit(pasted):
    for _, alpha, _, slow in pasted:
        np.testing.assert_allclose(alpha / 256, slow, atol=1 / 256 + 1e-9)


def test_where_nothing_is_pasted_is_the_dimmed_photograph_alone(pasted):
    for image, alpha, crop, _ in pasted:
        assert (image[alpha == 0] == crop[alpha == 0]).all()
        assert 0 < (alpha == 0).mean() < 1


def test_opaque_pixels_have_one_colour_that_stands_out(pasted):
    for image, alpha, crop, _ in pasted:
        colours = np.unique(image[alpha == 256], axis=0)
        assert len(colours) == 1
        weights = np.array([0.299, 0.587, 0.114])
        behind = np.average(crop @ weights, weights=alpha)
        assert colours[0] @ weights - behind >= photodigits.CONTRAST - 2


def test_between_the_two_lies_the_weighted_mean(pasted):
    for image, alpha, crop, _ in pasted:
        colour, share = image[alpha == 256][0].astype(float), alpha[..., None] / 256
        np.testing.assert_allclose(image, crop * (1 - share) + colour * share, atol=0.5)


def test_masks_are_the_pixels_that_are_at_least_half_digit(pasted):
    everything, _ = photodigits.build()
    where = {image.tobytes(): s for s, image in enumerate(everything.images)}
    for image, alpha, _, _ in pasted:
        assert (everything.masks[where[image.tobytes()]] == (alpha / 256 >= 0.5)).all()


def test_masks_cover_a_digit_in_every_image():
    area = photodigits.build()[0].masks.sum((1, 2))
    assert area.min() > 20
    assert area.max() < 24 * 24 * 2 / 3


@pytest.mark.slow  # importing scikit-learn
def test_digits_and_photographs_are_those_scikit_learn_gives():
    datasets = pytest.importorskip("sklearn.datasets")
    digits, labels, photos = photodigits.sources()
    official = datasets.load_digits()
    assert (digits == official.images).all()
    assert (labels == official.target).all()
    for photo, name in zip(photos, ("china.jpg", "flower.jpg"), strict=True):
        assert (photo == datasets.load_sample_image(name)).all()


@pytest.mark.parametrize("background", [0, 60, 100, 127, 159])
@pytest.mark.parametrize("wish", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0)])
def test_a_colour_is_moved_no_further_than_needed(wish, background):
    wish = np.array(wish)
    colour = photodigits.readable(wish, background)
    gap = int(photodigits.luma(colour)) - background
    assert gap >= photodigits.CONTRAST
    assert (colour == wish).all() or gap <= photodigits.CONTRAST + math.ceil(255 / 64) + 1


def test_other_photographs_are_refused_with_both_digests(monkeypatch):
    monkeypatch.setitem(photodigits.SOURCES, "china.jpg", "0" * 64)
    with pytest.raises(DataError, match=r"china.jpg has sha256 e7014593.*expected 0000"):
        photodigits.sources()


def test_other_images_are_refused_with_both_digests(monkeypatch):
    found = load("photodigits", "test").sha256
    monkeypatch.setitem(PHOTODIGITS.sha256, "test", "0" * 64)
    with pytest.raises(DataError, match=f"test has sha256 {found}, expected {'0' * 64}"):
        photodigits.build.__wrapped__()


def test_missing_files_of_scikit_learn_are_named(monkeypatch, tmp_path):
    class Elsewhere:
        origin = str(tmp_path / "sklearn" / "__init__.py")

    monkeypatch.setattr(photodigits, "find_spec", lambda name: Elsewhere)
    with pytest.raises(DataError, match=r"digits\.csv\.gz.*reinstall scikit-learn"):
        photodigits.sources()
    monkeypatch.setattr(photodigits, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        photodigits.sources()
