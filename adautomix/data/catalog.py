"""Every dataset by name. One line registers one: its module, with its `INFO` and its reader.

The datasets of the paper that are not read yet are described in `data/README.md`. Nothing here
imports torch.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.image_set import ImageSet
from adautomix.errors import unknown


@runtime_checkable
class Dataset(Protocol):
    """What the module of a dataset holds."""

    INFO: DatasetInfo

    def read(self, split: str, root: Path | None, per_class: int | None = None) -> ImageSet:
        """One split, its counts and digest checked.

        Args:
            split: one of `INFO.counts`.
            root: the folder or file in which it lies; None for one that is embedded.
            per_class: keep the first so many images of every class; None for the split's default.

        Raises InputError for what the dataset does not have, DataError for missing or altered data.
        """
        ...


MODULES = (
    "photodigits",
    "cifar100",
)
DATASETS = {name: cast(Dataset, import_module(f"adautomix.data.{name}")) for name in MODULES}
CATALOG: dict[str, DatasetInfo] = {name: dataset.INFO for name, dataset in DATASETS.items()}


def info(name: str) -> DatasetInfo:
    """The row of a dataset. Raises InputError for a name that is not in the catalogue."""
    return dataset(name).INFO


def dataset(name: str) -> Dataset:
    """The module of a dataset. Raises InputError for a name that is not in the catalogue."""
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    return DATASETS[name]
