"""Datasets that fit in memory: the value every reader returns, and CIFAR-100.

No torch here. Images stay uint8 until they are normalised on the device.

All layouts of CIFAR-100 (see `adautomix.data.layouts`) give the same arrays: labels are the
alphabetical classes, images are ordered by label, then by the sha256 of their bytes. That order
depends on the content alone, and the first k images of a class are as good as drawn at random
(ordered by the bytes themselves, they would be those with the darkest first pixels).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from adautomix.checked import of_type
from adautomix.data.catalog import CIFAR100, CIFAR100_CLASSES, DatasetInfo
from adautomix.data.layouts import read
from adautomix.errors import DataError, InputError, unknown


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a dataset, whole in memory, checked when it is made.

    images  uint8 (s, h, w, 3), RGB, square of `info.side` pixels
    labels  int64 (s,), positions in `classes`
    masks   bool (s, h, w), the pixels of the labelled object, where they are known

    Raises DataError for a wrong dtype or shape, unequal lengths, no images, a label out of range,
    two classes of one name.
    """

    images: np.ndarray  # plain, since the shapes are checked below, with a sentence of their own
    labels: np.ndarray
    classes: tuple[str, ...]
    info: DatasetInfo
    split: str
    masks: np.ndarray | None = None

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise DataError(f"{self.info.title}, {self.split}: {problem}.")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"ImageSet({self.info.name!r}, {self.split!r}, {len(self)} images)"

    @cached_property
    def sha256(self) -> str:
        """Digest of the bytes of the images, then of the labels (C order, little-endian)."""
        digest = sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        return digest.hexdigest()

    def subset(self, per_class: int) -> "ImageSet":
        """The first `per_class` images of every class, in the order they have here.

        Nested: a smaller subset lies inside a larger one. Raises InputError when a class has fewer.
        """
        per_class = of_type(int, per_class, "per_class")
        counts = np.bincount(self.labels, minlength=len(self.classes))
        if not 1 <= per_class <= counts.min():
            raise InputError(
                f"per_class must be between 1 and {counts.min()} for {self.info.title}"
                f" {self.split}, got {per_class}."
            )
        firsts = [np.flatnonzero(self.labels == k)[:per_class] for k in range(len(self.classes))]
        return self.take(np.sort(np.concatenate(firsts)))

    def take(self, positions: Int64[np.ndarray, " _"], split: str | None = None) -> "ImageSet":
        """A copy of the images at `positions`, in that order."""
        masks = None if self.masks is None else self.masks[positions]
        return replace(
            self,
            images=self.images[positions],
            labels=self.labels[positions],
            split=split or self.split,
            masks=masks,
        )


def _problems(data: ImageSet) -> list[str]:
    """What is wrong with the arrays, first things first; empty when all is well."""
    images, labels, masks, side = data.images, data.labels, data.masks, data.info.side
    if len(data.classes) != data.info.classes:
        return [f"{data.info.classes} classes expected, got {len(data.classes)} names"]
    if len(set(data.classes)) < len(data.classes):
        return ["two classes have the same name"]
    if images.dtype != np.uint8:
        return [f"images must be uint8, got {images.dtype}"]
    if images.ndim != 4 or images.shape[1:] != (side, side, 3):
        return [f"images must have shape (s, {side}, {side}, 3), got {images.shape}"]
    if labels.dtype != np.int64 or labels.ndim != 1:
        return [f"labels must be int64 of shape (s,), got {labels.dtype} of shape {labels.shape}"]
    if len(images) != len(labels):
        return [f"{len(images)} images but {len(labels)} labels"]
    if not len(labels):
        return ["no images"]
    outside = labels[(labels < 0) | (labels >= len(data.classes))]
    if len(outside):
        return [f"labels must be 0 to {len(data.classes) - 1}, found {outside[0]}"]
    if masks is not None and (masks.dtype != np.bool_ or masks.shape != images.shape[:3]):
        want = images.shape[:3]
        return [f"masks must be bool of shape {want}, got {masks.dtype} of shape {masks.shape}"]
    return []


def cifar100(split: str, root: str | Path, *, check: bool = True) -> ImageSet:
    """CIFAR-100 from any of the three layouts, the same arrays from each.

    check=True demands the official counts, classes and digest. check=False reads other data of
    that layout, such as a part of CIFAR-100; `info` then holds the classes and counts found.

    The validation split is the last 50 training images of every class: training on more than the
    first 450 overlaps it.

    Raises InputError for an unknown split; DataError when files are missing, truncated or altered.
    """
    if split not in CIFAR100.counts:
        raise unknown(f"split of {CIFAR100.title}", split, CIFAR100.counts)
    if split == "validation":
        data = cifar100("train", root, check=check)
        rank = np.arange(len(data)) - np.searchsorted(data.labels, data.labels)
        return data.take(np.flatnonzero(rank >= CIFAR100.train_per_class), split)
    root = Path(root)
    images, labels, names = read(root, split)
    row = replace(CIFAR100, classes=len(names), counts={split: len(labels)}, sha256={})
    data = _canonical(ImageSet(images, labels, tuple(names), row, split))
    return _official(data, root) if check else data


def _canonical(data: ImageSet) -> ImageSet:
    """Labels by alphabetical class, images by (label, sha256 of their bytes)."""
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
    """The set with its catalogue row; DataError, saying what differs, unless it is complete."""
    row, where = CIFAR100, f"{CIFAR100.title} {data.split} in {root}"
    strangers = sorted(set(data.classes) ^ set(CIFAR100_CLASSES))
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
