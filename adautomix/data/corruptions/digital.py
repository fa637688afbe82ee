"""Digital corruptions: brightness, saturation, contrast, JPEG, pixelation, elastic transform.

Each function takes uint8 images and returns grey levels from 0 to 255.
"""

import io
from functools import cache

import numpy as np
import PIL.Image
import scipy.ndimage
from jaxtyping import Float, UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.sampling import blocks, grey_levels, sample
from adautomix.data.corruptions.table import Level

Pixels = UInt8[np.ndarray, "b h w 3"]
Values = Float[np.ndarray, "b h w 3"]
Bytes = UInt8[np.ndarray, "b h w"]
Field = Float[np.ndarray, "b h w"]
BOX = PIL.Image.Resampling.BOX


def brightness(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Increase the value of HSV, the largest of red, green and blue; hue and saturation stay.

    All three channels are scaled by one factor; black becomes grey.
    """
    (added,) = level
    value, _, _ = _sorted(images)
    rows = np.repeat(value.astype(np.uint16) << 8, 3, axis=2).reshape(images.shape)
    return np.take(_lifted(added), rows | images)


@cache
def _lifted(added: float) -> UInt8[np.ndarray, " 65536"]:
    """What `brightness` makes of a channel, at 256 times the pixel's value plus the channel's."""
    value, colours = (np.arange(256) / 255)[:, None], np.arange(256) / 255
    lifted = np.clip(value + added, 0, 1)
    scaled = colours * lifted / np.where(value > 0, value, 1)
    return grey_levels(255 * np.where(value > 0, scaled, lifted)).reshape(-1)


def saturate(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Decrease (severities 1 and 2) or increase the saturation of HSV; hue and value stay.

    Grey has no hue and counts as red, as in scikit-image, so greys become reddish where the level
    adds saturation.
    """
    wanted, lowest = _saturated(*level)
    value, middle, least = _sorted(images)
    places = (value.astype(np.uint16) << 8) | least
    bottom = np.take(lowest, places)
    # The largest channel stays; the smallest is `bottom`; only the one between depends on all three
    high, between = value / 255, middle / 255
    spread = high - least / 255
    below = (high - between) / np.where(spread > 0, spread, 1)
    between = grey_levels(255 * high * (1 - np.take(wanted, places) * below))
    result = np.empty_like(images)
    for channel in range(3):
        own = images[..., channel]
        inner = np.where(own == least, bottom, between)
        result[..., channel] = np.where(own == value, value, inner)
    grey = value == least
    result[..., 1:][grey] = bottom[grey][:, None]
    return result


@cache
def _saturated(
    factor: float, added: float
) -> tuple[Float[np.ndarray, " 65536"], UInt8[np.ndarray, " 65536"]]:
    """Tables at 256 times a pixel's largest channel plus its smallest one.

    The first has the saturation that `saturate` gives, the second the smallest channel after it.
    """
    value, least = (np.arange(256) / 255)[:, None], np.arange(256) / 255
    saturation = (value - least) / np.where(value > 0, value, 1)
    wanted = np.clip(saturation * factor + added, 0, 1)
    return wanted.reshape(-1), grey_levels(255 * value * (1 - wanted)).reshape(-1)


def _sorted(images: Pixels) -> tuple[Bytes, Bytes, Bytes]:
    """Return the largest, the middle and the smallest channel of each pixel."""
    red, green, blue = (np.ascontiguousarray(images[..., channel]) for channel in range(3))
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    return largest, red ^ green ^ blue ^ largest ^ smallest, smallest


def contrast(images: Pixels, level: Level, dice: Dice) -> Values:
    """Move every channel towards its mean over the image."""
    (kept,) = level
    b, h, w = images.shape[:3]
    pixels = np.ascontiguousarray(images.reshape(b, h * w, 3).swapaxes(0, 1))  # a sum of rows
    values = pixels / 255
    means = values.mean(axis=0)
    values -= means
    values *= kept
    values += means
    values *= 255
    return values.swapaxes(0, 1).reshape(images.shape)


def jpeg_compression(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Encode and decode as JPEG by Pillow, with its default chroma subsampling."""
    return np.stack([_jpeg(image, int(level[0])) for image in images])


def _jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    file, picture = io.BytesIO(), PIL.Image.fromarray(image)
    picture.save(file, "JPEG", quality=quality)
    # Opening the file would read its header twice, once in Python.
    written = PIL.Image.frombytes("RGB", picture.size, file.getvalue(), "jpeg", "RGB", "")
    return np.asarray(written)


def pixelate(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Shrink the image and enlarge it again, both by Pillow's box filter."""
    h, w = images.shape[1:3]
    shrunk = _resized(images, int(h * level[0]), int(w * level[0]))
    return _resized(shrunk, h, w)


def _resized(images: Pixels, height: int, width: int) -> UInt8[np.ndarray, "b i j 3"]:
    """Resize by Pillow's box filter, the rows and then the columns of all images in one call."""
    b, h, w = images.shape[:3]
    tall = PIL.Image.fromarray(images.reshape(b * h, w, 3))
    rows = np.array(tall.resize((width, b * h), BOX)).reshape(b, h, width, 3)
    wide = PIL.Image.fromarray(rows.swapaxes(0, 1).reshape(h, b * width, 3))
    columns = np.array(wide.resize((b * width, height), BOX)).reshape(height, b, width, 3)
    return np.ascontiguousarray(columns.swapaxes(0, 1))


def elastic_transform(images: Pixels, level: Level, dice: Dice) -> Values:
    """Apply a random affine map, then a smooth random shift of every pixel.

    Differs from the benchmark's code: there OpenCV rounds the positions of the affine map to 1/32
    pixel.
    """
    shift, sigma, reach = (images.shape[1] * share for share in level)
    rows, columns = affine_places(images.shape[1], reach, dice)
    row, column = np.indices(images.shape[1:3])
    noise = _smooth_noise(images.shape[1:3], sigma, dice)
    across, down = column + shift * noise[:, 0], row + shift * noise[:, 1]
    result = np.empty(images.shape)
    for part in blocks(images):
        channels = np.ascontiguousarray(images[part].transpose(3, 0, 1, 2)) / 255
        turned = sample(channels, rows[part], columns[part], "mirror")
        values = sample(turned, down[part], across[part], "reflect")
        result[part] = values.transpose(1, 2, 3, 0)
    result *= 255
    return result


def affine_places(side: int, reach: float, dice: Dice) -> tuple[Field, Field]:
    """Return the position from which each pixel is read, (rows, columns), in pixels.

    Three corners of a centred square, two thirds of the side across, are moved by up to `reach`
    pixels in x and in y; the positions are those of the inverse of that affine map.
    """
    middle, arm = side // 2, side // 3
    square = np.array([[1, 1], [1, -1], [-1, -1]]) * arm + middle  # corner, (x, y)
    moved = square + dice.uniform(-reach, reach, square.shape)
    homogeneous = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    back = np.linalg.solve(homogeneous, np.broadcast_to(square.astype(float), moved.shape))
    y, x = np.indices((side, side))
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ back[:, None]
    return places[..., 1], places[..., 0]


def _smooth_noise(shape: tuple[int, int], sigma: float, dice: Dice) -> Float[np.ndarray, "b 2 h w"]:
    noise = dice.random((2, *shape))
    noise *= 2
    noise -= 1
    return scipy.ndimage.gaussian_filter(noise, (0, 0, sigma, sigma), mode="reflect", truncate=3)
