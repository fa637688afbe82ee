"""Boxes of random resized crops, and of the central crop of an evaluation; numpy alone.

A box is (top, left, height, width) in pixels of the image. The random numbers of a step are drawn
for all images at once, before their sizes are known; the box of an image is a function of its draws
and its size, so it does not matter which process reads the image.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from adautomix.rng import StepRNG

TRIES = 10
"""Draws of area and shape before the central crop is taken instead, as in torchvision."""


class Draws(NamedTuple):
    """Random numbers of the crops of b images.

    Attributes:
        areas, shapes: (tries, b), area of a crop as a fraction of the image's, and width / height.
        places: (2, b), in [0, 1): where the crop lies among the places that it can have.
        mirrored: (b,), whether left and right are exchanged.
    """

    areas: Float64[np.ndarray, "tries b"]
    shapes: Float64[np.ndarray, "tries b"]
    places: Float64[np.ndarray, "2 b"]
    mirrored: Bool[np.ndarray, " b"]

    def of(self, position: int) -> "Draws":
        """Return the draws of one image."""
        return Draws(*(values[..., position : position + 1] for values in self))


def draw(
    count: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    *,
    flip: bool,
    rng: StepRNG,
) -> Draws:
    """Return the random numbers of `count` crops: areas uniform, shapes uniform in their log."""
    numbers = rng.numpy
    areas = numbers.uniform(*scale, (TRIES, count))
    shapes = np.exp(numbers.uniform(np.log(ratio[0]), np.log(ratio[1]), (TRIES, count)))
    places = numbers.random((2, count))
    mirrored = numbers.integers(0, 2, count).astype(bool) & flip
    return Draws(areas, shapes, places, mirrored)


def training_boxes(
    draws: Draws, height: int, width: int, ratio: tuple[float, float]
) -> Float64[np.ndarray, "b 4"]:
    """Return a box of whole pixels for each image of b of the same size.

    The first draw that fits the image is taken, else the largest central box whose width / height
    lies in `ratio`, as in torchvision.
    """
    area = draws.areas * height * width
    heights, widths = np.rint(np.sqrt(area / draws.shapes)), np.rint(np.sqrt(area * draws.shapes))
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first, every = fits.argmax(axis=0), np.arange(fits.shape[1])
    tall, wide = heights[first, every], widths[first, every]
    top, left = (
        np.floor(place * (whole - part + 1))
        for place, whole, part in zip(draws.places, (height, width), (tall, wide), strict=True)
    )
    boxes = np.stack([top, left, tall, wide], axis=1)
    boxes[~fits.any(axis=0)] = _central(height, width, ratio)
    return boxes


def evaluation_box(height: int, width: int, side: int, shorter: int) -> Float64[np.ndarray, "1 4"]:
    """Return the box that becomes the central `side` pixels of an image of shorter side `shorter`.

    The longer side is cut to whole pixels, and the crop starts at a whole pixel, as in
    torchvision's `Resize` and `CenterCrop`; so the box has fractions of a pixel in the image.
    """
    least = min(height, width)
    tall, wide = (shorter * length // least for length in (height, width))
    top, left = round((tall - side) / 2.0), round((wide - side) / 2.0)
    down, across = height / tall, width / wide
    return np.array([[top * down, left * across, side * down, side * across]])


def _central(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    tall, wide = height, width
    if width / height < ratio[0]:
        tall = min(height, round(width / ratio[0]))
    elif width / height > ratio[1]:
        wide = min(width, round(height * ratio[1]))
    return (height - tall) // 2, (width - wide) // 2, tall, wide
