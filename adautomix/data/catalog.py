"""One row per dataset the package reads: counts, statistics, digests, where it comes from.

Only the standard library is imported, so that tables and the command line work on any laptop.
The datasets of the paper that are not read yet are described in `data/README.md`.
"""

from dataclasses import dataclass, field

from adautomix.errors import unknown

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a dataset before it is read.

    classes  number of classes
    side     height and width, in pixels
    counts   images of each split
    apart    training images of each class that are no validation images: the first so many
    mean     of the training split's red, green, blue, pixels in [0, 1]; std likewise, population
    padding  random-crop padding used in training, in pixels
    source   where it comes from (the archive itself, where it is downloaded)
    sha256   digest of each split as `ImageSet.sha256` computes it
    citation key of the bibliography
    get      the one command that obtains it
    md5      of the downloaded archive, by file name
    embedded whether its images travel with the package, and so may stand in its records
    """

    name: str
    title: str
    classes: int
    side: int
    counts: dict[str, int]
    train_per_class: int
    mean: Channels
    std: Channels
    padding: int
    source: str
    sha256: dict[str, str]
    licence: str
    citation: str
    get: str
    md5: dict[str, str] = field(default_factory=dict)
    embedded: bool = False


PHOTODIGITS = DatasetInfo(
    name="photodigits",
    title="PhotoDigits",
    classes=10,
    side=32,
    counts={"train": 300, "validation": 700, "test": 797},
    train_per_class=30,
    mean=(0.2823, 0.3080, 0.2813),
    std=(0.2542, 0.2203, 0.2313),
    padding=4,
    source="https://scikit-learn.org/stable/datasets/toy_dataset.html",
    sha256={
        "train": "8bcdf75cba1b755240cd825e56499350c86ee607a2d568a984434fa6f83ee0e6",
        "validation": "ec8db393fe01a79c925524d98f9192f4a883fd10ae9bcfe87f32624b137a4ca7",
        "test": "609b8dc0aea1bf872fe7e131b5c3c026c4c073c5de775eecfdc6f2e4c04cae8b",
    },
    licence="digits: CC BY 4.0 (UCI); photographs: CC BY 2.0 (danielbuechele, vultilion)",
    citation="alpaydin1998optdigits",
    get="nothing to get: it is made from files of scikit-learn",
    embedded=True,
)

CIFAR100 = DatasetInfo(
    name="cifar100",
    title="CIFAR-100",
    classes=100,
    side=32,
    counts={"train": 50_000, "validation": 5_000, "test": 10_000},
    train_per_class=450,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    padding=4,
    source="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    sha256={
        "train": "475e20cb26ac8d3b8ee6fef13f4b21e49f63b884c305e2b66bb5a156f13818d7",
        "validation": "65acfde27e2fa76cb0f7e43b44edb05ad3d11749afa7a1f7032b355bddca5fd8",
        "test": "f5bbeb1f5312b711c6a3811fe2c334a8e247b177aa9d307ebef0750694407735",
    },
    licence="none stated by the authors; cite the report",
    citation="krizhevsky2009cifar",
    get="adautomix data get cifar100",
    md5={"cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85"},
)

_FINE_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100_CLASSES = tuple(_FINE_NAMES.split())
"""The official fine names; the position is the label."""

CATALOG: dict[str, DatasetInfo] = {row.name: row for row in (PHOTODIGITS, CIFAR100)}


def info(name: str) -> DatasetInfo:
    """The row of a dataset. Raises InputError for a name that is not in the catalogue."""
    if name not in CATALOG:
        raise unknown("dataset", name, CATALOG)
    return CATALOG[name]
