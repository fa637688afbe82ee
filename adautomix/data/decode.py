"""Reading image files as RGB, one or many, without torch.

JPEG files are read by simplejpeg where it is installed (`adautomix[fast]`), else by Pillow: both
contain libjpeg-turbo and give the same bytes. Greyscale becomes three equal channels, and an alpha
channel is dropped. CMYK, as a few files of ImageNet are, becomes R = (1 − C)(1 − K) and so on, with
the inversion that Adobe's JPEG files have; colour profiles and the EXIF orientation are not
applied, as in torchvision's `ImageFolder`.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from adautomix.data.file_set import FileSet
from adautomix.data.image_set import ImageSet
from adautomix.data.layouts import read_rgb

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

PLAIN = ("YCbCr", "Gray")
"""Colour spaces of JPEG files that simplejpeg reads as Pillow does; it takes CMYK for RGB."""


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as RGB.

    Raises DataError, naming the file, when it is missing, damaged or truncated, or has more than 8
    bits a channel.
    """
    if simplejpeg is not None and path.suffix.lower() in (".jpg", ".jpeg"):
        try:
            content = path.read_bytes()
            if simplejpeg.decode_jpeg_header(content)[2] in PLAIN:
                return simplejpeg.decode_jpeg(content)
        except (OSError, ValueError):
            pass  # Pillow reads it, or says what is wrong
    return read_rgb(path)


def in_memory(data: FileSet) -> ImageSet:
    """Read all images of a set into memory. Raises DataError unless each is `info.side` square."""
    side = data.info.side
    images = np.empty((len(data), side, side, 3), np.uint8)
    with ThreadPoolExecutor() as pool:
        paths = (data.path(i) for i in range(len(data)))
        for i, image in enumerate(pool.map(partial(read_rgb, side=side), paths)):
            images[i] = image
    return ImageSet(images, data.labels, data.classes, data.info, data.split)
