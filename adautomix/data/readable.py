"""Leaving out images that cannot be read, where that is asked for; nothing here imports torch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from adautomix.data.file_set import FileSet
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError

PART = 256
"""Images that a thread reads at once."""


def readable(data: FileSet) -> FileSet:
    """Return the images that can be read; `left_out` of the set names the others.

    Every file is read, which takes a millisecond of a processor for each of ImageNet's. Raises
    DataError, naming the first file, where a class loses all its images.
    """
    parts = [range(i, min(i + PART, len(data))) for i in range(0, len(data), PART)]
    with ThreadPoolExecutor() as pool:
        faults = pool.map(lambda part: _faults(data, part), parts)
        found = [fault for some in faults for fault in some]
    if not found:
        return data
    bad = np.array([position for position, _ in found], np.int64)
    kept = np.setdiff1d(np.arange(len(data), dtype=np.int64), bad)
    empty = np.setdiff1d(data.labels[bad], data.labels[kept])
    for position, error in found:
        if data.labels[position] in empty:
            name = data.classes[data.labels[position]]
            raise DataError(f"no image of class {name!r} is left to read, for {error}")
    names = tuple(data.files[position].decode() for position in bad)
    return replace(data.take(kept), left_out=(*data.left_out, *names))


def _faults(data: FileSet, positions: range) -> list[tuple[int, DataError]]:
    found = []
    for position in positions:
        try:
            read_rgb(data.path(position))
        except DataError as error:
            found.append((position, error))
    return found
