"""`Labelled`, what splits in memory and splits of files share, and checks of their labels."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from adautomix.data.dataset_info import DatasetInfo
from adautomix.errors import InputError
from adautomix.fields import of_type


@runtime_checkable
class Labelled(Protocol):
    """One split of a dataset; see `ImageSet` and `FileSet`."""

    @property
    def labels(self) -> np.ndarray: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def info(self) -> DatasetInfo: ...

    @property
    def split(self) -> str: ...


def first_of_each(data: Labelled, per_class: int) -> Int64[np.ndarray, " _"]:
    """Return the positions of the first `per_class` images of every class, ascending.

    Raises InputError when a class has fewer images.
    """
    per_class = of_type(int, per_class, "per_class")
    counts = np.bincount(data.labels, minlength=len(data.classes))
    if not 1 <= per_class <= counts.min():
        raise InputError(
            f"per_class must be between 1 and {counts.min()} for {data.info.title}"
            f" {data.split}, got {per_class}."
        )
    grouped = np.argsort(data.labels, kind="stable")
    rank = np.arange(len(grouped)) - (np.cumsum(counts) - counts)[data.labels[grouped]]
    return np.sort(grouped[rank < per_class])


def label_problems(data: Labelled, images: int) -> list[str]:
    """Return the first fault of classes and labels as a list of one clause; empty if none."""
    labels = data.labels
    if len(data.classes) != data.info.classes:
        return [f"{data.info.classes} classes expected, got {len(data.classes)} names"]
    if len(set(data.classes)) < len(data.classes):
        return ["two classes have the same name"]
    if labels.dtype != np.int64 or labels.ndim != 1:
        return [f"labels must be int64 of shape (s,), got {labels.dtype} of shape {labels.shape}"]
    if images != len(labels):
        return [f"{images} images but {len(labels)} labels"]
    if not len(labels):
        return ["no images"]
    outside = labels[(labels < 0) | (labels >= len(data.classes))]
    if len(outside):
        return [f"labels must be 0 to {len(data.classes) - 1}, found {outside[0]}"]
    return []
