"""Datasets: `load(name, split)` returns the images in memory, checked, `read` also those on disk.

Importing this package imports neither torch nor numpy: the names below are imported on first use.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from adautomix.errors import DataError, InputError, unknown

if TYPE_CHECKING:
    from adautomix.data.catalog import CATALOG
    from adautomix.data.dataset_info import DatasetInfo
    from adautomix.data.download import get, home, verify, where
    from adautomix.data.file_set import FileSet, Images
    from adautomix.data.image_set import ImageSet
    from adautomix.data.subsets import info

HOMES = {
    "CATALOG": "catalog",
    "DatasetInfo": "dataset_info",
    "FileSet": "file_set",
    "Images": "file_set",
    "info": "subsets",
    "ImageSet": "image_set",
    "get": "download",
    "home": "download",
    "verify": "download",
    "where": "download",
}
__all__ = [
    "CATALOG",
    "DatasetInfo",
    "FileSet",
    "ImageSet",
    "Images",
    "get",
    "home",
    "info",
    "load",
    "read",
    "verify",
    "where",
]


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)


def load(
    name: str, split: str, *, per_class: int | None = None, root: str | Path | None = None
) -> "ImageSet":
    """Load one split of a dataset and check its counts, and its digest where one is known.

    Args:
        name: a dataset of the catalogue, or some of its classes, e.g. "photodigits.0-4".
        split: "train", "test", or "validation" where the dataset has one.
        per_class: keep the first `per_class` images of every class, in a fixed order, so that a
            smaller subset lies inside a larger one; None keeps the split's default: 30 for
            PhotoDigits train, all images elsewhere.
        root: the folder or .npz to read; without it `where(name)` searches for one. PhotoDigits
            reads none, but a path that does not exist is an error for it too.

    Raises InputError for a bad name, split or per_class, or a dataset whose images stay on disk
    (see `read`), DataError for missing or altered data.
    """
    from adautomix.data.image_set import ImageSet

    data = read(name, split, per_class=per_class, root=root)
    if not isinstance(data, ImageSet):
        raise InputError(
            f"the images of {data.info.title} differ in size, so they are not loaded into memory: "
            f"use adautomix.data.read({name!r}, {split!r})."
        )
    return data


def read(
    name: str,
    split: str,
    *,
    per_class: int | None = None,
    root: str | Path | None = None,
    skip_unreadable: bool = False,
) -> "Images":
    """Return one split as `load` does; images of different sizes stay on disk, as a `FileSet`.

    With `skip_unreadable` each file of such a set is read once, and those that cannot be read are
    left out; see `readable`. Otherwise the first of them stops the training that meets it.
    """
    from adautomix.data import readable, subsets
    from adautomix.data.file_set import FileSet

    whole, classes = subsets.whole_and_classes(name)
    data = _read(whole, split, per_class, root)
    if classes is not None:
        data = subsets.only(data, classes)
    return readable.readable(data) if skip_unreadable and isinstance(data, FileSet) else data


def _read(name: str, split: str, per_class: int | None, root: str | Path | None) -> "Images":
    """Read one split of a dataset of the catalogue, with all classes."""
    from adautomix.data import catalog, download

    row = catalog.info(name)
    if split not in row.counts:
        raise unknown(f"split of {row.title}", split, row.counts)
    found = download.where(name, root)
    if found is None and not row.embedded:
        raise DataError(download.missing(row))
    return catalog.dataset(name).read(split, found, per_class)
