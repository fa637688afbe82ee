"""PhotoDigits: real handwritten digits pasted in colour on real photographs, with known masks.

Each image shows one of the 1,797 digits of `sklearn.datasets.load_digits` (8x8 pixels, 0 to 16) in
a light random colour, at a random place and size (16 to 24 pixels), on a random 32x32 crop of one
of the two photographs of `sklearn.datasets.load_sample_images`, dimmed to 5/8. Nothing is
downloaded.

The images are the same bytes on every machine: the random choices are raw bits of PCG64, whose
stream numpy keeps stable, and all arithmetic is on integers. Their digests are in `INFO` and are
checked.

Splits, 10 classes. Each class has a fixed random order; its first 100 images are the training pool.
  train       the first `per_class` (default 30, at most 100) of every class
  validation  the rest of the pool after the first 30 of every class, for choosing settings
  test        everything outside the pool, 797 images
A training set of more than 30 a class overlaps the validation split, but never the test split.
"""

import gzip
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image
from jaxtyping import Int64, UInt8, UInt64

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError, first_line, unknown
from adautomix.fields import of_type

INFO = DatasetInfo(
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

SEED = 2024
SIDE = INFO.side
POOL, DEFAULT = 100, 30
"""Images of each class in the training pool, and in the default training split."""
BOUNDS = {"train": (0, DEFAULT), "validation": (DEFAULT, POOL), "test": (POOL, 1797)}
"""First rank within the class and one past the last, for each split."""
SMALLEST, LARGEST = 16, 24
DIMMED = (5, 8)
"""Brightness the photographs keep, as a fraction, so that a digit can be lighter than white sky."""
CONTRAST = 65
"""Minimum difference in luma (0 to 255) of a digit from the mean of the photograph under it."""
OPAQUE = 256
"""Alpha of a fully opaque pixel of the digit; the mask holds the pixels of at least half of it."""

CHOICES = ("order", "photo", "top", "left", "side", "row", "column", "red", "green", "blue")
SOURCES = {
    "digits.csv.gz": "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2",
    "china.jpg": "e701459344fd69797154c91add3bb5d70e5ed1a61d8bed889bab3a796104698d",
    "flower.jpg": "3202904ed246795bf616c66d7859cd7c6080eff736c6e38dc5cc62779742033f",
}

Photo = UInt8[np.ndarray, "_ _ 3"]
Image = UInt8[np.ndarray, "32 32 3"]
Alpha = Int64[np.ndarray, "32 32"]


def read(split: str, root: Path | None = None, per_class: int | None = None) -> ImageSet:
    """Return a copy of one split, ordered by class, then by the class's fixed order.

    It is made from files of scikit-learn; `root` is not used.

    Raises InputError for an unknown split or a `per_class` the split does not have, DataError when
    the installed scikit-learn or Pillow gives other bytes.
    """
    if split not in INFO.counts:
        raise unknown("split", split, INFO.counts)
    if split == "train":
        per_class = DEFAULT if per_class is None else of_type(int, per_class, "per_class")
        if not 1 <= per_class <= POOL:
            raise InputError(
                f"per_class must be between 1 and {POOL} for PhotoDigits train, got {per_class}."
            )
        return _between(*build(), "train", (0, per_class))
    part = _between(*build(), split, BOUNDS[split])
    return part if per_class is None else part.subset(per_class)


@cache
def build() -> tuple[ImageSet, Int64[np.ndarray, " s"]]:
    """Make all 1,797 images, sorted by class, and the rank of each within its class.

    The digests of the splits are checked, and the result is cached.
    """
    digits, labels, photos = sources()
    bits = random_bits(len(digits))
    order = np.lexsort((bits["order"], labels))
    labels = labels[order]
    made = [paste(digits[s], photos, {name: bits[name][s] for name in CHOICES}) for s in order]
    everything = ImageSet(
        images=np.stack([image for image, _ in made]),
        labels=labels,
        classes=tuple("0123456789"),
        info=INFO,
        split="all",
        masks=np.stack([2 * alpha >= OPAQUE for _, alpha in made]),
    )
    rank = np.arange(len(labels)) - np.searchsorted(labels, labels)
    for split, want in INFO.sha256.items():
        _same_bytes(split, _between(everything, rank, split, BOUNDS[split]).sha256, want)
    return everything, rank


def _between(
    everything: ImageSet, rank: Int64[np.ndarray, " s"], split: str, bounds: tuple[int, int]
) -> ImageSet:
    first, end = bounds
    return everything.take(np.flatnonzero((first <= rank) & (rank < end)), split)


def random_bits(count: int) -> dict[str, UInt64[np.ndarray, " s"]]:
    """Return 64 random bits for every digit, by choice."""
    table = np.random.PCG64(SEED).random_raw((count, len(CHOICES)))
    return {name: table[:, column] for column, name in enumerate(CHOICES)}


def below(bits: np.uint64, bound: int) -> int:
    """Return an integer from 0 to bound - 1, from the upper 32 of 64 random bits."""
    return (int(bits) >> 32) * bound >> 32


def paste(
    digit: Int64[np.ndarray, "8 8"], photos: tuple[Photo, ...], bits: dict[str, np.uint64]
) -> tuple[Image, Alpha]:
    """Return one image and the alpha (0 to 256) of its digit.

    `bits` holds the random bits of this digit, by choice.
    """
    photo = photos[below(bits["photo"], len(photos))]
    top = below(bits["top"], photo.shape[0] - SIDE + 1)
    left = below(bits["left"], photo.shape[1] - SIDE + 1)
    crop = photo[top : top + SIDE, left : left + SIDE].astype(np.int64) * DIMMED[0] // DIMMED[1]

    side = SMALLEST + below(bits["side"], LARGEST - SMALLEST + 1)
    row, column = below(bits["row"], SIDE - side + 1), below(bits["column"], SIDE - side + 1)
    alpha = np.zeros((SIDE, SIDE), np.int64)
    alpha[row : row + side, column : column + side] = opacity(enlarge(digit, side), side)

    background = int((luma(crop) * alpha).sum() // alpha.sum())
    wish = np.array([below(bits[name], 256) for name in ("red", "green", "blue")])
    colour = readable(wish, background)
    mixed = crop * (OPAQUE - alpha[..., None]) + colour * alpha[..., None]
    return ((mixed + OPAQUE // 2) // OPAQUE).astype(np.uint8), alpha


def enlarge(digit: Int64[np.ndarray, "8 8"], side: int) -> Int64[np.ndarray, "h w"]:
    """Enlarge bilinearly, in integers: the result is scaled by 4 side^2.

    Pixel centres are at half-integers, and edge pixels are repeated.
    """
    place = np.clip((2 * np.arange(side) + 1) * 8 - side, 0, 14 * side)  # in 1 / (2 side) pixels
    low, far = place // (2 * side), place % (2 * side)
    high, near = np.minimum(low + 1, 7), 2 * side - far
    rows = digit[low] * near[:, None] + digit[high] * far[:, None]
    return rows[:, low] * near + rows[:, high] * far


def opacity(ink: Int64[np.ndarray, "h w"], side: int) -> Int64[np.ndarray, "h w"]:
    """Return alpha, which rises linearly from 0 at 1/4 of full ink to opaque at 3/4."""
    full = 16 * 4 * side**2
    return np.clip((4 * ink - full) * OPAQUE // (2 * full), 0, OPAQUE)


def luma(colour: Int64[np.ndarray, "*place 3"]) -> Int64[np.ndarray, "*place"] | np.int64:
    """Brightness, 0 to 255 (ITU-R BT.601)."""
    return (299 * colour[..., 0] + 587 * colour[..., 1] + 114 * colour[..., 2]) // 1000


def readable(wish: Int64[np.ndarray, " 3"], background: int) -> Int64[np.ndarray, " 3"]:
    """Return the wished colour, moved towards white until its luma differs by `CONTRAST`."""
    steps = wish + (255 - wish) * np.arange(65)[:, None] // 64
    enough = luma(steps) - background >= CONTRAST
    return steps[np.argmax(enough)]


def sources() -> tuple[Int64[np.ndarray, "s 8 8"], Int64[np.ndarray, " s"], tuple[Photo, ...]]:
    """Read digits, labels and the two photographs from the files of scikit-learn.

    They are those of `load_digits` and `load_sample_images`, read without importing scikit-learn,
    which takes seconds. Raises DataError when a file is missing or its content has changed.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError("PhotoDigits is made from files of scikit-learn: pip install scikit-learn.")
    folder = Path(package.origin).parent / "datasets"
    try:
        with gzip.open(folder / "data" / "digits.csv.gz", "rt") as file:
            table = np.loadtxt(file, delimiter=",").astype(np.int64)
        photos = [_pixels(folder / "images" / name) for name in ("china.jpg", "flower.jpg")]
    except Exception as error:  # damaged files can raise almost anything
        raise DataError(
            f"PhotoDigits cannot be made from {folder}: {first_line(error)}; "
            "reinstall scikit-learn."
        ) from error
    digits, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    for (name, want), array in zip(SOURCES.items(), (table.astype(np.uint8), *photos), strict=True):
        _same_bytes(name, sha256(array.tobytes()).hexdigest(), want)
    return digits, labels, tuple(photos)


def _pixels(path: Path) -> Photo:
    with PIL.Image.open(path) as photo:
        return np.array(photo.convert("RGB"))


def _same_bytes(name: str, got: str, want: str) -> None:
    if got != want:
        raise DataError(
            f"PhotoDigits cannot be made: {name} has sha256 {got}, expected {want};"
            " install the locked scikit-learn, Pillow and numpy."
        )
