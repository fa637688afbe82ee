"""CIFAR-100 (Krizhevsky, 2009): 100 classes of 32 × 32 pixels, from any of three layouts on disk.

All layouts (see `adautomix.data.layouts`) give the same arrays: labels number the classes in
alphabetical order; images are ordered by label, then by the sha256 of their bytes. That order
depends on the content alone and is unrelated to what the images show, so the first k images of a
class serve as a random sample. (Sorted by the bytes themselves, the images with the darkest first
pixels would come first.)
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from adautomix.data import layouts
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError, unknown

INFO = DatasetInfo(
    name="cifar100",
    title="CIFAR-100",
    classes=100,
    side=32,
    counts={"train": 50_000, "validation": 5_000, "test": 10_000},
    train_per_class=450,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    padding=4,
    source="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    sha256={
        "train": "475e20cb26ac8d3b8ee6fef13f4b21e49f63b884c305e2b66bb5a156f13818d7",
        "validation": "65acfde27e2fa76cb0f7e43b44edb05ad3d11749afa7a1f7032b355bddca5fd8",
        "test": "f5bbeb1f5312b711c6a3811fe2c334a8e247b177aa9d307ebef0750694407735",
    },
    licence="none stated by the authors; cite the report",
    citation="krizhevsky2009cifar",
    get="adautomix data get cifar100",
    md5={"cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85"},
)

_FINE_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CLASSES = tuple(_FINE_NAMES.split())
"""The official fine names; the position is the label."""


def read(
    split: str, root: str | Path | None, per_class: int | None = None, *, check: bool = True
) -> ImageSet:
    """CIFAR-100 from any of the three layouts, the same arrays from each.

    check=True demands the official counts, classes and digest. check=False reads other data of
    that layout, such as a part of CIFAR-100; `info` then holds the classes and counts found.

    The validation split is the last 50 training images of every class: training on more than the
    first 450 overlaps it.

    Raises InputError for an unknown split, no root or more images than a class has; DataError when
    files are missing, truncated or altered.
    """
    if root is None:
        raise InputError(f"{INFO.title} is read from a folder or file: say which.")
    whole = _whole(split, Path(root), check)
    return whole if per_class is None else whole.subset(per_class)


def _whole(split: str, root: Path, check: bool) -> ImageSet:
    """Read one split with all its images, as `read` does."""
    if split not in INFO.counts:
        raise unknown(f"split of {INFO.title}", split, INFO.counts)
    if split == "validation":
        data = _whole("train", root, check)
        rank = np.arange(len(data)) - np.searchsorted(data.labels, data.labels)
        return data.take(np.flatnonzero(rank >= INFO.train_per_class), split)
    images, labels, names = layouts.read(root, split, INFO, CLASSES)
    row = replace(INFO, classes=len(names), counts={split: len(labels)}, sha256={})
    data = _canonical(ImageSet(images, labels, tuple(names), row, split))
    return _official(data, root) if check else data


def _canonical(data: ImageSet) -> ImageSet:
    """Number the classes alphabetically and sort the images by (label, sha256 of their bytes)."""
    classes = tuple(sorted(data.classes))
    position = np.array([classes.index(name) for name in data.classes])
    data = replace(data, labels=position[data.labels], classes=classes)
    keys = [
        (label, sha256(image).digest())
        for label, image in zip(
            data.labels.tolist(), np.ascontiguousarray(data.images), strict=True
        )
    ]
    return data.take(np.array(sorted(range(len(keys)), key=keys.__getitem__)))


def _official(data: ImageSet, root: Path) -> ImageSet:
    """Return the set with the official `INFO`; DataError, naming what differs, if it is altered."""
    row, where = INFO, f"{INFO.title} {data.split} in {root}"
    strangers = sorted(set(data.classes) ^ set(CLASSES))
    if strangers:
        raise DataError(f"{where}: class {strangers[0]!r} is missing or not an official one.")
    if len(data) != row.counts[data.split]:
        raise DataError(f"{where}: {len(data)} images, expected {row.counts[data.split]}.")
    counts, each = np.bincount(data.labels), len(data) // row.classes
    if (counts != each).any():
        odd = int(np.flatnonzero(counts != each)[0])
        raise DataError(
            f"{where}: class {data.classes[odd]!r} has {counts[odd]} images, not {each}."
        )
    if data.sha256 != row.sha256[data.split]:
        raise DataError(
            f"{where}: images or labels are altered: sha256 {data.sha256},"
            f" expected {row.sha256[data.split]}."
        )
    return replace(data, info=row)
