"""CUB-200-2011 (Wah et al., 2011): photographs of 200 species of birds.

Read from the unpacked archive (`images.txt`, `image_class_labels.txt`, `train_test_split.txt`,
`classes.txt`, `images/`), or from class folders. Labels are the official class numbers less 1,
which is also the alphabetical order of the folders, "001.Black_footed_Albatross" first.
"""

from pathlib import Path

from adautomix.data import listings
from adautomix.data.dataset_info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from adautomix.data.file_set import FileSet
from adautomix.data.listings import Listing, label_of, rows, whole
from adautomix.errors import DataError

INFO = DatasetInfo(
    name="cub200",
    title="CUB-200-2011",
    classes=200,
    side=0,
    counts={"train": 5_994, "test": 5_794},  # train_test_split.txt; 11,788 images in A.1
    train_per_class=29,
    mean=IMAGENET_MEAN,  # the networks were trained on it before (A.3)
    std=IMAGENET_STD,
    padding=0,
    source="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
    sha256={},
    licence="non-commercial research and education; the photographers keep their rights",
    citation="wah2011cub",
    get="adautomix data get cub200",
    md5={"CUB_200_2011.tgz": "97eceeb196236b17998738112f37df78"},
)


def official(root: Path, split: str) -> Listing | None:
    """List a split as `train_test_split.txt` has it; None without `images.txt`."""
    home = listings.home_of(root, "images.txt", "CUB_200_2011")
    if home is None:
        return None
    folder = root / home
    paths = dict(rows(folder / "images.txt", 2))
    numbers = dict(rows(folder / "image_class_labels.txt", 2))
    in_train = dict(rows(folder / "train_test_split.txt", 2))
    classes = tuple(name for _, name in rows(folder / "classes.txt", 2))
    for image in paths.keys() ^ (numbers.keys() & in_train.keys()):
        raise DataError(f"{folder}: its lists disagree on image {image}: get the dataset anew.")
    labels_file = folder / "image_class_labels.txt"
    chosen = [image for image in paths if in_train[image] == ("1" if split == "train" else "0")]
    return Listing(
        [(Path(home) / "images" / paths[image]).as_posix() for image in chosen],
        [label_of(whole(numbers[image], labels_file), classes, labels_file) for image in chosen],
        classes,
    )


LAYOUTS = (official, listings.class_folders())


def read(split: str, root: Path | None, per_class: int | None = None) -> FileSet:
    """One split from either layout; counts and classes are checked. See `listings.read`."""
    return listings.read(INFO, LAYOUTS, split, root, per_class)
