"""Weather corruptions: snow, frost, fog and spatter.

Each function takes uint8 images and returns grey levels from 0 to 255; `corrupt` clips them.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.liquid import water
from adautomix.data.corruptions.sampling import gaussian, smear, zoom
from adautomix.data.corruptions.table import Level

Pixels = UInt8[np.ndarray, "b h w 3"]
Values = Float[np.ndarray, "b h w 3"]
LUMA = np.array([0.299, 0.587, 0.114])
WATER, MUD = np.array([175, 238, 238]) / 255, np.array([63, 42, 20]) / 255
"""Colours of the drops, RGB in [0, 1]: pale turquoise and brown."""
ROUGHNESS = 100.0


def snow(images: Pixels, level: Level, dice: Dice) -> Values:
    """Whiten the image and add falling flakes and the same flakes rotated by 180 degrees."""
    mean, sd, factor, floor, radius, sigma, kept = level
    flakes = zoom(dice.normal(mean, sd, images.shape[1:3])[..., None], factor)
    flakes[flakes < floor] = 0
    coarse = (255 * np.clip(flakes, 0, 1)).astype(np.uint8)
    fallen = smear(coarse, int(radius), sigma, dice.uniform(-135.0, -45.0, ()))
    layer = np.floor(fallen + 0.5) / 255
    values = images / 255
    lifted = 1.5 * (values @ LUMA) + 0.5
    whitened = np.maximum(values, np.repeat(lifted, 3, axis=-1).reshape(values.shape))
    whitened *= 1 - kept
    values *= kept
    values += whitened
    for flakes in (layer, layer[:, ::-1, ::-1]):
        values += np.repeat(flakes, 3, axis=2).reshape(values.shape)
    values *= 255
    return values


def frost(images: Pixels, level: Level, dice: Dice, *, pictures: Sequence[np.ndarray]) -> Values:
    """Add a random crop of one of five pictures of frost, (h, w, 3) uint8, to the image.

    The benchmark has six pictures, but its random index never selects the last. As there, the first
    index of the crop runs over the picture's rows.
    """
    kept, added = level
    side = images.shape[1]
    crops = []
    for g in dice.generators:
        picture = pictures[int(g.integers(len(pictures)))]
        top, left = (int(g.integers(0, length - side)) for length in picture.shape[:2])
        crops.append(picture[top : top + side, left : left + side])
    return kept * images + added * np.stack(crops)


def fog(images: Pixels, level: Level, dice: Dice) -> Values:
    """Add patches of brightness, then scale back to the image's own maximum."""
    thickness, decay = level
    h, w = images.shape[1:3]
    values = images / 255
    brightest = values.max(axis=(1, 2, 3), keepdims=True)
    patches = plasma(1 << (max(h, w) - 1).bit_length(), decay, dice)[:, :h, :w, None]
    values += np.repeat(thickness * patches, 3, axis=-1)
    values *= 255
    values *= brightest
    values /= brightest + thickness
    return values


def plasma(side: int, decay: float, dice: Dice) -> Float[np.ndarray, "b h h"]:
    """Random heights from 0 to 1 by the diamond-square algorithm on a torus.

    Every midpoint is the mean of its four neighbours plus a uniform number between plus and minus
    the square of a roughness, which is divided by `decay` from one scale to the next. `side` is a
    power of two.
    """
    heights = np.zeros((len(dice), side, side))
    step, rough = side, ROUGHNESS
    drawn, used = dice.random((side * side,)), 0

    def middle(neighbours: np.ndarray) -> np.ndarray:
        nonlocal used
        count = neighbours[0].size
        random = drawn[:, used : used + count].reshape(neighbours.shape)
        used += count
        return neighbours / 4 + (-(rough**2) + 2 * rough**2 * random)

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, half::step] = middle(pairs + np.roll(pairs, -1, axis=2))
        centres = heights[:, half::step, half::step]
        above = centres + np.roll(centres, 1, axis=1)
        beside = centres + np.roll(centres, 1, axis=2)
        heights[:, ::step, half::step] = middle(above + corners + np.roll(corners, -1, axis=2))
        heights[:, half::step, ::step] = middle(beside + corners + np.roll(corners, -1, axis=1))
        step, rough = half, rough / decay
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return heights / heights.max(axis=(1, 2), keepdims=True)


def spatter(images: Pixels, level: Level, dice: Dice) -> Values:
    """Add drops of water, which brighten (severities 1 to 3), or of mud, which cover (4 and 5)."""
    mean, sd, sigma, floor, strength, muddy = level
    liquid = gaussian(dice.normal(mean, sd, images.shape[1:3]), sigma)
    liquid[liquid < floor] = 0
    values = (images / 255).reshape(*images.shape[:2], -1)
    if muddy:
        cover = gaussian((liquid > floor).astype(float), strength)
        cover[cover < 0.8] = 0
        cover = np.repeat(cover, 3, axis=2)
        values *= 1 - cover
        values += cover * np.tile(MUD, images.shape[2])
    else:
        # Convert to integers first: values above 255 then wrap to 0, as they did for the benchmark.
        drops = strength * water((255 * liquid).astype(np.int64).astype(np.uint8))
        values += np.repeat(drops, 3, axis=2) * np.tile(WATER, images.shape[2])
    values *= 255
    return values.reshape(images.shape)
