"""Noise corruptions: Gaussian, shot, impulse and speckle.

Each function takes uint8 images and returns grey levels from 0 to 255; `corrupt` clips them.
"""

import numpy as np
from jaxtyping import Float, UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.table import Level

Pixels = UInt8[np.ndarray, "b h w 3"]
Values = Float[np.ndarray, "b h w 3"]


def gaussian_noise(images: Pixels, level: Level, dice: Dice) -> Values:
    """Add Gaussian noise of the same standard deviation at every pixel."""
    (sd,) = level
    values = dice.standard_normal(images.shape[1:])
    values *= sd
    values += images / 255
    values *= 255
    return values


def shot_noise(images: Pixels, level: Level, dice: Dice) -> Values:
    """Replace each value by a Poisson count of photons, divided by the count at full brightness."""
    (photons,) = level
    return 255 * dice.poisson(images / 255 * photons) / photons


def impulse_noise(images: Pixels, level: Level, dice: Dice) -> Pixels:
    """Set random channel values, not whole pixels, to 255 or 0, equally often."""
    (share,) = level
    drawn = dice.random((2, *images.shape[1:]))
    hit, white = drawn[:, 0] <= share, drawn[:, 1] <= 0.5
    result = images.copy()
    result[hit] = np.uint8(255) * white[hit]
    return result


def speckle_noise(images: Pixels, level: Level, dice: Dice) -> Values:
    """Add Gaussian noise whose standard deviation is proportional to the value."""
    (sd,) = level
    values = images / 255
    noise = dice.standard_normal(images.shape[1:])
    noise *= sd
    noise *= values
    noise += values
    noise *= 255
    return noise
