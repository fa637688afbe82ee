"""Filters and resampling shared by the corruptions: blur, zoom and bilinear interpolation.

Each function replaces a call of ImageMagick, scipy or OpenCV that takes one image at a time.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import scipy.ndimage
from jaxtyping import Float, Int, Real, UInt8

NEGLIGIBLE = 1e-9
PART = 16
"""Rows of a zoom that are computed together."""
COLUMNS = 768
"""Values in a row of the images that are zoomed together."""


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
    b, h, w, c = images.shape
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    weights = weights[: int((weights >= NEGLIGIBLE).sum())]  # they fall
    order = np.argsort(degrees)
    angles, steps = np.deg2rad(degrees[order]), np.arange(len(weights))[:, None]
    down = np.ceil(steps * np.sin(angles) - 0.5).astype(int)
    right = np.ceil(steps * np.cos(angles) - 0.5).astype(int)
    above, below, before, after = (
        int(reach) for reach in (-down.min(), down.max(), -right.min(), right.max())
    )
    edges = ((above, below), (before, after))
    padded = _edges_repeated(images[order].reshape(b, h, w * c), edges, c)
    total = np.zeros((b, h, w * c))
    for weight, rows, columns in zip(weights, down + above, right + before, strict=True):
        turns = np.flatnonzero((np.diff(rows) != 0) | (np.diff(columns) != 0)) + 1
        for first, end in pairwise([0, *turns.tolist(), b]):  # images that are moved alike
            top, left = rows[first], columns[first] * c
            total[first:end] += weight * padded[first:end, top : top + h, left : left + w * c]
    result = np.empty_like(total)
    result[order] = total
    return result.reshape(images.shape)


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
    parts = blocks(images)
    return np.concatenate([from_rows_first(zoomed(rows_first(part), factor)) for part in parts])


def blocks(images: Real[np.ndarray, "b h w c"]) -> list[Real[np.ndarray, "_ h w c"]]:
    """Divide a batch for `zoomed`: a block stays in the processor's cache, and a product of its
    size is computed by one thread.
    """
    _, _, w, c = images.shape
    size = max(1, COLUMNS // (w * c))
    return [images[first : first + size] for first in range(0, len(images), size)]


def rows_first(images: Float[np.ndarray, "b h w c"]) -> Float[np.ndarray, "h b c w"]:
    """Return the layout in which both directions of a zoom are one matrix product."""
    return np.ascontiguousarray(images.transpose(1, 0, 3, 2))


def from_rows_first(images: Float[np.ndarray, "h b c w"]) -> Float[np.ndarray, "b h w c"]:
    """Invert `rows_first`."""
    return np.ascontiguousarray(images.transpose(1, 0, 3, 2))


def zoomed(images: Float[np.ndarray, "h b c h"], factor: float) -> Float[np.ndarray, "h b c h"]:
    """`zoom` of images in the layout of `rows_first`."""
    side = len(images)
    tall = images.reshape(side, -1)
    down = np.empty_like(tall)
    for made, used, weights in _zoom_parts(side, float(factor)):
        np.matmul(weights, tall[used], out=down[made])
    rows = down.reshape(-1, side)
    across = np.empty_like(rows)
    for made, used, weights in _zoom_parts(side, float(factor)):
        np.matmul(rows[:, used], weights.T, out=across[:, made])
    return across.reshape(images.shape)


@cache
def _zoom_parts(side: int, factor: float) -> tuple[tuple[slice, slice, np.ndarray], ...]:
    """Cut the matrix of a zoom into `PART` rows each: the rows, the columns in use, the weights."""
    matrix, parts = _zoom_matrix(side, factor), []
    for first in range(0, side, PART):
        made = slice(first, first + PART)
        places = np.flatnonzero(matrix[made].any(axis=0))
        used = slice(int(places[0]), int(places[-1]) + 1)
        parts.append((made, used, matrix[made, used].copy()))
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
    pixels = images.reshape(c, -1)
    top, left = np.floor(rows), np.floor(columns)
    low, right = rows - top, columns - left
    top, left = top.astype(int), left.astype(int)
    starts = np.arange(0, b * h * w, h * w)[:, None, None]
    above, below = (starts + w * _fold(top + i, h, border) for i in (0, 1))
    before, after = (_fold(left + i, w, border) for i in (0, 1))
    not_right = 1 - right
    upper = not_right * pixels.take(above + before, axis=1)
    upper += right * pixels.take(above + after, axis=1)
    lower = not_right * pixels.take(below + before, axis=1)
    lower += right * pixels.take(below + after, axis=1)
    upper *= 1 - low
    lower *= low
    upper += lower
    return upper


def _fold(places: Int[np.ndarray, "b i j"], size: int, border: str) -> Int[np.ndarray, "b i j"]:
    """Map positions outside 0..size - 1 to the inside by mirroring."""
    first, last = (0, 2 * size - 2) if border == "mirror" else (-1, 2 * size - 1)
    folded = np.where(places < 0, first - places, places)
    folded = np.minimum(folded, last - folded)
    if folded.min() >= 0:
        return folded
    wrapped = places % (last - first)  # beyond the mirror image too
    return np.minimum(wrapped, last - wrapped)
