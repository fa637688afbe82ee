"""`DatasetInfo`, the metadata of a dataset. Only the standard library is imported."""

from dataclasses import dataclass, field

Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
"""Of ImageNet's training images in [0, 1], as torchvision and timm normalise for their weights."""


@dataclass(frozen=True)
class DatasetInfo:
    """Metadata of a dataset, known before its images are read.

    Attributes:
        name: key in the catalogue.
        title: name in tables and messages.
        classes: number of classes.
        side: height and width of the images, in pixels; 0 where they differ.
        counts: number of images of each split.
        train_per_class: training images per class outside the validation split; they come first.
            Without a validation split, those of the smallest class.
        mean: of the red, green and blue pixels in [0, 1] of the training split.
        std: population standard deviation of the same.
        padding: padding of the random crop in training, in pixels; 0 where `side` is 0.
        source: address of the dataset (of the archive, if it is downloaded).
        sha256: digest of each split, as `ImageSet.sha256` or `FileSet.sha256` computes it; empty
            where no complete official copy was at hand: then counts and classes are checked.
        licence: of the images.
        citation: key in the bibliography.
        get: the command that obtains the dataset.
        md5: of the downloaded archive, by file name.
        embedded: whether the images can be made without a download, and so may be part of the
            project's records.
        path: where a dataset was when it was added; see `adautomix.data.added`.
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
    path: str = ""
