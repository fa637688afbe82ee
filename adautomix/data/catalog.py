"""Catalogue of the datasets by name.

A dataset is registered by one line, the name of its module, which holds its `INFO` and its reader.
Nothing here imports torch.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from adautomix.data import added
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.file_set import Images
from adautomix.errors import unknown


@runtime_checkable
class Dataset(Protocol):
    """What the module of a dataset must define."""

    INFO: DatasetInfo

    def read(self, split: str, root: Path | None, per_class: int | None = None) -> Images:
        """Read one split and check its counts, and its digest where `INFO` has one.

        Args:
            split: one of `INFO.counts`.
            root: the folder or file to read; None for an embedded dataset.
            per_class: keep the first `per_class` images of every class; None for the split's
                default.

        Raises InputError for a split or a `per_class` that the dataset does not have, DataError for
        missing or altered data.
        """
        ...


MODULES = (
    "photodigits",
    "cifar100",
    "tinyimagenet",
    "imagenet",
    "cub200",
    "aircraft",
    "cars",
)
DATASETS = {name: cast(Dataset, import_module(f"adautomix.data.{name}")) for name in MODULES}
CATALOG: dict[str, DatasetInfo] = {name: dataset.INFO for name, dataset in DATASETS.items()}


def info(name: str) -> DatasetInfo:
    """Return the `INFO` of a dataset. Raises InputError for a name that no dataset has."""
    return dataset(name).INFO


def dataset(name: str) -> Dataset:
    """Return the module of a dataset, or one that was added. Raises InputError for another name."""
    found = DATASETS.get(name) or cast(Dataset | None, added.find(name, home()))
    if found is None:
        raise unknown("dataset", name, names())
    return found


def names() -> list[str]:
    """Return the names of all datasets, those that were added last."""
    return [*DATASETS, *added.names(home())]


def home() -> Path:
    """Return the folder of downloaded datasets: ADAUTOMIX_DATA, or ~/.cache/adautomix."""
    return Path(os.environ.get("ADAUTOMIX_DATA") or "~/.cache/adautomix").expanduser()
