"""ImageNet-1K (ILSVRC 2012; Russakovsky et al., 2015): 1,000 classes.

Read from class folders `train/<wnid>/*` and `val/<wnid>/*` (torchvision's layout), or with the
validation images in one folder and their labels beside them: in the official devkit
(`ILSVRC2012_devkit_t12/data/`) or in Kaggle's `LOC_val_solution.csv`. Classes are named by their
WordNet ids, and labels are the alphabetical order of these, as in torchvision's `ImageNet`. The
validation images are the test set.
"""

from collections.abc import Iterator
from pathlib import Path

from adautomix.data import listings
from adautomix.data.dataset_info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from adautomix.data.file_set import FileSet
from adautomix.data.listings import Listing, images_in, rows, whole
from adautomix.errors import DataError, first_line

INFO = DatasetInfo(
    name="imagenet",
    title="ImageNet-1K",
    classes=1_000,
    side=0,
    counts={"train": 1_281_167, "test": 50_000},  # A.1
    train_per_class=732,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    padding=0,
    source="https://www.image-net.org/challenges/LSVRC/2012/",
    sha256={},
    licence="non-commercial research and education, after registration",
    citation="russakovsky2015imagenet",
    get="register at image-net.org, get the ILSVRC 2012 images and the devkit of tasks 1 and 2, and"
    " unpack them to train/<wnid>/*.JPEG, val/*.JPEG and ILSVRC2012_devkit_t12",
)
HOMES = ("ILSVRC/Data/CLS-LOC", "ILSVRC2012", "Data/CLS-LOC")
VAL = ("val", "ILSVRC2012_img_val", "validation")
DEVKIT = "ILSVRC2012_devkit_t12/data"
TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
KAGGLE = "LOC_val_solution.csv"


def official(root: Path, split: str) -> Listing | None:
    """List a split of the usual folders, at `root` or where Kaggle's archive has them."""
    home = listings.home_of(root, "train", *HOMES)
    if home is None:
        return None
    train, val = _named(home, ("train",)), _named(home, VAL)
    flat = next((name for name in val if (root / name).is_dir()), None)
    if split == "train" or flat is None or any(p.is_dir() for p in (root / flat).iterdir()):
        return listings.class_folders(train, val)(root, split)
    wnids = dict(_labels(root, home))
    files = list(images_in(root, flat))
    for name in files:
        if Path(name).stem not in wnids:
            raise DataError(f"{root / name} has no label: remove it, or get the devkit anew.")
    classes = tuple(sorted(set(wnids.values())))
    labels = {wnid: label for label, wnid in enumerate(classes)}
    return Listing(files, [labels[wnids[Path(name).stem]] for name in files], classes)


def _named(home: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple((Path(home) / name).as_posix() for name in names)


def _labels(root: Path, home: str) -> Iterator[tuple[str, str]]:
    """Yield name and WordNet id of every validation image, from the devkit or Kaggle's list."""
    folders = (root, root / home, root.parent, *(root / home).parents)
    for folder in folders:
        if (folder / KAGGLE).is_file():
            yield from ((line[0].split(",")[0], line[0].split(",")[1]) for line in _kaggle(folder))
            return
        if (folder / DEVKIT / TRUTH).is_file():
            yield from _devkit(folder / DEVKIT)
            return
    raise DataError(
        f"the validation images in {root / home} are not in class folders, and there is no "
        f"{DEVKIT}/{TRUTH} to tell their classes: unpack ILSVRC2012_devkit_t12.tar.gz in {root}."
    )


def _kaggle(folder: Path) -> list[list[str]]:
    lines = rows(folder / KAGGLE, 1)[1:]  # the first names the columns
    for (line,) in lines:
        if not line.partition(",")[2].startswith("n"):
            raise DataError(f"{folder / KAGGLE}: {line[:40]!r} names no class: get it anew.")
    return [line[0].split() for line in lines]


def _devkit(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and WordNet id of every validation image: line i is image i, from 1."""
    from scipy.io import loadmat

    try:
        synsets = loadmat(str(folder / META), squeeze_me=True)["synsets"]
        leaves = {int(row[0]): str(row[1]) for row in synsets if int(row[4]) == 0}
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(
            f"{folder / META} cannot be read as the devkit's list of classes "
            f"({first_line(error)}): unpack ILSVRC2012_devkit_t12.tar.gz again."
        ) from error
    for number, (text,) in enumerate(rows(folder / TRUTH, 1), 1):
        identity = whole(text, folder / TRUTH)
        if identity not in leaves:
            raise DataError(
                f"{folder / TRUTH}, line {number}: {identity} is none of the {len(leaves)} classes "
                "of meta.mat: it is the devkit of another year; get ILSVRC2012_devkit_t12.tar.gz."
            )
        yield f"ILSVRC2012_val_{number:08d}", leaves[identity]


LAYOUTS = (official,)


def read(split: str, root: Path | None, per_class: int | None = None) -> FileSet:
    """One split from any layout; counts and classes are checked. See `listings.read`."""
    return listings.read(INFO, LAYOUTS, split, root, per_class)
