"""Digital corruptions: brightness, saturation, contrast, JPEG, pixelation, elastic transform.

Each function takes uint8 images and returns grey levels from 0 to 255.
"""

import io

import numpy as np
import PIL.Image
import scipy.ndimage
from jaxtyping import Float, UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.sampling import sample
from adautomix.data.corruptions.table import Level

Pixels = UInt8[np.ndarray, "b h w 3"]
Values = Float[np.ndarray, "b h w 3"]
Field = Float[np.ndarray, "b h w"]


def brightness(images: Pixels, level: Level, dice: Dice) -> Values:
    """Increase the value of HSV, the largest of red, green and blue; hue and saturation stay.

    All three channels are scaled by one factor; black becomes grey.
    """
    (added,) = level
    colours = images / 255
    value = colours.max(axis=-1, keepdims=True)
    lifted = np.clip(value + added, 0, 1)
    scaled = colours * lifted / np.where(value > 0, value, 1)
    return 255 * np.where(value > 0, scaled, lifted)


def saturate(images: Pixels, level: Level, dice: Dice) -> Values:
    """Decrease (severities 1 and 2) or increase the saturation of HSV; hue and value stay.

    Grey has no hue and counts as red, as in scikit-image, so greys become reddish where the level
    adds saturation.
    """
    factor, added = level
    colours = images / 255
    value, least = (f(axis=-1, keepdims=True) for f in (colours.max, colours.min))
    spread = value - least
    saturation = spread / np.where(value > 0, value, 1)
    wanted = np.clip(saturation * factor + added, 0, 1)
    red = np.array([0.0, 1.0, 1.0])
    below = np.where(spread > 0, (value - colours) / np.where(spread > 0, spread, 1), red)
    return 255 * value * (1 - wanted * below)


def contrast(images: Pixels, level: Level, dice: Dice) -> Values:
    """Move every channel towards its mean over the image."""
    (kept,) = level
    values = images / 255
    means = values.mean(axis=(1, 2), keepdims=True)
    return 255 * ((values - means) * kept + means)


def jpeg_compression(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Encode and decode as JPEG by Pillow, with its default chroma subsampling."""
    return np.stack([_jpeg(image, int(level[0])) for image in images])


def _jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    with PIL.Image.open(buffer) as written:
        return np.array(written)


def pixelate(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Shrink the image and enlarge it again, both by Pillow's box filter."""
    h, w = images.shape[1:3]
    small = (int(w * level[0]), int(h * level[0]))
    box = PIL.Image.Resampling.BOX
    shrunk = (PIL.Image.fromarray(image).resize(small, box) for image in images)
    return np.stack([np.array(image.resize((w, h), box)) for image in shrunk])


def elastic_transform(images: Pixels, level: Level, dice: Dice) -> Values:
    """Apply a random affine map, then a smooth random shift of every pixel.

    Differs from the benchmark's code: there OpenCV rounds the positions of the affine map to 1/32
    pixel.
    """
    shift, sigma, reach = (images.shape[1] * share for share in level)
    rows, columns = affine_places(images.shape[1], reach, dice)
    turned = sample(images / 255, rows, columns, "mirror")
    row, column = np.indices(images.shape[1:3])
    across = column + shift * _smooth_noise(images.shape[1:3], sigma, dice)
    down = row + shift * _smooth_noise(images.shape[1:3], sigma, dice)
    return 255 * sample(turned, down, across, "reflect")


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


def _smooth_noise(shape: tuple[int, int], sigma: float, dice: Dice) -> Field:
    noise = dice.uniform(-1.0, 1.0, shape)
    return scipy.ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="reflect", truncate=3)
