"""Some classes of a dataset as a dataset of its own: "photodigits.0-4" holds the digits 0 to 4.

Mean and std are those of the whole, and labels start at 0. So a recipe, a run's id and a record
treat a part like any dataset.
"""

import re
from dataclasses import replace

import numpy as np

from adautomix.data import catalog
from adautomix.data.catalog import CATALOG
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.image_set import ImageSet
from adautomix.errors import InputError

RANGE = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


def info(name: str) -> DatasetInfo:
    """The row of a dataset, or of a part; counts and digests of a part are known when it is read.

    Raises InputError for a name that is not in the catalogue, or classes it does not have.
    """
    whole, classes = whole_and_classes(name)
    row = catalog.info(whole)
    return row if classes is None else _row(row, classes)


def whole_and_classes(name: str) -> tuple[str, range | None]:
    """The dataset that a name is of, and the classes that it takes; None for all of them."""
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


def only(data: ImageSet, classes: range) -> ImageSet:
    """The images of these classes, in the order they have here."""
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
