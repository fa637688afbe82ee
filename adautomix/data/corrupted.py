"""Corrupted test sets: the official CIFAR-100-C files if present, else made here and cached.

The official files are `CIFAR-100-C/<corruption>.npy` under the data root, or in the folder that
ADAUTOMIX_CIFAR100C names. They hold the test images of CIFAR-100 in an order of their own, so they
are used for the whole test split only. Any other set is made from the clean images with a seed, and
kept for the next evaluation (`corruption_cache`).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from adautomix.data import cifar100
from adautomix.data.corruption_cache import folder_of, keep, read_kept
from adautomix.data.corruptions import KINDS, SEVERITIES, Dice, check_severity, corrupt, kind
from adautomix.data.corruptions.seeding import LARGEST_WORD, generators
from adautomix.data.download import home
from adautomix.data.image_set import ImageSet
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError, InputError, first_line
from adautomix.rng import StepRNG

VERSION = 1
"""Increased when a change of the code makes the same seed give other images; part of the cache
key, so that cached sets are then made anew.
"""
CHUNK = 64
"""Images that a thread corrupts at once: few enough that their floats stay in its cache."""
SPARE = 30 * 2**20
"""Bytes of an array that is made and freed first. From then on glibc keeps up to twice as much
freed memory; otherwise it returns that of a chunk to the system, and gets it back page by page.
"""
FROST_FILES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
FROST_STEP = 5
"""The benchmark shrinks its pictures of frost to a fifth with OpenCV's linear filter, which reads
every fifth pixel.
"""
OFFICIAL, MADE = "official", "made here"

Picture = UInt8[np.ndarray, "_ _ 3"]


class CorruptedSet(NamedTuple):
    """A corrupted split and its origin, "official" or "made here"."""

    data: ImageSet
    origin: str


def corrupted(
    images: UInt8[np.ndarray, "s h w 3"],
    name: str,
    severity: int,
    seed: int = 0,
    *,
    frost: str | Path | None = None,
    start: int = 0,
) -> UInt8[np.ndarray, "s h w 3"]:
    """Return the images under one corruption, made as CIFAR-10-C and CIFAR-100-C were.

    The random numbers of image i depend on (seed, name, severity, i) alone, not on the other
    images. The constants are those for images of 32 pixels: at any other size blur, snow and drops
    keep their size in pixels, while fog, pixelate and the elastic transform scale with the side.

    Args:
        images: square RGB images.
        name: a key of `KINDS`.
        severity: 1 to 5.
        seed: of the random numbers.
        frost: folder of the pictures of frost; without it the one that ADAUTOMIX_FROST names.
        start: number i of the first image, where these are a part of a split.

    Raises InputError for an unknown name or severity, or images that are not square; DataError when
    there are no pictures of frost.
    """
    number = list(KINDS).index(kind(name).name)
    check_severity(severity)
    if images.shape[1] != images.shape[2]:
        raise InputError(
            f"images of {images.shape[1]}x{images.shape[2]} pixels cannot be corrupted: crop them"
            " to squares."
        )
    pictures = frost_pictures(frost, images.shape[1]) if name == "frost" else ()
    way = len(SEVERITIES) * number + severity - 1
    result = np.empty_like(images)

    def make(first: int) -> None:
        part = images[first : first + CHUNK]
        dice = _dice(seed, start + first, len(part), way)
        result[first : first + CHUNK] = corrupt(part, name, severity, dice, pictures=pictures)

    np.empty(SPARE, np.uint8)  # freed at once
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(make, range(0, len(images), CHUNK)))
    return result


def _dice(seed: int, first: int, count: int, way: int) -> Dice:
    """Return the generators `StepRNG(seed, i, way, "corrupt").numpy` of `count` images."""
    key = StepRNG(seed, first, way, "corrupt").key
    if max(*key, first + count) >= LARGEST_WORD:
        draws = (StepRNG(seed, first + i, way, "corrupt") for i in range(count))
        return Dice(each.numpy for each in draws)
    keys = np.tile(np.array(key, np.uint32), (count, 1))
    keys[:, 2] += np.arange(count, dtype=np.uint32)  # the steps
    return Dice(generators(keys))


def load_corrupted(
    clean: ImageSet,
    name: str,
    severity: int,
    *,
    root: str | Path | None = None,
    seed: int = 0,
    frost: str | Path | None = None,
) -> CorruptedSet:
    """Return a clean split under one corruption: the official file, the cached set, or a new one.

    The labels of an official set are in that set's own order.

    Args:
        clean: the split to corrupt.
        name, severity, seed, frost: see `corrupted`.
        root: the folder that holds `CIFAR-100-C` and the kept sets; without it `home()`.

    Raises what `corrupted` raises, and DataError if the official folder lacks the file, or the file
    is truncated or of another shape.
    """
    kind(name)
    check_severity(severity)
    split = f"{clean.split}, {name} {severity}"
    folder = official_folder(clean, root)
    if folder is not None:
        images, labels = read_official(folder, name, severity, clean.labels)
        data = replace(clean, images=images, labels=labels, split=split, masks=None)
        return CorruptedSet(data, OFFICIAL)
    tag = f"-{_digest(frost_pictures(frost, clean.info.side))[:8]}" if name == "frost" else ""
    key = f"{clean.info.name}-{clean.sha256[:16]}-v{VERSION}-s{seed}"
    cache = folder_of(_root(root))
    file = cache / key / f"{name}{tag}-{severity}.npy"
    kept = read_kept(file, clean.images.shape)
    if kept is None:
        kept = corrupted(clean.images, name, severity, seed, frost=frost)
        with suppress(OSError):  # a folder that cannot be written costs time, not the result
            keep(file, kept, cache)
    return CorruptedSet(replace(clean, images=kept, split=split), MADE)


def official_folder(clean: ImageSet, root: str | Path | None = None) -> Path | None:
    """Return the folder of the official CIFAR-100-C if `clean` is the whole CIFAR-100 test split.

    None if there is no such folder, or for any other split.

    Raises DataError when ADAUTOMIX_CIFAR100C names a folder that does not exist.
    """
    whole = clean.info.name == cifar100.INFO.name and clean.sha256 == cifar100.INFO.sha256["test"]
    if not whole:
        return None
    given = os.environ.get("ADAUTOMIX_CIFAR100C")
    folder = Path(given).expanduser() if given else _root(root) / "CIFAR-100-C"
    if given and not folder.is_dir():
        raise DataError(f"CIFAR-100-C is not at {folder} (ADAUTOMIX_CIFAR100C): no such folder.")
    return folder if folder.is_dir() else None


def read_official(
    folder: Path, name: str, severity: int, labels: Int64[np.ndarray, " s"]
) -> tuple[UInt8[np.ndarray, "s 32 32 3"], Int64[np.ndarray, " s"]]:
    """Read images and labels of one severity; a file holds five blocks of s rows, severity 1 first.

    `labels` are those of the clean images, in any order. Raises DataError unless each class is
    there as often, or for a file that is missing or damaged.
    """
    count = len(labels)
    rows = slice((severity - 1) * count, severity * count)
    total = len(SEVERITIES) * count
    pixels = _official_array(folder / f"{name}.npy", (total, 32, 32, 3))
    truth = _official_array(folder / "labels.npy", (total,))[rows].astype(np.int64)
    if not np.array_equal(np.sort(truth), np.sort(labels)):
        raise DataError(
            f"{folder / 'labels.npy'} does not hold the labels of the clean test images:"
            " get CIFAR-100-C anew."
        )
    return np.array(pixels[rows]), truth


def _official_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a memory-mapped array of the official set; DataError for another shape or dtype."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: get CIFAR-100-C anew.") from error
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(f"{path} cannot be read as .npy: {first_line(error)}.") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is an archive of arrays, expected a .npy of one.")
    fits = array.dtype == np.uint8 if len(shape) > 1 else array.dtype.kind in "iu"
    if not fits or array.shape != shape:
        raise DataError(
            f"{path} holds {array.dtype} of shape {array.shape}, expected uint8 of shape {shape}."
        )
    return array


def frost_pictures(folder: str | Path | None = None, side: int = 32) -> tuple[Picture, ...]:
    """Return the benchmark's pictures of frost at a fifth of their size; each file is read once.

    Raises DataError when no folder is given, or a picture is missing, unreadable or not larger than
    images of `side` pixels.
    """
    given = folder or os.environ.get("ADAUTOMIX_FROST")
    if not given:
        raise DataError(
            "frost needs pictures that are not shipped: point ADAUTOMIX_FROST at a folder with"
            f" {', '.join(FROST_FILES)} of github.com/hendrycks/robustness (ImageNet-C/create_c)."
        )
    paths = [Path(given).expanduser() / name for name in FROST_FILES]
    pictures = tuple(_picture(path) for path in paths)
    for path, picture in zip(paths, pictures, strict=True):
        if min(picture.shape[:2]) <= side:
            raise DataError(
                f"{path} is too small: a fifth of it must be larger than {side}x{side} pixels."
            )
    return pictures


@cache
def _picture(path: Path) -> Picture:
    pixels = read_rgb(path, "a picture of frost")
    return pixels[FROST_STEP // 2 :: FROST_STEP, FROST_STEP // 2 :: FROST_STEP]


def _digest(pictures: Sequence[Picture]) -> str:
    return sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in pictures)).hexdigest()


def _root(root: str | Path | None) -> Path:
    return Path(root).expanduser() if root else home()
