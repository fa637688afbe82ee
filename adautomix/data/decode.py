"""Reading the images of a `FileSet` into memory, without torch.

Greyscale becomes three equal channels, and an alpha channel is dropped. CMYK, as a few files of
ImageNet are, becomes R = (1 − C)(1 − K) and so on, with the inversion that Adobe's JPEG files have;
colour profiles and the EXIF orientation are not applied, as in torchvision's `ImageFolder`.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from adautomix.data.file_set import FileSet
from adautomix.data.image_set import ImageSet
from adautomix.data.layouts import read_rgb


def in_memory(data: FileSet) -> ImageSet:
    """Read all images of a set into memory. Raises DataError unless each is `info.side` square."""
    side = data.info.side
    images = np.empty((len(data), side, side, 3), np.uint8)
    with ThreadPoolExecutor() as pool:
        paths = (data.path(i) for i in range(len(data)))
        for i, image in enumerate(pool.map(partial(read_rgb, side=side), paths)):
            images[i] = image
    return ImageSet(images, data.labels, data.classes, data.info, data.split)
