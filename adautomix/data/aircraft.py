"""FGVC-Aircraft (Maji et al., 2013): 100 variants of aircraft, 100 photographs of each.

Read from the unpacked archive (`data/variants.txt`, `data/images_variant_trainval.txt`,
`data/images_variant_test.txt`, `data/images/`), or from class folders. Labels are the lines of
`variants.txt`, as in torchvision's `FGVCAircraft`; of class folders, the alphabetical order of
their names. Training uses the official training and validation images together. The lowest 20 rows
of an image hold the photographer's name and are kept, as in torchvision; the paper does not mention
them.
"""

from pathlib import Path

from adautomix.data import listings
from adautomix.data.dataset_info import IMAGENET_MEAN, IMAGENET_STD, DatasetInfo
from adautomix.data.file_set import FileSet
from adautomix.data.listings import Listing, rows
from adautomix.errors import DataError

INFO = DatasetInfo(
    name="aircraft",
    title="FGVC-Aircraft",
    classes=100,
    side=0,
    counts={"train": 6_667, "test": 3_333},  # the publisher's page; 10,000 images in A.1
    train_per_class=66,
    mean=IMAGENET_MEAN,  # the networks were trained on it before (A.3)
    std=IMAGENET_STD,
    padding=0,
    source=(
        "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz"
    ),
    sha256={},
    licence="non-commercial research; the photographers keep their rights",
    citation="maji2013aircraft",
    get="adautomix data get aircraft",
    md5={"fgvc-aircraft-2013b.tar.gz": ""},  # the publisher states none; the counts are checked
)
SPLITS = {"train": "trainval", "test": "test"}


def official(root: Path, split: str) -> Listing | None:
    """List a split as `images_variant_*.txt` has it; None without `data/variants.txt`."""
    inner = ("data", "fgvc-aircraft-2013b/data", "fgvc-aircraft-2013b")
    home = listings.home_of(root, "variants.txt", *inner)
    if home is None:
        return None
    folder = root / home
    classes = tuple(name for (name,) in rows(folder / "variants.txt", 1))
    list_file = folder / f"images_variant_{SPLITS[split]}.txt"
    table = rows(list_file, 2)
    for _, name in table:
        if name not in classes:
            raise DataError(
                f"{list_file}: {name!r} is none of the classes of variants.txt: "
                "get the dataset anew."
            )
    files = [(Path(home) / "images" / f"{image}.jpg").as_posix() for image, _ in table]
    return Listing(files, [classes.index(name) for _, name in table], classes)


LAYOUTS = (official, listings.class_folders())


def read(split: str, root: Path | None, per_class: int | None = None) -> FileSet:
    """One split from either layout; counts and classes are checked. See `listings.read`."""
    return listings.read(INFO, LAYOUTS, split, root, per_class)
