"""Mean, standard deviation and sizes of the images of a set; nothing here imports torch."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from adautomix.data.dataset_info import Channels
from adautomix.data.file_set import FileSet, Images
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError

SHOWN = 5
"""Maximum number of unreadable files that a message names."""


class Measured(NamedTuple):
    """What was found in the pixels of a set.

    Attributes:
        mean, std: of the red, green and blue pixels in [0, 1], every pixel counted once; std is the
            population's.
        side: the height and width that all images have; 0 where they differ.
    """

    mean: Channels
    std: Channels
    side: int


class _Sums(NamedTuple):
    """Height, width, and for each channel the sums of values and squares of one image."""

    height: int
    width: int
    values: tuple[int, ...]
    squares: tuple[int, ...]


def measure(data: Images) -> Measured:
    """Read every image of a set; memory stays flat. Raises DataError naming unreadable files."""
    with ThreadPoolExecutor() as pool:
        if isinstance(data, FileSet):
            paths = (data.path(i) for i in range(len(data)))
            found = list(pool.map(_of_file, paths))
        else:
            found = list(pool.map(_sums, data.images))
    bad = [each for each in found if isinstance(each, DataError)]
    if bad:
        named = " ".join(str(error) for error in bad[:SHOWN])
        raise DataError(f"{len(bad)} of {len(data)} images cannot be read: {named}")
    return _summed([each for each in found if isinstance(each, _Sums)])


def _of_file(path: Path) -> _Sums | DataError:
    try:
        return _sums(read_rgb(path))
    except DataError as error:
        return error


def _sums(image: UInt8[np.ndarray, "h w 3"]) -> _Sums:
    pixels = image.reshape(-1, 3).astype(np.int64)
    values, squares = pixels.sum(0), (pixels * pixels).sum(0)
    height, width = image.shape[:2]
    return _Sums(height, width, tuple(values.tolist()), tuple(squares.tolist()))


def _summed(found: list[_Sums]) -> Measured:
    pixels = sum(each.height * each.width for each in found)
    mean = [sum(each.values[c] for each in found) / pixels for c in range(3)]
    square = [sum(each.squares[c] for each in found) / pixels for c in range(3)]
    std = [max(square[c] - mean[c] ** 2, 0) ** 0.5 for c in range(3)]
    sizes = {side for each in found for side in (each.height, each.width)}
    return Measured(_shares(mean), _shares(std), sizes.pop() if len(sizes) == 1 else 0)


def _shares(values: list[float]) -> Channels:
    red, green, blue = (round(value / 255, 4) for value in values)
    return red, green, blue
