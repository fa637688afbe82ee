"""Stanford Cars (Krause et al., 2013): 196 makes, models and years of cars.

Read from the official folders (`devkit/cars_meta.mat`, `devkit/cars_train_annos.mat`,
`cars_test_annos_withlabels.mat` beside or in `devkit`, `cars_train/`, `cars_test/`), which is also
torchvision's layout (`stanford_cars/`), or from class folders. Labels are the official class
numbers less 1, as in torchvision's `StanfordCars`; of class folders, the alphabetical order of
their names.
"""

from pathlib import Path
from typing import Any

import numpy as np

from adautomix.data import listings
from adautomix.data.dataset_info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from adautomix.data.file_set import FileSet
from adautomix.data.listings import Listing, label_of
from adautomix.errors import DataError, first_line

INFO = DatasetInfo(
    name="cars",
    title="Stanford Cars",
    classes=196,
    side=0,
    counts={"train": 8_144, "test": 8_041},  # A.1, and the lengths of the official lists
    train_per_class=24,
    mean=IMAGENET_MEAN,  # the networks were trained on it before (A.3)
    std=IMAGENET_STD,
    padding=0,
    source="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
    sha256={},
    licence="non-commercial research",
    citation="krause2013cars",
    get="the publisher no longer serves it: get cars_train, cars_test, devkit and"
    " cars_test_annos_withlabels.mat from a copy, and put them into one folder",
)
LABELLED_TEST = "cars_test_annos_withlabels.mat"


def official(root: Path, split: str) -> Listing | None:
    """List a split as the .mat files have it; None without `devkit/cars_meta.mat`."""
    home = listings.home_of(root, "devkit/cars_meta.mat", "stanford_cars")
    if home is None:
        return None
    folder = root / home
    classes = tuple(str(name) for name in _field(folder / "devkit/cars_meta.mat", "class_names"))
    path = folder / "devkit/cars_train_annos.mat"
    if split == "test":
        path = _labelled_test(folder)
    notes = _field(path, "annotations")
    try:
        names = [str(name) for name in notes["fname"]]
        numbers = [int(number) for number in notes["class"]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{path} has no file names and classes ({first_line(error)}): it is not the devkit "
            f"with labels; the test labels are in {LABELLED_TEST}."
        ) from error
    files = [(Path(home) / f"cars_{split}" / name).as_posix() for name in names]
    return Listing(files, [label_of(number, classes, path) for number in numbers], classes)


def _labelled_test(folder: Path) -> Path:
    """Return the list of the test images with labels. Raises DataError if there is none."""
    for path in (folder / LABELLED_TEST, folder / "devkit" / LABELLED_TEST):
        if path.exists():
            return path
    raise DataError(
        f"{folder} has no {LABELLED_TEST}: devkit/cars_test_annos.mat does not tell the classes; "
        f"put the file with labels into {folder / 'devkit'}."
    )


def _field(path: Path, name: str) -> Any:
    """Return one array of a .mat file. Raises DataError for a damaged or another file."""
    from scipy.io import loadmat

    try:
        return np.atleast_1d(loadmat(str(path), squeeze_me=True)[name])
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(
            f"{path} cannot be read as a .mat file with {name!r} ({first_line(error)}): "
            "get the devkit of Stanford Cars."
        ) from error


LAYOUTS = (official, listings.class_folders())


def read(split: str, root: Path | None, per_class: int | None = None) -> FileSet:
    """One split from either layout; counts and classes are checked. See `listings.read`."""
    return listings.read(INFO, LAYOUTS, split, root, per_class)
