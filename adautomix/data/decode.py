"""Reading the images of a `FileSet` into memory, without torch."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from adautomix.data.file_set import FileSet
from adautomix.data.image_set import ImageSet
from adautomix.data.read_image import read_rgb


def in_memory(data: FileSet) -> ImageSet:
    """Read all images of a set into memory. Raises DataError unless each is `info.side` square."""
    side = data.info.side
    images = np.empty((len(data), side, side, 3), np.uint8)
    with ThreadPoolExecutor() as pool:
        paths = (data.path(i) for i in range(len(data)))
        for i, image in enumerate(pool.map(partial(read_rgb, side=side), paths)):
            images[i] = image
    return ImageSet(images, data.labels, data.classes, data.info, data.split)
