"""ImageSet refuses what is wrong; the three layouts of CIFAR-100 give the same arrays."""

import os
import pickle
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from adautomix.data.cifar100 import CLASSES as CIFAR100_CLASSES
from adautomix.data.cifar100 import INFO as CIFAR100
from adautomix.data.cifar100 import read as cifar100
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError

ROW = replace(CIFAR100, classes=3, side=4)


def image_set(**change):
    """Six 4x4 images of three classes, with some parts exchanged."""
    pixels = np.arange(6 * 4 * 4 * 3, dtype=np.uint8).reshape(6, 4, 4, 3)
    parts = {"images": pixels, "labels": np.array([0, 0, 1, 1, 1, 2]), "classes": ("a", "b", "c")}
    return ImageSet(**{**parts, "info": ROW, "split": "train", **change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": np.zeros((6, 4, 4, 3), np.float32)}, "images must be uint8, got float32"),
        ({"images": np.zeros((6, 3, 4, 4), np.uint8)}, r"\(s, 4, 4, 3\), got \(6, 3, 4, 4\)"),
        ({"images": np.zeros((5, 4, 4, 3), np.uint8)}, "5 images but 6 labels"),
        ({"labels": np.zeros(6, np.int32)}, "labels must be int64 of shape .s,., got int32"),
        ({"labels": np.zeros((6, 1), np.int64)}, r"got int64 of shape \(6, 1\)"),
        ({"labels": np.array([0, 1, 2, 3, 0, 0])}, "labels must be 0 to 2, found 3"),
        ({"labels": np.array([0, 1, -1, 2, 0, 0])}, "labels must be 0 to 2, found -1"),
        ({"images": np.zeros((0, 4, 4, 3), np.uint8), "labels": np.zeros(0, int)}, "no images"),
        ({"classes": ("a", "b")}, "3 classes expected, got 2 names"),
        ({"classes": ("a", "b", "a")}, "two classes have the same name"),
        ({"masks": np.zeros((6, 4, 4), np.uint8)}, "masks must be bool .*got uint8"),
        ({"masks": np.zeros((6, 4, 5), bool)}, r"got bool of shape \(6, 4, 5\)"),
    ],
)
def test_wrong_arrays_are_refused(change, sentence):
    with pytest.raises(DataError, match=f"CIFAR-100, train: .*{sentence}"):
        image_set(**change)


def test_digest_is_of_images_then_labels():
    data = image_set()
    joined = data.images.tobytes() + data.labels.astype("<i8").tobytes()
    assert data.sha256 == sha256(joined).hexdigest()
    assert image_set(labels=np.array([0, 0, 1, 1, 2, 2])).sha256 != data.sha256


def test_subset_takes_the_first_of_every_class_with_their_masks():
    masks = np.zeros((6, 4, 4), bool)
    masks[2] = True
    part = image_set(masks=masks).subset(per_class=1)
    assert part.labels.tolist() == [0, 1, 2]
    assert (part.images == image_set().images[[0, 2, 5]]).all()
    assert part.masks.all((1, 2)).tolist() == [False, True, False]


@pytest.mark.parametrize("per_class", [0, 2])
def test_subset_larger_than_a_class_is_refused(per_class):
    with pytest.raises(InputError, match=f"per_class must be between 1 and 1.*got {per_class}"):
        image_set().subset(per_class)


@pytest.fixture(params=["npz", "folders", "pickles"])
def write(request):
    return request.getfixturevalue(f"write_{request.param}")


def by_hand(data, split):
    """The arrays as they should come out: sorted by (label, digest of the image)."""
    images, labels = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
    keyed = sorted(
        (int(k), sha256(x.tobytes()).hexdigest(), x.tobytes())
        for x, k in zip(images, labels, strict=True)
    )
    pixels = b"".join(key[2] for key in keyed)
    return np.frombuffer(pixels, np.uint8).reshape(images.shape), [key[0] for key in keyed]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_layout_gives_the_same_arrays(small, write, split):
    data = cifar100(split, write(small), check=False)
    images, labels = by_hand(small, split)
    assert (data.images == images).all()
    assert data.labels.tolist() == labels
    assert data.classes == ("apple", "bear", "cloud")
    assert (data.info.classes, data.info.counts) == (3, {split: len(labels)})


def test_validation_is_the_end_of_every_class_of_the_training_images(small, write, monkeypatch):
    monkeypatch.setattr("adautomix.data.cifar100.INFO", replace(CIFAR100, train_per_class=1))
    path = write(small)
    train, held_out = (cifar100(s, path, check=False) for s in ("train", "validation"))
    firsts = train.subset(per_class=1)
    assert len(held_out) == len(train) - len(firsts) > 0
    pictures = [{image.tobytes() for image in part.images} for part in (train, held_out, firsts)]
    assert pictures[1] == pictures[0] - pictures[2]
    assert held_out.labels.tolist() == sorted(held_out.labels)
    assert held_out.split == "validation"


def test_order_of_images_in_the_file_does_not_matter(small, write_npz):
    before = cifar100("train", write_npz(small), check=False).sha256
    turned = small._replace(x_train=small.x_train[::-1], y_train=small.y_train[::-1])
    assert cifar100("train", write_npz(turned), check=False).sha256 == before


@pytest.mark.parametrize("layout", ["npz", "pickles"])
def test_labels_become_alphabetical(small, layout, request):
    turned = small._replace(classes=small.classes[::-1], y_train=2 - small.y_train)
    data = cifar100("train", request.getfixturevalue(f"write_{layout}")(turned), check=False)
    images, labels = by_hand(small, "train")
    assert data.classes == ("apple", "bear", "cloud")
    assert data.labels.tolist() == labels
    assert (data.images == images).all()


def test_the_folder_of_the_pickles_may_be_given_itself(small, write_pickles):
    root = write_pickles(small)
    inner = cifar100("test", root / "cifar-100-python", check=False)
    assert inner.sha256 == cifar100("test", root, check=False).sha256


def test_an_npz_without_classes_has_the_official_ones(small, tmp_path):
    arrays = small._asdict()
    del arrays["classes"]
    np.savez(tmp_path / "data.npz", **arrays)
    assert cifar100("train", tmp_path / "data.npz", check=False).classes == CIFAR100_CLASSES


def test_part_of_the_data_is_refused_unless_asked_for(small, write):
    with pytest.raises(DataError, match="class 'aquarium_fish' is missing or not an official one"):
        cifar100("train", write(small))


def official():
    """As many images as CIFAR-100 test has, of one grey level each."""
    labels = np.repeat(np.arange(100), 100)
    grey = np.resize(np.arange(256, dtype=np.uint8), (len(labels), 1, 1, 1))
    return np.broadcast_to(grey, (len(labels), 32, 32, 3)), labels


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, y: (x[:-1], y[:-1]), "9999 images, expected 10000"),
        (
            lambda x, y: (x, np.where(np.arange(10_000) == 0, 1, y)),
            "class 'apple' has 99 images, not 100",
        ),
        (lambda x, y: (x, y), "altered: sha256 .*expected f5bbeb1f"),
    ],
)
def test_the_whole_set_must_have_official_counts_and_digest(tmp_path, change, sentence):
    images, labels = change(*official())
    np.savez(tmp_path / "data.npz", x_test=images, y_test=labels)
    with pytest.raises(DataError, match=sentence):
        cifar100("test", tmp_path / "data.npz")


def test_unknown_split_is_named(tmp_path):
    with pytest.raises(InputError, match="unknown split of CIFAR-100 'valid'"):
        cifar100("valid", tmp_path)


def test_a_folder_without_cifar_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"expected a \.npz, the folder cifar-100-python, or"):
        cifar100("train", tmp_path)


def test_truncated_npz_is_refused(small, write_npz):
    path = write_npz(small)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"data\.npz cannot be read as \.npz"):
        cifar100("train", path, check=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"x_train": None}, "no array 'x_train'"),
        ({"y_train": np.full(12, 0.5)}, "labels must be whole numbers, got float64"),
        ({"y_train": np.full(12, 3)}, "labels must be 0 to 2, found 3"),
        ({"x_train": np.zeros((12, 28, 28, 3), np.uint8)}, r"got \(12, 28, 28, 3\)"),
        ({"x_train": np.zeros((12, 32, 32, 3))}, "images must be uint8, got float64"),
    ],
)
def test_wrong_npz_is_refused(small, tmp_path, change, sentence):
    arrays = {name: a for name, a in {**small._asdict(), **change}.items() if a is not None}
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DataError, match=sentence):
        cifar100("train", tmp_path / "data.npz", check=False)


@pytest.mark.parametrize("name", ["train", "meta"])
def test_truncated_or_missing_pickle_is_refused(small, write_pickles, name):
    root = write_pickles(small)
    path = root / "cifar-100-python" / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=f"{name} cannot be read as a CIFAR-100 pickle"):
        cifar100("train", root, check=False)
    path.unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        cifar100("train", root, check=False)


def test_pickle_of_something_else_is_refused(small, write_pickles):
    root = write_pickles(small)
    path = root / "cifar-100-python" / "train"
    for content, sentence in (
        ({"data": 1}, "does not hold CIFAR-100's pickles: KeyError"),
        ([1], "holds a list, expected a dict"),
    ):
        path.write_bytes(pickle.dumps(content, 2))
        with pytest.raises(DataError, match=sentence):
            cifar100("train", root, check=False)


def test_a_pickle_cannot_run_code(small, write_pickles, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    root = write_pickles(small)
    (root / "cifar-100-python" / "train").write_bytes(pickle.dumps({"data": Trap()}, 2))
    with pytest.raises(DataError, match=r"asks for \w+\.mkdir"):
        cifar100("train", root, check=False)
    assert not (tmp_path / "trapped").exists()


def test_pickles_written_by_python_3_are_read(small, write_pickles):
    root = write_pickles(small)
    want = cifar100("train", root, check=False).sha256
    flat = np.ascontiguousarray(small.x_train.transpose(0, 3, 1, 2)).reshape(12, -1)
    table = {"data": flat, "fine_labels": small.y_train.tolist()}
    (root / "cifar-100-python" / "train").write_bytes(pickle.dumps(table, 2))
    assert cifar100("train", root, check=False).sha256 == want


def spoil(path, how):
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif how == "not an image":
        path.write_text("no image")
    else:
        PIL.Image.new("RGB", (28, 32)).save(path)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("truncated", "00000.png cannot be read as an image"),
        ("not an image", "00000.png cannot be read as an image"),
        ("narrow", "00000.png is 28x32 pixels, expected 32x32"),
    ],
)
def test_a_spoilt_png_is_named(small, write_folders, how, sentence):
    root = write_folders(small)
    spoil(root / "train" / "apple" / "00000.png", how)
    with pytest.raises(DataError, match=sentence):
        cifar100("train", root, check=False)


@pytest.mark.parametrize(("part", "other"), [("train", "test"), ("test", "train")])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_class_folder_is_named(small, write_folders, split, part, other):
    root = write_folders(small)
    shutil.rmtree(root / part / "bear")
    with pytest.raises(DataError, match=f"{part} has no folder for class 'bear', {other} has one"):
        cifar100(split, root, check=False)


def test_empty_folders_are_named(small, write_folders, tmp_path):
    root = write_folders(small)
    for path in (root / "test" / "cloud").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"cloud has no \.png file"):
        cifar100("test", root, check=False)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="train has no class folders"):
        cifar100("train", tmp_path / "empty", check=False)


@pytest.mark.slow
@pytest.mark.skipif("ADAUTOMIX_CIFAR100" not in os.environ, reason="needs the real CIFAR-100")
@pytest.mark.parametrize("split", CIFAR100.counts)
def test_the_real_data_have_the_catalogued_digest_and_statistics(split):
    data = cifar100(split, Path(os.environ["ADAUTOMIX_CIFAR100"]))
    assert data.sha256 == CIFAR100.sha256[split]
    if split == "train":
        mean = data.images.mean((0, 1, 2)) / 255
        np.testing.assert_allclose(mean, CIFAR100.mean, atol=5e-5)
        std = [(data.images[..., c] / np.float32(255)).std(dtype=np.float64) for c in range(3)]
        np.testing.assert_allclose(std, CIFAR100.std, atol=5e-5)
