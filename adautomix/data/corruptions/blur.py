"""Blur corruptions: defocus, glass, motion, zoom and Gaussian.

Each function takes uint8 images and returns grey levels from 0 to 255.
"""

import numpy as np
import scipy.ndimage
from jaxtyping import Float, UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.sampling import (
    add_zooms,
    blocks,
    from_rows_first,
    gaussian,
    rows_first,
    smear,
)
from adautomix.data.corruptions.table import Level

Pixels = UInt8[np.ndarray, "b h w 3"]
Values = Float[np.ndarray, "b h w 3"]


def defocus_blur(images: Pixels, level: Level, dice: Dice) -> Values:
    """Filter with a softened disk; beyond its edge the image is mirrored about the last pixels."""
    kernel = disk(*level)
    return 255 * scipy.ndimage.correlate(images / 255, kernel[None, :, :, None], mode="mirror")


def disk(radius: float, softness: float) -> Float[np.ndarray, "k k"]:
    """Return the kernel of a disk of `radius` pixels, smoothed by a 3x3 Gaussian; its sum is 1.

    `softness` is the sigma of the Gaussian, in pixels.
    """
    reach = int(radius) + 1
    places = np.arange(-reach, reach + 1)
    inside = (places[:, None] ** 2 + places**2 <= radius**2).astype(float)
    side = np.exp(-0.5 / softness**2)
    taps = np.array([side, 1, side]) / (1 + 2 * side)
    smooth = scipy.ndimage.correlate(inside, np.outer(taps, taps), mode="constant")
    return smooth / inside.sum()


def glass_blur(images: Pixels, level: Level, dice: Dice) -> Values:
    """Replace each pixel by a random neighbour, between two Gaussian filters.

    As in the benchmark: offsets run from -reach to reach - 1, so for reach 1 the neighbour is
    above, to the left, both or the pixel itself; the first reach + 1 rows and columns stay; and the
    swap copies, because it acts on views of one array. The benchmark visits the pixels from the
    lower right, so each copies a value from before the pass, and one pass is one indexing
    operation.
    """
    sigma, reach, passes = level[0], int(level[1]), int(level[2])
    softened = (255 * gaussian(images / 255, sigma)).astype(np.uint8)
    b, side = images.shape[:2]
    own = np.arange(side)
    moving = (own > reach) & (own <= side - reach)
    moves = (moving[:, None] & moving).astype(np.int64)
    places = np.arange(b * side * side).reshape(b, side, side)
    pixels = np.zeros((b * side * side, 4), np.uint8)  # four bytes, which are one number
    pixels[:, :3] = softened.reshape(-1, 3)
    packed = pixels.view(np.uint32).reshape(-1)
    for _ in range(passes):
        back = (1 - dice.bits((2, side, side))) * moves  # one pixel, the reach of every level
        packed = packed.take(places - side * back[:, 0] - back[:, 1]).reshape(-1)
    softened = packed.view(np.uint8).reshape(b, side, side, 4)[..., :3]
    values = gaussian(softened / 255, sigma)
    values *= 255
    return values


def motion_blur(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Blur along a line within 45 degrees of the horizontal; the result is rounded."""
    radius, sigma = level
    smeared = smear(images, int(radius), sigma, dice.uniform(-45.0, 45.0, ()))
    smeared += 0.5
    return np.floor(smeared, out=smeared).astype(np.uint8)


def zoom_blur(images: Pixels, level: Level, dice: Dice) -> Values:
    """Average the image and its enlargements; factor 1 is one of them, so it counts twice."""
    (end,) = level
    factors = np.arange(1, end, 0.01)  # floating-point rounding decides whether `end` is included
    larger = tuple(factors[1:].tolist())
    result = np.empty(images.shape)
    for part in blocks(images):
        values = rows_first(images[part] / 255)
        total = values.copy()
        add_zooms(total, values, larger)
        total += values
        total *= 255
        total /= len(factors) + 1
        result[part] = from_rows_first(total)
    return result


def gaussian_blur(images: Pixels, level: Level, dice: Dice) -> Values:
    """Apply a Gaussian filter."""
    (sigma,) = level
    return 255 * gaussian(images / 255, sigma)
