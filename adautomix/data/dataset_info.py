"""What is known about a dataset before it is read. Only the standard library is imported."""

from dataclasses import dataclass, field

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
