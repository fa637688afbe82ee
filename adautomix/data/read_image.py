"""Reading an image file as RGB, without torch.

JPEG files are decoded by simplejpeg where it is installed (`pip install adautomix[fast]`), all
others by Pillow. Both have libjpeg-turbo inside and give the same pixels, and simplejpeg leaves to
Pillow what it does not decode: other formats, CMYK, and files that are damaged.

Greyscale becomes three equal channels, and an alpha channel is dropped. CMYK, as a few files of
ImageNet are, becomes R = (1 − C)(1 − K) and so on, with the inversion that Adobe's JPEG files have;
colour profiles and the EXIF orientation are not applied, as in torchvision's `ImageFolder`.
"""

import io
from pathlib import Path

import numpy as np
import PIL.Image
from jaxtyping import UInt8

from adautomix.errors import DataError, first_line

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK")
"""Pillow's modes of at most 8 bits a channel; converting others to RGB would truncate values."""
JPEG = b"\xff\xd8\xff"
"""The first bytes of a JPEG file."""


def read_rgb(
    path: Path, what: str = "an image", side: int | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as RGB; an alpha channel is dropped.

    Args:
        path: the file.
        what: how an error message describes the file.
        side: required height and width in pixels; None accepts any.

    Raises DataError when the file is damaged, has more than 8 bits a channel, is larger than
    Pillow's limit, or is not `side` pixels high and wide.
    """
    try:
        content = path.read_bytes()
        image = _by_simplejpeg(content, side)
        return _by_pillow(content, path, side) if image is None else image
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(f"{path} cannot be read as {what}: {first_line(error)}.") from error


def _by_simplejpeg(content: bytes, side: int | None) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return the pixels of a JPEG file; None where Pillow should read it, or say what is wrong."""
    if simplejpeg is None or not content.startswith(JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if side not in (None, height) or side not in (None, width) or colours == "CMYK":
            return None
        if height * width > (PIL.Image.MAX_IMAGE_PIXELS or 0):
            return None
        return simplejpeg.decode_jpeg(content, "RGB")
    except ValueError:
        return None


def _by_pillow(content: bytes, path: Path, side: int | None) -> UInt8[np.ndarray, "h w 3"]:
    with PIL.Image.open(io.BytesIO(content)) as image:
        if side is not None and image.size != (side, side):
            width, height = image.size
            raise DataError(f"{path} is {width}x{height} pixels, expected {side}x{side}.")
        if image.mode not in MODES:
            raise DataError(
                f"{path} has pixels of Pillow's mode {image.mode}: convert it to 8 bits a channel."
            )
        flat = image.convert("RGBA") if image.mode == "P" else image
        return np.array(flat.convert("RGB"))
