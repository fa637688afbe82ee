"""Small files in the official formats of each dataset, read as torchvision reads them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from scipy.io import savemat
from torchvision import datasets

from adautomix.data import (
    aircraft,
    cars,
    cifar100,
    cub200,
    imagenet,
    layouts,
    listings,
    tinyimagenet,
)
from adautomix.data.decode import in_memory
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError, InputError

MODULES = {"aircraft": aircraft, "cars": cars, "cub200": cub200, "imagenet": imagenet} | {
    "tinyimagenet": tinyimagenet
}
WNIDS = ("n02", "n01", "n03")


def image(path: Path) -> None:
    """An image whose first pixel is unique among a few hundred names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = sum(path.name.encode()) % 256
    PIL.Image.new("RGB", (64, 64), (value, 0, 0)).save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_cub200(root: Path) -> None:
    home = root / "CUB_200_2011"
    paths = ["001.Albatross/b.jpg", "001.Albatross/a.jpg", "002.Wren/c.jpg", "002.Wren/d.jpg"]
    for path in paths:
        image(home / "images" / path)
    text(home / "images.txt", *(f"{i} {path}" for i, path in enumerate(paths, 1)))
    text(home / "image_class_labels.txt", "1 1", "2 1", "3 2", "4 2")
    text(home / "train_test_split.txt", "1 0", "2 1", "3 1", "4 0")
    text(home / "classes.txt", "1 001.Albatross", "2 002.Wren")


def make_aircraft(root: Path) -> None:
    home = root / "fgvc-aircraft-2013b/data"
    text(home / "variants.txt", "Yak-42", "A320", "C 130")
    text(home / "images_variant_trainval.txt", "0001 A320", "0002 C 130", "0003 Yak-42")
    text(home / "images_variant_test.txt", "0004 C 130", "0005 Yak-42", "0006 A320")
    for i in range(1, 7):
        image(home / f"images/{i:04d}.jpg")


def notes(path: Path, names: list[str], numbers: list[int]) -> None:
    """The devkit's list of images: an array of structures."""
    kinds = [("bbox_x1", object), ("class", object), ("fname", object)]
    rows = [(1, number, name) for name, number in zip(names, numbers, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"annotations": np.array(rows, dtype=kinds)[None]})


def make_cars(root: Path) -> None:
    home = root / "stanford_cars"
    notes(home / "devkit/cars_train_annos.mat", ["1.jpg", "2.jpg", "3.jpg"], [3, 1, 2])
    notes(home / "cars_test_annos_withlabels.mat", ["1.jpg", "2.jpg", "3.jpg"], [2, 3, 1])
    names = np.array(["Volvo 240 1993", "Audi A4 2012", "BMW M3 2012"], object)
    savemat(home / "devkit/cars_meta.mat", {"class_names": names[None]})
    for split in ("train", "test"):
        for i in (1, 2, 3):
            image(home / f"cars_{split}/{i}.jpg")


def make_imagenet(root: Path) -> None:
    for wnid in WNIDS:
        image(root / f"train/{wnid}/{wnid}_5.JPEG")
        image(root / f"val/{wnid}/ILSVRC2012_val_0000000{wnid[-1]}.JPEG")


def make_tinyimagenet(root: Path) -> None:
    home = root / "tiny-imagenet-200"
    text(home / "wnids.txt", *WNIDS)
    for wnid in WNIDS:
        image(home / f"train/{wnid}/images/{wnid}_0.JPEG")
        text(home / f"train/{wnid}/{wnid}_boxes.txt", "x")
        image(home / f"val/images/val_{wnid[-1]}.JPEG")
    lines = (f"val_{wnid[-1]}.JPEG\t{wnid}\t0\t32\t44\t62" for wnid in WNIDS)
    text(home / "val/val_annotations.txt", *lines)


def make(name: str, root: Path) -> Path:
    globals()[f"make_{name}"](root)
    return root


def found(name: str, root: Path, split: str) -> dict[str, int]:
    """The label of each file, by the end of its path."""
    module = MODULES[name]
    data = listings.read(module.INFO, module.LAYOUTS, split, root, check=False)
    return {
        "/".join(data.path(i).parts[-2:]): label for i, label in enumerate(data.labels.tolist())
    }


def of_torchvision(samples: list[tuple[str, int]]) -> dict[str, int]:
    return {"/".join(Path(path).parts[-2:]): label for path, label in samples}


@pytest.mark.parametrize("split", ["train", "test"])
def test_cars_have_the_labels_of_torchvision(tmp_path, split):
    theirs = datasets.StanfordCars(make("cars", tmp_path), split)
    assert found("cars", tmp_path, split) == of_torchvision(theirs._samples)
    data = listings.read(cars.INFO, cars.LAYOUTS, split, tmp_path, check=False)
    assert list(data.classes) == theirs.classes


@pytest.mark.parametrize("split", ["train", "test"])
def test_aircraft_have_the_labels_of_torchvision(tmp_path, split):
    part = aircraft.SPLITS[split]
    theirs = datasets.FGVCAircraft(make("aircraft", tmp_path), part)
    samples = list(zip(theirs._image_files, theirs._labels, strict=True))
    assert found("aircraft", tmp_path, split) == of_torchvision(samples)
    data = listings.read(aircraft.INFO, aircraft.LAYOUTS, split, tmp_path, check=False)
    assert list(data.classes) == theirs.classes


@pytest.mark.parametrize(("split", "folder"), [("train", "train"), ("test", "val")])
def test_imagenet_has_the_labels_of_torchvision(tmp_path, split, folder):
    make("imagenet", tmp_path)
    theirs = datasets.ImageFolder(tmp_path / folder)
    assert found("imagenet", tmp_path, split) == of_torchvision(theirs.samples)


@pytest.mark.parametrize(("split", "folder"), [("train", "train"), ("test", "val")])
def test_imagenet_has_the_labels_of_torchvision_s_own_reader(tmp_path, split, folder):
    make("imagenet", tmp_path)
    torch.save(({wnid: (wnid, "") for wnid in WNIDS}, []), tmp_path / "meta.bin")
    theirs = datasets.ImageNet(tmp_path, folder)
    assert found("imagenet", tmp_path, split) == of_torchvision(theirs.samples)


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar100_has_the_labels_of_torchvision(tmp_path, small, write_pickles, split, monkeypatch):
    """The same image has the same label; the order of the images is another."""
    monkeypatch.setattr(datasets.CIFAR100, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.CIFAR100, "_load_meta", lambda self: None)
    root = write_pickles(small)
    theirs = datasets.CIFAR100(str(root), train=split == "train")
    row = replace(cifar100.INFO, classes=3, counts={split: len(theirs)}, sha256={})
    images, labels, names = layouts.read(root, split, row, small.classes)
    assert names == small.classes
    for image, label in zip(theirs.data, theirs.targets, strict=True):
        same = [k for k in range(len(images)) if np.array_equal(images[k], image)]
        assert label in labels[same]


def test_tiny_imagenet_has_the_labels_of_torchvision_in_both_splits(tmp_path):
    home = make("tinyimagenet", tmp_path) / "tiny-imagenet-200"
    theirs = datasets.ImageFolder(home / "train")
    assert found("tinyimagenet", tmp_path, "train") == of_torchvision(theirs.samples)
    tested = {f"images/val_{wnid[-1]}.JPEG": theirs.class_to_idx[wnid] for wnid in WNIDS}
    assert found("tinyimagenet", tmp_path, "test") == tested


def test_birds_have_the_official_split_and_numbers(tmp_path):
    make("cub200", tmp_path)
    assert found("cub200", tmp_path, "train") == {"001.Albatross/a.jpg": 0, "002.Wren/c.jpg": 1}
    assert found("cub200", tmp_path, "test") == {"001.Albatross/b.jpg": 0, "002.Wren/d.jpg": 1}


@pytest.mark.parametrize("name", MODULES)
def test_the_folder_itself_or_its_parent_may_be_given(tmp_path, name):
    make(name, tmp_path)
    inner = {"cub200": "CUB_200_2011", "cars": "stanford_cars", "aircraft": "fgvc-aircraft-2013b"}
    inner |= {"tinyimagenet": "tiny-imagenet-200", "imagenet": "."}
    assert found(name, tmp_path / inner[name], "train") == found(name, tmp_path, "train")


@pytest.mark.parametrize("name", MODULES)
def test_class_folders_are_read_with_labels_in_the_order_of_names(tmp_path, name):
    for split, folder in (("train", "train"), ("test", "val" if "net" in name else "test")):
        for each in ("b", "a"):
            image(tmp_path / folder / each / f"{split}_{each}.jpg")
    assert found(name, tmp_path, "train") == {"a/train_a.jpg": 0, "b/train_b.jpg": 1}
    assert found(name, tmp_path, "test") == {"a/test_a.jpg": 0, "b/test_b.jpg": 1}


def make_flat(root: Path) -> None:
    """Validation images of ImageNet in one folder."""
    for number, wnid in enumerate(WNIDS, 1):
        image(root / f"train/{wnid}/{wnid}_5.JPEG")
        image(root / f"val/ILSVRC2012_val_{number:08d}.JPEG")


FLAT = {f"val/ILSVRC2012_val_{n:08d}.JPEG": label for n, label in ((1, 1), (2, 0), (3, 2))}


def test_validation_images_in_one_folder_are_labelled_by_the_devkit(tmp_path):
    make_flat(tmp_path)
    kinds = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")]
    rows = [(2, "n01", "", "", 0), (1, "n02", "", "", 0), (3, "n03", "", "", 0)]
    synsets = np.array([*rows, (4, "n00", "", "", 3)], dtype=kinds)
    devkit = tmp_path / imagenet.DEVKIT
    text(devkit / imagenet.TRUTH, "1", "2", "3")
    savemat(devkit / imagenet.META, {"synsets": synsets[:, None]})
    assert found("imagenet", tmp_path, "test") == FLAT
    text(devkit / imagenet.TRUTH, "1", "2", "4")
    with pytest.raises(DataError, match=r"line 3: 4 is none of the 3 classes .*another year"):
        found("imagenet", tmp_path, "test")


def test_validation_images_in_one_folder_are_labelled_by_kaggles_list(tmp_path):
    make_flat(tmp_path)
    lines = (f"ILSVRC2012_val_{i:08d},{wnid} 1 2 3 4" for i, wnid in enumerate(WNIDS, 1))
    text(tmp_path / imagenet.KAGGLE, "ImageId,PredictionString", *lines)
    assert found("imagenet", tmp_path, "test") == FLAT


def test_validation_images_without_labels_say_what_is_missing(tmp_path):
    make_flat(tmp_path)
    with pytest.raises(DataError, match=r"not in class folders.*unpack ILSVRC2012_devkit_t12"):
        found("imagenet", tmp_path, "test")


@pytest.mark.parametrize(
    ("name", "file", "content", "sentence"),
    [
        ("cub200", "images.txt", "1 a.jpg\n", "its lists disagree on image"),
        ("cub200", "image_class_labels.txt", "1 1\n2 1\n3 2\n4 9\n", "class 9 is none of the 2"),
        ("cub200", "image_class_labels.txt", "1 1\n2 1\n3 2\n4 x\n", "'x' is no whole number"),
        ("cub200", "classes.txt", "1\n", "line 1: 2 columns expected"),
        ("aircraft", "images_variant_test.txt", "0004 A380\n", "'A380' is none of the classes"),
        ("cars", "devkit/cars_meta.mat", "x", "cannot be read as a .mat file"),
        ("tinyimagenet", "val/val_annotations.txt", "a n9 0\n", "n9, which wnids.txt does not"),
    ],
)
def test_a_damaged_list_is_one_sentence(tmp_path, name, file, content, sentence):
    (path,) = make(name, tmp_path).rglob(Path(file).name)
    path.write_text(content)
    with pytest.raises(DataError, match=sentence) as caught:
        found(name, tmp_path, "test")
    assert "\n" not in str(caught.value)
    assert str(path.parent) in str(caught.value)


def test_a_devkit_without_test_labels_says_which_file_has_them(tmp_path):
    make("cars", tmp_path)
    (tmp_path / "stanford_cars" / cars.LABELLED_TEST).unlink()
    with pytest.raises(DataError, match=r"has no cars_test_annos_withlabels\.mat"):
        found("cars", tmp_path, "test")


@pytest.mark.parametrize("name", MODULES)
def test_a_part_is_refused_with_what_to_do_about_it(tmp_path, name):
    make(name, tmp_path)
    with pytest.raises(DataError, match=r"classes, expected \d+; .*adautomix data add NAME"):
        MODULES[name].read("test", tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_a_folder_of_other_things_is_described(tmp_path, name):
    (tmp_path / "images.tgz").write_bytes(b"")
    with pytest.raises(DataError, match=r"which holds images\.tgz: unpack images\.tgz"):
        MODULES[name].read("train", tmp_path)
    with pytest.raises(InputError, match="is read from a folder: say which"):
        MODULES[name].read("train", None)


def test_a_missing_image_is_named(tmp_path):
    make("aircraft", tmp_path)
    (tmp_path / "fgvc-aircraft-2013b/data/images/0002.jpg").unlink()
    with pytest.raises(DataError, match=r"0002\.jpg is missing: unpack the dataset again"):
        found("aircraft", tmp_path, "train")


def test_tiny_images_are_read_into_memory(tmp_path):
    make("tinyimagenet", tmp_path)
    data = listings.read(tinyimagenet.INFO, tinyimagenet.LAYOUTS, "train", tmp_path, check=False)
    held = in_memory(data)
    assert held.images.shape == (3, 64, 64, 3)
    assert [int(each[0, 0, 0]) for each in held.images] == [
        int(read_rgb(data.path(i))[0, 0, 0]) for i in range(3)
    ]


def test_greyscale_becomes_three_equal_channels(tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_rgb(tmp_path / "grey.png"), np.stack([grey] * 3, 2))


def test_cmyk_becomes_the_colour_that_is_printed(tmp_path):
    cmyk = np.zeros((16, 16, 4), np.uint8)
    cmyk[..., 1:3] = 255  # magenta and yellow print red
    PIL.Image.fromarray(cmyk, "CMYK").save(tmp_path / "red.jpg", quality=95)
    assert np.abs(read_rgb(tmp_path / "red.jpg").astype(int) - (255, 0, 0)).max() <= 3
