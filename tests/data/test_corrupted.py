"""What every corruption keeps to: shape, seed, severity, independence of its neighbours."""

import numpy as np
import pytest

from adautomix.data import photodigits
from adautomix.data.corrupted import corrupted
from adautomix.data.corruptions import GROUPS, KINDS, SEVERITIES, STANDARD, kind
from adautomix.errors import InputError

WITHOUT_PICTURES = [name for name in KINDS if name != "frost"]
each_kind = pytest.mark.parametrize("name", WITHOUT_PICTURES)

# Not a scale of strength: it fades colours first; one pass gives way to two weaker ones; the affine
# part shrinks as the shifts grow; water gives way to mud.
NOT_MONOTONE = {"saturate", "glass_blur", "elastic_transform", "spatter"}
# Severities 3 and 4 of motion blur have one sigma, and lengths that lie beyond 6 sigma.
ALIKE = {"motion_blur": (3, 4)}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """16 PhotoDigits, (s, h, w, 3)."""
    return photodigits.read("test").images[::49][:16]


def grey(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 32, 32, 3), value, np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square, in grey levels."""
    return float(np.sqrt(np.mean((a.astype(float) - b) ** 2)))


def test_the_table_has_nineteen_kinds_fifteen_of_them_standard() -> None:
    assert len(KINDS) == 19
    assert len(STANDARD) == 15
    assert {row.group for row in KINDS.values()} == set(GROUPS)
    extra = {"speckle_noise", "gaussian_blur", "spatter", "saturate"}
    assert set(KINDS) - set(STANDARD) == extra
    for row in KINDS.values():
        assert len(row.levels) == len(set(row.levels)) == 5
        assert len({len(level) for level in row.levels}) == 1
    assert kind("jpeg_compression").title == "JPEG compression"


@each_kind
def test_shape_dtype_and_seed(images, name) -> None:
    before = images.copy()
    found = corrupted(images, name, 3, seed=1)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    assert np.array_equal(images, before), "the clean images stay as they are"
    assert np.array_equal(found, corrupted(images, name, 3, seed=1))
    random = name not in {
        "defocus_blur", "zoom_blur", "gaussian_blur", "brightness", "contrast", "pixelate",
        "jpeg_compression", "saturate",
    }  # fmt: skip
    assert (not np.array_equal(found, corrupted(images, name, 3, seed=2))) == random


@each_kind
def test_an_image_is_corrupted_alike_whatever_stands_beside_it(images, name, monkeypatch) -> None:
    whole = corrupted(images[:9], name, 2)
    assert np.array_equal(corrupted(images[:4], name, 2), whole[:4])
    monkeypatch.setattr("adautomix.data.corrupted.CHUNK", 4)
    assert np.array_equal(corrupted(images[:9], name, 2), whole)


@each_kind
def test_two_places_and_two_severities_have_numbers_of_their_own(images, name) -> None:
    twice = np.stack([images[0], images[0]])
    first, second = corrupted(twice, name, 5)
    if not np.array_equal(first, second):  # a random corruption
        other = corrupted(twice, name, 4)
        assert not np.array_equal(first, other[0])


@each_kind
def test_a_higher_severity_changes_more(images, name) -> None:
    levels = [s for s in SEVERITIES if s not in ALIKE.get(name, ())[1:]]
    far = [distance(corrupted(images, name, s), images) for s in levels]
    assert all(d > 0.5 for d in far)
    assert (far == sorted(far)) == (name not in NOT_MONOTONE)


@pytest.mark.parametrize("side", [16, 40])
@each_kind
def test_other_squares_can_be_corrupted(name, side) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    found = corrupted(images, name, 5)
    assert found.shape == images.shape
    assert not np.array_equal(found, images)


@each_kind
@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_images_are_no_special_case(name, value) -> None:
    assert corrupted(grey(value), name, 5).shape == (1, 32, 32, 3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: corrupted(x, "fogg", 1), "unknown corruption 'fogg': did you mean 'fog'"),
        (lambda x: corrupted(x, "fog", 6), "severity of a corruption is 1, 2, 3, 4 or 5, not 6"),
        (lambda x: corrupted(x, "fog", 0), "not 0"),
        (lambda x: corrupted(x[:, :20], "fog", 1), "20x32 pixels cannot be corrupted"),
    ],
)
def test_what_cannot_be_corrupted_is_one_sentence(images, call, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        call(images)
