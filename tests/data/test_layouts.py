"""What a file of images, labels or names can hold that is none: one sentence each."""

import pickle
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from adautomix.data.cifar100 import read as cifar100
from adautomix.data.read_image import MODES, read_rgb
from adautomix.errors import DataError


def sentence_of(root: Path, split: str = "train") -> str:
    with pytest.raises(DataError) as error:
        cifar100(split, root, check=False)
    assert "\n" not in str(error.value)
    return str(error.value)


def pickled(root: Path, **changes: object) -> Path:
    """The pickles with other labels (`fine_labels`), images (`data`) or names (`names`)."""
    folder = root / "cifar-100-python"
    if "names" in changes:
        (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": changes["names"]}, 2))
        return root
    table = {"data": np.zeros((12, 3072), np.uint8), "fine_labels": [0, 1, 2] * 4} | changes
    (folder / "train").write_bytes(pickle.dumps(table, 2))
    return root


LABELS = {
    "too large": ([0, 2**70], "whole numbers, got object, such as 1180591620717411303424"),
    "infinite": ([0, float("inf")], "whole numbers, got float64, such as inf"),
    "no number": ([0, float("nan")], "whole numbers, got float64, such as nan"),
    "not whole": ([0, 1.0, 1.7], r"whole numbers, got float64, such as 1.7"),
    "whole floats": ([0.0, 1.0], "whole numbers, got float64, such as 0.0"),
    "text": (["a", "b"], "whole numbers, got <U1, such as 'a'"),
    "none": ([0, None], "whole numbers, got object, such as None"),
    "truth": ([True, False], "whole numbers, got bool"),
    "of two lengths": ([[0], [1, 2]], "does not hold CIFAR-100's pickles"),
    "nested": ([[0]] * 12, "of shape (s,), got int64 of shape (12, 1)"),
    "no list": (3, "12 images but 1 labels"),
    "out of range": ([3] * 12, "labels must be 0 to 2, found 3"),
    "negative": ([-1] * 12, "labels must be 0 to 2, found -1"),
    "almost too large": ([2**63 - 1] * 12, "labels must be 0 to 2, found 9223372036854775807"),
    "too few": ([0], "12 images but 1 labels"),
}


@pytest.mark.parametrize("what", LABELS)
def test_labels_of_a_pickle_that_cannot_be_are_named(small, write_pickles, what):
    labels, named = LABELS[what]
    assert named in sentence_of(pickled(write_pickles(small), fine_labels=labels))


NAMES = {
    "mixed": (["apple", 1, "cloud"], "class names must be text, found 1"),
    "lists": ([["apple"], ["bear"], ["cloud"]], "class names must be text, found ['apple']"),
    "dicts": ([{}, {}, {}], "class names must be text, found {}"),
    "bytes": ([np.bytes_(b"apple")] * 3, "asks for numpy"),
    "none": (["apple", None, "cloud"], "class names must be text, found None"),
    "numbers": ([1, 2, 3], "class names must be text, found 1"),
    "no list": (3, "does not hold CIFAR-100's pickles"),
    "twice": (["apple", "apple", "cloud"], "two classes have the same name"),
    "too few": (["apple"], "labels must be 0 to 0, found"),
}


@pytest.mark.parametrize("what", NAMES)
def test_names_of_a_pickle_that_cannot_be_are_named(small, write_pickles, what):
    names, named = NAMES[what]
    assert named in sentence_of(pickled(write_pickles(small), names=names))


@pytest.mark.parametrize(
    ("images", "named"),
    [
        ([[0] * 3072], "does not hold CIFAR-100's pickles"),
        (np.zeros((12, 3071), np.uint8), "does not hold CIFAR-100's pickles"),
        (np.zeros((12, 3072), np.float32), "images must be uint8, got float32"),
        (np.zeros((11, 3072), np.uint8), "11 images but 12 labels"),
        (np.zeros((0, 3072), np.uint8), "cannot be read as a CIFAR-100 pickle"),
        (None, "does not hold CIFAR-100's pickles"),
    ],
)
def test_images_of_a_pickle_that_cannot_be_are_named(small, write_pickles, images, named):
    assert named in sentence_of(pickled(write_pickles(small), data=images))


def npz(small, path: Path, **changes: np.ndarray) -> Path:
    np.savez(path, **{**small._asdict(), **changes})
    return path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"y_train": np.array([0, 1.7] * 6)}, "whole numbers, got float64, such as 1.7"),
        ({"y_train": np.array([0, np.inf] * 6)}, "whole numbers, got float64, such as inf"),
        ({"y_train": np.array(["0"] * 12)}, "whole numbers, got <U1, such as '0'"),
        ({"y_train": np.full(12, 2**64 - 1, np.uint64)}, "0 to 2, found 9223372036854775807"),
        ({"y_train": np.eye(12, 3, dtype=int)}, "12 images but 36 labels"),
        ({"classes": np.array([1, 2, 3])}, "class names must be text, found 1"),
        ({"classes": np.array([b"a", b"b", b"c"])}, "class names must be text, found b'a'"),
        ({"classes": np.array("apple")}, "labels must be 0 to 0, found"),
        ({"x_train": np.zeros(12, np.uint8)}, "got (12,)"),
    ],
)
def test_what_an_npz_cannot_hold_is_named(small, tmp_path, changes, named):
    assert named in sentence_of(npz(small, tmp_path / "data.npz", **changes))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type_are_read(small, tmp_path, kind):
    path = npz(small, tmp_path / "data.npz", y_train=small.y_train.astype(kind)[:, None])
    assert sorted(cifar100("train", path, check=False).labels) == sorted(small.y_train)


def changed_bytes(path: Path, places: Iterable[int], read: Callable[[], object]) -> list[str]:
    """The sentences with which a file is refused that has one byte changed, in turn."""
    content, sentences = path.read_bytes(), []
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 20]) + content[place + 1 :])
        try:
            read()
        except DataError as error:
            sentences.append(str(error))
    return sentences


def test_a_changed_byte_of_an_npz_is_one_sentence_or_another_image(small, tmp_path):
    path = npz(small, tmp_path / "data.npz")
    size = path.stat().st_size
    places = [*range(0, 400, 3), *range(size - 600, size, 3)]  # its headers
    found = changed_bytes(path, places, lambda: cifar100("train", path, check=False))
    assert len(found) > 50
    assert not any("\n" in sentence for sentence in found)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """A picture of 32x32 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.mark.parametrize("limit", [100, 600])  # an error of Pillow, and a warning
def test_an_image_beyond_pillow_s_limit_is_named_with_it(png, monkeypatch, limit):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError) as error:
        read_rgb(png)
    sentence = str(error.value)
    assert sentence.startswith(f"{png} cannot be read as an image: Image size (1024 pixels)")
    assert f"limit of {2 * limit if limit == 100 else limit} pixels" in sentence


def test_a_large_image_is_not_decoded_to_say_that_it_is_too_large(png, monkeypatch):
    monkeypatch.setattr(PIL.Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(DataError, match="is 32x32 pixels, expected 8x8"):
        read_rgb(png, side=8)


def test_a_changed_byte_of_an_image_is_one_sentence_or_another_image(png):
    places = range(0, png.stat().st_size, 2)
    found = changed_bytes(png, places, lambda: read_rgb(png, side=32))
    assert len(found) > 100
    assert not any("\n" in sentence for sentence in found)


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_pixel_of_8_bits_is_read(png, mode):
    """A palette may be partly transparent."""
    picture = PIL.Image.open(png).convert(mode)
    form = "TIFF" if mode == "CMYK" else "PNG"
    picture.save(png, form, **({"transparency": bytes(range(256))} if mode == "P" else {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_rgb(png)
    assert np.array_equal(found, np.array(picture.convert("RGB")))


@pytest.mark.parametrize(
    ("kind", "form"), [(np.uint16, "PNG"), (np.int32, "TIFF"), (np.float32, "TIFF")]
)
def test_pixels_of_more_bits_are_refused_not_cut_off(png, kind, form):
    PIL.Image.fromarray(np.full((32, 32), 300, kind)).save(png, form)
    with pytest.raises(DataError, match=r"pixels of Pillow's mode [IF].*: convert it to 8 bits"):
        read_rgb(png)


@pytest.mark.parametrize("per_class", [2.5, "3", True])
def test_a_subset_of_no_whole_number_is_refused(small, write_npz, per_class):
    from adautomix.data import photodigits

    data = cifar100("train", write_npz(small), check=False)
    for subset in (data.subset, lambda number: photodigits.read("train", per_class=number)):
        with pytest.raises(Exception, match="per_class"):
            subset(per_class)
