"""A range of classes as a dataset of its own: "photodigits.0-4" holds the digits 0 to 4.

Mean and std are those of the whole dataset, and labels start at 0. Recipes, run ids and records
treat such a part like any other dataset.
"""

import re
from dataclasses import replace

import numpy as np

from adautomix.data import catalog
from adautomix.data.catalog import CATALOG
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.file_set import Images
from adautomix.errors import InputError

RANGE = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


def info(name: str) -> DatasetInfo:
    """Return the `INFO` of a dataset or of a part, whose counts and digests are left empty.

    Raises InputError for a name that is not in the catalogue, or classes it does not have.
    """
    whole, classes = whole_and_classes(name)
    row = catalog.info(whole)
    return row if classes is None else _row(row, classes)


def whole_and_classes(name: str) -> tuple[str, range | None]:
    """Split a name into the dataset and its range of classes; None for all classes.

    Raises InputError for a range that the dataset does not have.
    """
    whole, dot, wanted = name.partition(".")
    if not dot or whole not in CATALOG:
        return name, None
    row, found = CATALOG[whole], RANGE.fullmatch(wanted)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not first < last < row.classes:
        raise InputError(
            f"{name!r} names no part of {row.title}: write {whole}.FIRST-LAST with two different "
            f"classes from 0 to {row.classes - 1}, e.g. {whole}.0-{row.classes // 2 - 1}."
        )
    return whole, range(first, last + 1)


def only(data: Images, classes: range) -> Images:
    """Return the images of a range of classes, in their present order, with labels from 0."""
    kept = data.take(np.flatnonzero((data.labels >= classes[0]) & (data.labels <= classes[-1])))
    row = replace(_row(data.info, classes), counts={data.split: len(kept)})
    names = tuple(data.classes[k] for k in classes)
    return replace(kept, labels=kept.labels - classes[0], classes=names, info=row)


def _row(row: DatasetInfo, classes: range) -> DatasetInfo:
    first, last = classes[0], classes[-1]
    return replace(
        row,
        name=f"{row.name}.{first}-{last}",
        title=f"{row.title}, classes {first} to {last}",
        classes=len(classes),
        counts={},
        sha256={},
    )
