"""Lists of image files with their labels, from class folders or from a dataset's own lists.

A layout is a function (root, split) → `Listing`, or None if the folder is not laid out so. What
every reader of files shares is here: class folders, tables of text, and the checks of counts.
"""

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.file_set import FileSet, in_order
from adautomix.errors import DataError, InputError, first_line, unknown

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Ends of the names of images, in any case, as in torchvision's `ImageFolder`."""
TRAIN, TEST = ("train",), ("test", "val", "valid", "validation")
"""Names of the folders of a split; the first that exists is read."""


class Listing(NamedTuple):
    """The images of a split as a dataset lists them: paths from the root, labels, and names."""

    files: list[str]
    labels: list[int]
    classes: tuple[str, ...]


Layout = Callable[[Path, str], Listing | None]
"""Function from (root, "train" or "test") to the images, or None for another layout."""


def read(
    info: DatasetInfo,
    layouts: Sequence[Layout],
    split: str,
    root: Path | None,
    per_class: int | None = None,
    *,
    check: bool = True,
) -> FileSet:
    """Read one split from the first layout that fits, in the order of `in_order`.

    Args:
        info: metadata of the dataset.
        layouts: in this order.
        split: one of `info.counts`.
        root: the folder.
        per_class: keep the first `per_class` images of every class.
        check: demand the counts of `info`. False reads a part; `info` then holds what was found.

    Raises InputError for an unknown split or no root, DataError when no layout fits, or files or
    classes are missing.
    """
    if split not in info.counts:
        raise unknown(f"split of {info.title}", split, info.counts)
    if root is None:
        raise InputError(f"{info.title} is read from a folder: say which.")
    root = Path(root)
    found = listed(info.title, layouts, split, root)
    if not found.files:
        raise DataError(f"{info.title}, {split} in {root}: no images.")
    if not check:
        info = replace(info, classes=len(found.classes), counts={split: len(found.files)})
        info = replace(info, sha256={})
    _complete(info, split, root, found)
    files = np.array([name.encode() for name in found.files])
    labels = np.array(found.labels, np.int64)
    data = in_order(FileSet(root, files, labels, found.classes, info, split))
    return data if per_class is None else data.subset(per_class)


def listed(title: str, layouts: Sequence[Layout], split: str, root: Path) -> Listing:
    """Return what the first layout that fits lists. Raises DataError when none does."""
    if root.is_file():
        packed = tarfile.is_tarfile(root) or zipfile.is_zipfile(root)
        remedy = "unpack it (tar -xf, or unzip)" if packed else "it is no folder: give the folder"
        raise DataError(f"{title} is read from a folder, not from {root}: {remedy}.")
    found = (layout(root, split) for layout in layouts)
    listing = next((each for each in found if each is not None), None)
    if listing is not None:
        return listing
    inside = sorted(path.name for path in root.iterdir())
    there = ", ".join(inside[:5]) + (", …" if len(inside) > 5 else "") if inside else "nothing"
    packed_inside = [name for name in inside if name.endswith((".zip", ".tar", ".tgz", ".gz"))]
    remedy = f"unpack {packed_inside[0]}" if packed_inside else "see data/README.md for the layouts"
    raise DataError(f"no {split} images of {title} in {root}, which holds {there}: {remedy}.")


def class_folders(
    train: Sequence[str] = TRAIN, test: Sequence[str] = TEST, *, only: Sequence[str] | None = None
) -> Layout:
    """Return the layout `train/<class>/*` and `test/<class>/*`, labels in the order of the names.

    The order is that of torchvision's `ImageFolder`, and so is what counts as an image. Folders
    inside a class folder are read too.

    Args:
        train, test: names of the folder of each split; the first that exists is read.
        only: the classes, if other folders beside them are to be ignored.
    """

    def layout(root: Path, split: str) -> Listing | None:
        names = {"train": train, "test": test}.get(split, ())
        folder = next((name for name in names if (root / name).is_dir()), None)
        return None if folder is None else folder_listing(root, folder, only)

    return layout


def folder_listing(root: Path, folder: str, only: Sequence[str] | None = None) -> Listing | None:
    """List the images of the class folders in `root/folder`; None if there are none.

    Raises DataError for a class without images.
    """
    with os.scandir(root / folder) as entries:
        found = sorted(entry.name for entry in entries if entry.is_dir())
    classes = tuple(found if only is None else sorted(only))
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        inside = list(images_in(root, f"{folder}/{name}"))
        if not inside:
            raise DataError(
                f"{root / folder / name} has no images: every class needs some, or no folder."
            )
        files += inside
        labels += [label] * len(inside)
    return Listing(files, labels, classes) if classes else None


def images_in(root: Path, folder: str) -> Iterator[str]:
    """Yield the paths, from `root`, of the images in a folder and its folders, sorted."""
    for place, inner, names in os.walk(root / folder):
        inner.sort()
        here = Path(place).relative_to(root).as_posix()
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield f"{here}/{name}"


def home_of(root: Path, marker: str, *folders: str) -> str | None:
    """Return the first of `folders`, or "" for `root` itself, that holds the file or folder.

    People keep a dataset as unpacked, or give the folder that holds it.
    """
    return next((name for name in ("", *folders) if (root / name / marker).exists()), None)


def rows(path: Path, columns: int) -> list[list[str]]:
    """Return the words of each line of a text file; the last column takes the rest of the line.

    Raises DataError for a file that is missing or no text, or a line with fewer columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({first_line(error)}): get the dataset anew."
        ) from error
    table = [line.split(maxsplit=columns - 1) for line in lines]
    for number, words in enumerate(table, 1):
        if words and len(words) < columns:
            raise DataError(
                f"{path}, line {number}: {columns} columns expected: {lines[number - 1]!r}."
            )
    return [[word.rstrip() for word in words] for words in table if words]


def whole(text: str, path: Path) -> int:
    """Return a whole number of a text file. Raises DataError for other text."""
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{path}: {text!r} is no whole number: get the dataset anew.") from None


def label_of(number: int, classes: Sequence[str], path: Path) -> int:
    """Return the label of a class numbered from 1. Raises DataError for one that does not exist."""
    if not 1 <= number <= len(classes):
        raise DataError(
            f"{path}: class {number} is none of the {len(classes)} classes: "
            "the lists are of another release, or damaged; get the dataset anew."
        )
    return number - 1


def _complete(info: DatasetInfo, split: str, root: Path, found: Listing) -> None:
    """Raise DataError, naming what differs, unless all images and classes are there."""
    where = f"{info.title}, {split} in {root}"
    if len(found.classes) != info.classes:
        raise DataError(
            f"{where}: {len(found.classes)} classes, expected {info.classes}; of a part, make a "
            f"dataset of its own: adautomix data add NAME {root}."
        )
    counts = np.bincount(found.labels, minlength=len(found.classes))
    if not counts.all():
        raise DataError(f"{where}: class {found.classes[int(counts.argmin())]!r} has no images.")
    if len(found.files) != info.counts[split]:
        raise DataError(
            f"{where}: {len(found.files)} images, expected {info.counts[split]}: unpack it again, "
            f"or make a dataset of its own of what is there: adautomix data add NAME {root}."
        )
    there: dict[str, set[str]] = {}
    for name in found.files:
        folder, _, file = name.rpartition("/")
        if folder not in there:
            there[folder] = set(os.listdir(root / folder)) if (root / folder).is_dir() else set()
        if file not in there[folder]:
            raise DataError(f"{where}: {root / name} is missing: unpack the dataset again.")
