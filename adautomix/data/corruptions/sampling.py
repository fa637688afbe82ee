"""Filters and resampling shared by the corruptions: blur, zoom and bilinear interpolation.

Each function replaces a call of ImageMagick, scipy or OpenCV that takes one image at a time.
"""

from functools import cache

import numpy as np
import scipy.ndimage
from jaxtyping import Float, Int, Real, UInt8
from numpy.lib.stride_tricks import sliding_window_view

NEGLIGIBLE = 1e-9
PART, TOGETHER = 16, 5
"""Rows of a zoom, and factors, that are computed together."""
COLUMNS = 768
"""Values in a row of the images that are computed together."""


def grey_levels(values: Float[np.ndarray, "*_"]) -> UInt8[np.ndarray, "*_"]:
    """Clip to 0 and 255 and truncate; the values are overwritten."""
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def gaussian(images: Float[np.ndarray, "b h w *c"], sigma: float) -> Float[np.ndarray, "b h w *c"]:
    """Gaussian filter of each image and channel, cut off at 4 sigma; edge pixels are repeated."""
    rest = (0,) * (images.ndim - 3)
    return scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, *rest), mode="nearest")


def smear(
    images: Real[np.ndarray, "b h w c"], radius: int, sigma: float, degrees: Float[np.ndarray, " b"]
) -> Float[np.ndarray, "b h w c"]:
    """ImageMagick's motion blur: half a Gaussian along a line of 2 radius + 1 pixels.

    Each image has its own angle, in degrees clockwise from the right; edge pixels are repeated.
    Compared with ImageMagick 6.9.11, the largest difference over all settings of the benchmark was
    one grey level.
    """
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    weights = weights[: int((weights >= NEGLIGIBLE).sum())]  # they fall
    angles, steps = np.deg2rad(degrees), np.arange(len(weights))[:, None]
    down = np.ceil(steps * np.sin(angles) - 0.5).astype(int)
    right = np.ceil(steps * np.cos(angles) - 0.5).astype(int)
    result = np.empty(images.shape)
    for part in blocks(images):
        result[part] = _shifted(images[part], weights, down[:, part], right[:, part])
    return result


def _shifted(
    images: Real[np.ndarray, "b h w c"],
    weights: Float[np.ndarray, " t"],
    down: Int[np.ndarray, "t b"],
    right: Int[np.ndarray, "t b"],
) -> Float[np.ndarray, "b h w c"]:
    """Return the weighted sum of t copies of each image that are moved up and to the left."""
    b, h, w, c = images.shape
    above, below, before, after = (
        int(reach) for reach in (-down.min(), down.max(), -right.min(), right.max())
    )
    edges = ((above, below), (before, after))
    padded = _edges_repeated(images.reshape(b, h, w * c), edges, c)
    windows = sliding_window_view(padded, (h, w * c), axis=(1, 2))
    total, each = np.zeros((b, h, w * c)), np.arange(b)
    for weight, rows, columns in zip(weights, down + above, (right + before) * c, strict=True):
        moved = windows[each, rows, columns]
        moved *= weight
        total += moved
    return total.reshape(images.shape)


def _edges_repeated(
    images: Real[np.ndarray, "b h wc"], edges: tuple[tuple[int, int], tuple[int, int]], c: int
) -> Float[np.ndarray, "b H WC"]:
    """Repeat the outer rows and columns of images of c channels, (above, below), (left, right)."""
    (above, below), (left, right) = edges
    b, h, wide = images.shape
    padded = np.empty((b, above + h + below, left * c + wide + right * c))
    rows = padded[:, above : above + h]
    rows[:, :, left * c : left * c + wide] = images
    rows[:, :, : left * c] = np.tile(images[:, :, :c], left)
    rows[:, :, left * c + wide :] = np.tile(images[:, :, -c:], right)
    padded[:, :above] = rows[:, :1]
    padded[:, above + h :] = rows[:, -1:]
    return padded


def zoom(images: Float[np.ndarray, "b h h c"], factor: float) -> Float[np.ndarray, "b h h c"]:
    """Enlarge the centre of each image to the full size, by linear interpolation."""
    result = np.empty_like(images)
    for part in blocks(images):
        values = rows_first(images[part])
        total = np.zeros_like(values)
        add_zooms(total, values, (factor,))
        result[part] = from_rows_first(total)
    return result


def blocks(images: Real[np.ndarray, "b h w c"]) -> list[slice]:
    """Divide a batch into blocks that stay in the processor's cache.

    A product of the size of a block is computed by one thread.
    """
    b, _, w, c = images.shape
    size = max(1, COLUMNS // (w * c))
    return [slice(first, first + size) for first in range(0, b, size)]


def rows_first(images: Float[np.ndarray, "b h w c"]) -> Float[np.ndarray, "h b c w"]:
    """Return the layout in which both directions of a zoom are one matrix product."""
    return np.ascontiguousarray(images.transpose(1, 0, 3, 2))


def from_rows_first(images: Float[np.ndarray, "h b c w"]) -> Float[np.ndarray, "b h w c"]:
    """Invert `rows_first`."""
    return images.transpose(1, 0, 3, 2)


def add_zooms(
    total: Float[np.ndarray, "h b c h"],
    images: Float[np.ndarray, "h b c h"],
    factors: tuple[float, ...],
) -> None:
    """Add the `zoom` of the images by each factor, one after the other, to `total`."""
    side = len(images)
    tall = images.reshape(side, -1)
    for first in range(0, len(factors), TOGETHER):
        parts = _zoom_parts(side, factors[first : first + TOGETHER])
        for made, used, weights, _ in parts:
            rows = np.matmul(weights, tall[used]).reshape(len(weights), -1, side)
            across = np.empty_like(rows)
            for columns, read, _, turned in parts:
                np.matmul(rows[:, :, read], turned, out=across[:, :, columns])
            sums = total[made].reshape(-1, side)
            for zoomed in across:
                sums += zoomed


@cache
def _zoom_parts(
    side: int, factors: tuple[float, ...]
) -> tuple[tuple[slice, slice, Float[np.ndarray, "f i j"], Float[np.ndarray, "f j i"]], ...]:
    """Cut the matrices of f zooms into i = `PART` rows: these, the j columns in use, the weights.

    The weights come twice, the second time transposed.
    """
    matrices, parts = np.stack([_zoom_matrix(side, factor) for factor in factors]), []
    for first in range(0, side, PART):
        made = slice(first, first + PART)
        places = np.flatnonzero(matrices[:, made].any(axis=(0, 1)))
        used = slice(int(places[0]), int(places[-1]) + 1)
        weights = matrices[:, made, used]
        turned = np.ascontiguousarray(weights.swapaxes(1, 2))
        parts.append((made, used, weights.copy(), turned))
    return tuple(parts)


@cache
def _zoom_matrix(side: int, factor: float) -> Float[np.ndarray, "h h"]:
    """Return the matrix of a zoom along one axis: crop, `scipy.ndimage.zoom`, trim to `side`."""
    kept = int(np.ceil(side / factor))
    crop = np.eye(kept, side, k=(side - kept) // 2)
    grown = scipy.ndimage.zoom(crop, (factor, 1), order=1)
    trim = (len(grown) - side) // 2
    return grown[trim : trim + side]


def sample(
    images: Float[np.ndarray, "c b h w"],
    rows: Float[np.ndarray, "b i j"],
    columns: Float[np.ndarray, "b i j"],
    border: str,
) -> Float[np.ndarray, "c b i j"]:
    """Sample each image at fractional positions by bilinear interpolation.

    Args:
        images: the channels of the images to read.
        rows, columns: positions in pixels.
        border: how an image continues beyond its edge, as scipy names it: "mirror" about the last
            pixel (d c b | a b c d), "reflect" about the edge (c b a | a b c d).
    """
    c, b, h, w = images.shape
    top, left = np.floor(rows), np.floor(columns)
    low, right = rows - top, columns - left
    above, below = _beyond(top, h)
    before, after = _beyond(left, w)
    wide = images.take(_folded(above, below, h, border), axis=2)
    wide = wide.take(_folded(before, after, w, border), axis=3)
    width = wide.shape[3]
    pixels = wide.reshape(c, -1)
    starts = np.arange(b)[:, None, None] * (wide.shape[2] * width)
    places = ((top + above) * width + (left + before)).astype(np.intp) + starts
    not_right = 1 - right
    upper = not_right * pixels.take(places, axis=1)
    upper += right * pixels.take(places + 1, axis=1)
    places += width
    lower = not_right * pixels.take(places, axis=1)
    lower += right * pixels.take(places + 1, axis=1)
    upper *= 1 - low
    lower *= low
    upper += lower
    return upper


def _beyond(places: Float[np.ndarray, "b i j"], size: int) -> tuple[int, int]:
    """How far pixels and their next ones lie before the first and after the last of `size`."""
    return max(0, -int(places.min())), max(0, int(places.max()) + 2 - size)


def _folded(before: int, after: int, size: int, border: str) -> Int[np.ndarray, " n"]:
    """Positions inside 0..size - 1 of an axis that is continued on both sides by mirroring."""
    places = np.arange(-before, size + after)
    period = 2 * size - 2 if border == "mirror" else 2 * size
    places %= period
    return np.minimum(places, (period if border == "mirror" else period - 1) - places)
