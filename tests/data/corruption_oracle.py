"""The corruptions as they were first written: short, slow, and the same pixels to the last bit.

The package computes them faster; the tests compare. What is not here did not change. Canny's edges
are found pixel by pixel.
"""

import io

import numpy as np
import PIL.Image
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view

from adautomix.data.corruptions.digital import affine_places
from adautomix.data.corruptions.liquid import (
    FARTHEST,
    FIXED,
    HIGH,
    LOW,
    MOVES,
    RELIEF,
)
from adautomix.data.corruptions.sampling import NEGLIGIBLE, _zoom_matrix, gaussian
from adautomix.data.corruptions.weather import LUMA, MUD, ROUGHNESS, WATER

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
TOWARDS = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows and columns, for each eighth of a turn


def gaussian_noise(images, level, dice):
    (sd,) = level
    return 255 * (images / 255 + dice.normal(0.0, sd, images.shape[1:]))


def shot_noise(images, level, dice):
    (photons,) = level
    return 255 * dice.poisson(images / 255 * photons) / photons


def impulse_noise(images, level, dice):
    (share,) = level
    hit = dice.uniform(0.0, 1.0, images.shape[1:]) <= share
    white = dice.uniform(0.0, 1.0, images.shape[1:]) <= 0.5
    return np.where(hit, 255.0 * white, images)


def speckle_noise(images, level, dice):
    (sd,) = level
    values = images / 255
    return 255 * (values + values * dice.normal(0.0, sd, images.shape[1:]))


def glass_blur(images, level, dice):
    sigma, reach, passes = level[0], int(level[1]), int(level[2])
    softened = (255 * gaussian(images / 255, sigma)).astype(np.uint8)
    b, side = images.shape[:2]
    which = np.arange(b)[:, None, None]
    own = np.arange(side)
    moving = (own > reach) & (own <= side - reach)
    moves = moving[:, None] & moving
    for _ in range(passes):
        drawn = [g.integers(-reach, reach, (2, side, side)) for g in dice.generators]
        shift = np.stack(drawn) * moves
        softened = softened[which, own[:, None] + shift[:, 0], own + shift[:, 1]]
    return 255 * gaussian(softened / 255, sigma)


def motion_blur(images, level, dice):
    radius, sigma = level
    smeared = smear(images, int(radius), sigma, dice.uniform(-45.0, 45.0, ()))
    return np.floor(smeared + 0.5).astype(np.uint8)


def zoom_blur(images, level, dice):
    (end,) = level
    factors = np.arange(1, end, 0.01)  # floating-point rounding decides whether `end` is included
    values = images / 255
    zoomed = sum(zoom(values, factor) for factor in factors)
    return 255 * (values + zoomed) / (len(factors) + 1)


def smear(images, radius, sigma, degrees):
    b, h, w = images.shape[:3]
    which = np.arange(b)[:, None, None]
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    angles = np.deg2rad(degrees)
    total = np.zeros(images.shape)
    for i, weight in enumerate(weights):
        if weight < NEGLIGIBLE:
            break
        down = np.ceil(i * np.sin(angles) - 0.5).astype(int)
        right = np.ceil(i * np.cos(angles) - 0.5).astype(int)
        rows = np.clip(np.arange(h) + down[:, None], 0, h - 1)
        columns = np.clip(np.arange(w) + right[:, None], 0, w - 1)
        total += weight * images[which, rows[:, :, None], columns[:, None, :]]
    return total


def zoom(images, factor):
    matrix = _zoom_matrix(images.shape[1], float(factor))
    return np.einsum("ih,bhwc,jw->bijc", matrix, images, matrix, optimize=True)


def sample(images, rows, columns, border):
    h, w = images.shape[1:3]
    which = np.arange(len(images))[:, None, None]
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    low, right = (rows - top)[..., None], (columns - left)[..., None]
    above, below = _fold(top, h, border), _fold(top + 1, h, border)
    before, after = _fold(left, w, border), _fold(left + 1, w, border)
    upper = (1 - right) * images[which, above, before] + right * images[which, above, after]
    lower = (1 - right) * images[which, below, before] + right * images[which, below, after]
    return (1 - low) * upper + low * lower


def _fold(places, size, border):
    last = 2 * size - 2 if border == "mirror" else 2 * size - 1
    wrapped = places % (last if border == "mirror" else 2 * size)
    return np.minimum(wrapped, last - wrapped)


def brightness(images, level, dice):
    (added,) = level
    colours = images / 255
    value = colours.max(axis=-1, keepdims=True)
    lifted = np.clip(value + added, 0, 1)
    scaled = colours * lifted / np.where(value > 0, value, 1)
    return 255 * np.where(value > 0, scaled, lifted)


def saturate(images, level, dice):
    factor, added = level
    colours = images / 255
    value, least = (f(axis=-1, keepdims=True) for f in (colours.max, colours.min))
    spread = value - least
    saturation = spread / np.where(value > 0, value, 1)
    wanted = np.clip(saturation * factor + added, 0, 1)
    red = np.array([0.0, 1.0, 1.0])
    below = np.where(spread > 0, (value - colours) / np.where(spread > 0, spread, 1), red)
    return 255 * value * (1 - wanted * below)


def contrast(images, level, dice):
    (kept,) = level
    values = images / 255
    means = values.mean(axis=(1, 2), keepdims=True)
    return 255 * ((values - means) * kept + means)


def pixelate(images, level, dice):
    h, w = images.shape[1:3]
    small = (int(w * level[0]), int(h * level[0]))
    box = PIL.Image.Resampling.BOX
    shrunk = (PIL.Image.fromarray(image).resize(small, box) for image in images)
    return np.stack([np.array(image.resize((w, h), box)) for image in shrunk])


def jpeg_compression(images, level, dice):
    return np.stack([_jpeg(image, int(level[0])) for image in images])


def _jpeg(image, quality):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    with PIL.Image.open(buffer) as written:
        return np.array(written)


def elastic_transform(images, level, dice):
    shift, sigma, reach = (images.shape[1] * share for share in level)
    rows, columns = affine_places(images.shape[1], reach, dice)
    turned = sample(images / 255, rows, columns, "mirror")
    row, column = np.indices(images.shape[1:3])
    across = column + shift * _smooth_noise(images.shape[1:3], sigma, dice)
    down = row + shift * _smooth_noise(images.shape[1:3], sigma, dice)
    return 255 * sample(turned, down, across, "reflect")


def _smooth_noise(shape, sigma, dice):
    noise = dice.uniform(-1.0, 1.0, shape)
    return scipy.ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="reflect", truncate=3)


def snow(images, level, dice):
    mean, sd, factor, floor, radius, sigma, kept = level
    flakes = zoom(dice.normal(mean, sd, images.shape[1:3])[..., None], factor)
    flakes[flakes < floor] = 0
    coarse = (255 * np.clip(flakes, 0, 1)).astype(np.uint8)
    fallen = smear(coarse, int(radius), sigma, dice.uniform(-135.0, -45.0, ()))
    layer = np.floor(fallen + 0.5) / 255
    values = images / 255
    grey = (values @ LUMA)[..., None]
    whitened = kept * values + (1 - kept) * np.maximum(values, 1.5 * grey + 0.5)
    return 255 * (whitened + layer + layer[:, ::-1, ::-1])


def fog(images, level, dice):
    thickness, decay = level
    h, w = images.shape[1:3]
    values = images / 255
    brightest = values.max(axis=(1, 2, 3), keepdims=True)
    patches = plasma(1 << (max(h, w) - 1).bit_length(), decay, dice)[:, :h, :w, None]
    return 255 * (values + thickness * patches) * brightest / (brightest + thickness)


def plasma(side, decay, dice):
    heights = np.zeros((len(dice), side, side))
    step, rough = side, ROUGHNESS

    def middle(neighbours: np.ndarray) -> np.ndarray:
        return neighbours / 4 + dice.uniform(-(rough**2), rough**2, neighbours.shape[1:])

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


def spatter(images, level, dice):
    mean, sd, sigma, floor, strength, muddy = level
    liquid = gaussian(dice.normal(mean, sd, images.shape[1:3]), sigma)
    liquid[liquid < floor] = 0
    values = images / 255
    if muddy:
        cover = gaussian((liquid > floor).astype(float), strength)
        cover[cover < 0.8] = 0
        return 255 * ((1 - cover)[..., None] * values + cover[..., None] * MUD)
    drops = water((255 * liquid).astype(np.int64).astype(np.uint8))
    return 255 * (values + strength * drops[..., None] * WATER)


def water(liquid):
    near = np.minimum(chamfer(canny(liquid)), FARTHEST)
    levelled = equalise(_box(near).astype(np.uint8))
    relief = scipy.ndimage.correlate(levelled.astype(int), RELIEF[None].astype(int), mode="mirror")
    smooth = np.rint(_box(np.clip(relief, 0, 255).astype(float)))
    wet = liquid * smooth
    wettest = wet.max(axis=(1, 2), keepdims=True)
    return wet / np.where(wettest > 0, wettest, 1)


def _box(images):
    sums = scipy.ndimage.correlate(images, np.ones((1, 3, 3)), mode="mirror")
    return (sums / 9).astype(np.float32)


def canny(images):
    return np.stack([_canny(image) for image in images])


def _canny(image):
    windows = sliding_window_view(np.pad(image.astype(int), 1, "edge"), (3, 3))
    right, down = (windows * SOBEL).sum((2, 3)), (windows * SOBEL.T).sum((2, 3))
    steep = np.abs(right) + np.abs(down)
    eighth = np.floor((np.degrees(np.arctan2(down, right)) % 180 + 22.5) / 45).astype(int) % 4
    around, ridge = np.pad(steep, 1), np.zeros(steep.shape, bool)
    for i, j in np.argwhere(steep > LOW):
        rows, columns = TOWARDS[eighth[i, j]]
        before = around[1 + i - rows, 1 + j - columns]
        after = around[1 + i + rows, 1 + j + columns] + (rows * columns != 0)
        ridge[i, j] = steep[i, j] > before and steep[i, j] >= after
    found = ridge & (steep > HIGH)
    while True:
        grown = ridge & scipy.ndimage.maximum_filter(found, 3, mode="constant")
        if (grown == found).all():
            return found
        found = grown


def chamfer(edges):
    h, w = edges.shape[1:]
    far = int((FARTHEST + 1) * FIXED)
    distances = np.where(edges, 0, far)
    steps = [
        (rows, columns, round(cost * FIXED))
        for (r, c), cost in MOVES.items()
        for rows, columns in {(r, c), (r, -c), (-r, c), (-r, -c)}
    ]
    while True:
        padded = np.pad(distances, ((0, 0), (2, 2), (2, 2)), constant_values=far)
        shorter = distances
        for rows, columns, cost in steps:
            there = padded[:, 2 + rows : 2 + rows + h, 2 + columns : 2 + columns + w]
            shorter = np.minimum(shorter, there + cost)
        if (shorter == distances).all():
            return distances / FIXED
        distances = shorter


def equalise(images):
    return np.stack([_equalise(image) for image in images])


def _equalise(image):
    counts = np.bincount(image.reshape(-1), minlength=256)
    darkest = int(image.min())
    others = image.size - counts[darkest]
    if not others:
        return image.copy()
    counts[darkest] = 0
    scale = np.float32(255) / np.float32(others)
    return np.rint(np.cumsum(counts).astype(np.float32) * scale).astype(np.uint8)[image]
