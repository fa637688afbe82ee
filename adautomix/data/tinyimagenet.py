"""Tiny-ImageNet (Le and Yang, 2015): 200 classes of ImageNet at 64 × 64 pixels.

Read from the unpacked archive (`wnids.txt`, `train/<wnid>/images/*`, `val/images/*` with
`val/val_annotations.txt`), or from class folders `train/<wnid>/*` and `val/<wnid>/*`. Classes are
named by their WordNet ids, and labels are the alphabetical order of these, as torchvision's
`ImageFolder` numbers the training folders; `wnids.txt` has another order. The official validation
images are the test set, since the labels of the test images were never published; the validation
split is the last 50 training images of each class.
"""

from pathlib import Path

import numpy as np

from adautomix.data import listings
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.decode import in_memory
from adautomix.data.file_set import FileSet
from adautomix.data.image_set import ImageSet
from adautomix.data.listings import Listing, rows
from adautomix.errors import DataError, unknown

INFO = DatasetInfo(
    name="tinyimagenet",
    title="Tiny-ImageNet",
    classes=200,
    side=64,
    # A.1 says 10,000 training images; the dataset has 100,000.
    counts={"train": 100_000, "validation": 10_000, "test": 10_000},
    train_per_class=450,
    mean=(0.4802, 0.4481, 0.3975),  # computed on the 100,000 training images
    std=(0.2764, 0.2689, 0.2816),
    padding=4,
    source="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    sha256={},
    licence="that of ImageNet: non-commercial research and education",
    citation="le2015tinyimagenet",
    get="adautomix data get tinyimagenet",
    md5={"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"},
)


def official(root: Path, split: str) -> Listing | None:
    """List a split of the archive's layout; None without `val/val_annotations.txt`."""
    home = listings.home_of(root, "val/val_annotations.txt", "tiny-imagenet-200")
    if home is None or not (root / home / "val/images").is_dir():
        return None
    folder = root / home
    classes = tuple(sorted(name for (name,) in rows(folder / "wnids.txt", 1)))
    if split == "train":
        return listings.folder_listing(root, (Path(home) / "train").as_posix(), classes)
    notes = folder / "val/val_annotations.txt"
    table = [(image, wnid) for image, wnid, _ in rows(notes, 3)]
    labels = {wnid: label for label, wnid in enumerate(classes)}
    for image, wnid in table:
        if wnid not in labels:
            raise DataError(
                f"{notes}: {image} is of class {wnid}, which wnids.txt does not list: "
                "get the dataset anew."
            )
    files = [(Path(home) / "val/images" / image).as_posix() for image, _ in table]
    return Listing(files, [labels[wnid] for _, wnid in table], classes)


def folders(root: Path, split: str) -> Listing | None:
    """List a split of class folders, at `root` or in `tiny-imagenet-200`."""
    home = listings.home_of(root, "train", "tiny-imagenet-200")
    if home is None:
        return None
    train, val = ((Path(home) / name).as_posix() for name in ("train", "val"))
    return listings.class_folders((train,), (val,))(root, split)


LAYOUTS = (official, folders)


def files(split: str, root: Path | None) -> FileSet:
    """Return the files of one split; counts and classes are checked. See `listings.read`."""
    if split not in INFO.counts:
        raise unknown(f"split of {INFO.title}", split, INFO.counts)
    if split != "validation":
        return listings.read(INFO, LAYOUTS, split, root)
    data = files("train", root)
    rank = np.arange(len(data)) - np.searchsorted(data.labels, data.labels)
    return data.take(np.flatnonzero(rank >= INFO.train_per_class), split)


def read(split: str, root: Path | None, per_class: int | None = None) -> ImageSet:
    """One split in memory, 1.2 GB for all training images."""
    found = files(split, root)
    return in_memory(found if per_class is None else found.subset(per_class))
