"""Drops of water for `spatter`: OpenCV operations in numpy and scipy, for many images at once.

The steps: edges of the drops (Canny, 1986), the distance to them, its 3x3 mean, histogram
equalisation, and an emboss filter.
"""

from functools import reduce

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Float32, Int16, Int32, Real, UInt8

Bytes = UInt8[np.ndarray, "b h w"]
Field = Float[np.ndarray, "b h w"]
Slopes = Int16[np.ndarray, "h w b"]

LOW, HIGH = 50, 150
FARTHEST = 20.0
RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.int16)
TANGENT = 13573
"""tan(22.5 degrees) in units of 2^-15."""
TOUCHING = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])
"""Neighbourhood for labelling: the eight neighbours in the same image, none in the next image."""
FIXED = 1 << 16
"""Distances are computed as integers, in units of 2^-16 pixel."""
MOVES = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 1.4, (1, 2): 2.1969, (2, 1): 2.1969}
"""(rows, columns) of a step → its length (Borgefors, 1986), rounded as OpenCV does, in pixels."""
DOWN = {
    length: [(i, k) for (i, j), other in MOVES.items() for k in {j, -j} if i and other == length]
    for length in (1.0, 1.4, 2.1969)
}
"""Length of a step → (rows, columns) of those that lead down."""


def water(liquid: Bytes) -> Field:
    """Return the amount of water at each pixel, scaled to a maximum of 1 in each image.

    `liquid` is the thickness of the drop at a pixel, 0 where there is none.
    """
    near = np.minimum(chamfer(canny(liquid)), FARTHEST)
    levelled = equalise(_box(near).astype(np.uint8))
    wide = _mirrored(levelled.astype(np.int16))
    h, w = levelled.shape[1:]
    shifted = ((wide[:, i : i + h, j : j + w], RELIEF[i, j]) for i, j in np.ndindex(3, 3))
    embossed = sum(pixels * weight for pixels, weight in shifted if weight)
    smooth = np.rint(_box(np.clip(embossed, 0, 255)))
    wet = liquid * smooth
    wettest = wet.max(axis=(1, 2), keepdims=True)
    return wet / np.where(wettest > 0, wettest, 1)


def canny(images: Bytes) -> Bool[np.ndarray, "b h w"]:
    """Return the edges: maxima of the gradient above `LOW` that are connected to one above `HIGH`.

    The algorithm is Canny's (1986) with 3x3 Sobel filters, as in OpenCV.
    """
    # The images come last, so that a shift of rows or columns is one run of the memory.
    padded = np.pad(images.transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)), "edge").astype(np.int16)
    tall = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    wide = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    right, down = tall[:, 2:] - tall[:, :-2], wide[2:] - wide[:-2]
    steep = np.abs(right) + np.abs(down)
    candidates = (_is_ridge(steep, right, down) & (steep > LOW)).transpose(2, 0, 1)
    parts, count = scipy.ndimage.label(candidates, TOUCHING)
    strong = np.zeros(count + 1, bool)
    strong[parts[candidates & (steep > HIGH).transpose(2, 0, 1)]] = True
    strong[0] = False
    return strong[parts]


def _is_ridge(steep: Slopes, right: Slopes, down: Slopes) -> Bool[np.ndarray, "h w b"]:
    """Whether a pixel is steeper than both neighbours along the gradient, rounded to 45 degrees."""
    h, w, _ = steep.shape
    padded = np.pad(steep, ((1, 1), (1, 1), (0, 0)))

    def at(rows: int, columns: int) -> np.ndarray:
        return padded[1 + rows : 1 + rows + h, 1 + columns : 1 + columns + w]

    x, y = np.abs(right).astype(np.int32), np.abs(down).astype(np.int32) << 15
    slanted = x * TANGENT
    flat, upright = y < slanted, y > slanted + (x << 16)
    level = (steep > at(0, -1)) & (steep >= at(0, 1))
    vertical = (steep > at(-1, 0)) & (steep >= at(1, 0))
    falling = (steep > at(-1, -1)) & (steep > at(1, 1))
    rising = (steep > at(-1, 1)) & (steep > at(1, -1))
    diagonal = np.where((right ^ down) < 0, rising, falling)
    return np.where(flat, level, np.where(upright, vertical, diagonal))


def chamfer(edges: Bool[np.ndarray, "b h w"]) -> Field:
    """Return the distance to the nearest edge along the steps of `MOVES`, in pixels.

    Distances are capped at `FARTHEST` + 1, which an image without an edge has everywhere. One pass
    from the first pixel to the last and one back find the shortest paths (Borgefors, 1986).
    """
    b, h, w = edges.shape
    far = int((FARTHEST + 1) * FIXED)
    padded = np.full((h + 4, w + 4, b), far, np.int32)  # images last, with a margin of two pixels
    padded[2:-2, 2:-2] = np.where(edges.transpose(1, 2, 0), 0, far)
    for pixels in (padded, padded[::-1, ::-1]):
        for row in range(2, h + 2):
            _relax(pixels, row)
    return np.ascontiguousarray(padded[2:-2, 2:-2].transpose(2, 0, 1)) / FIXED


def _relax(pixels: Int32[np.ndarray, "H W b"], row: int) -> None:
    """Shorten the distances of one row by the steps from the two before it, and along it."""
    w = pixels.shape[1] - 4
    here = pixels[row, 2:-2]
    for length, moves in DOWN.items():
        places = ((row - down, 2 + across) for down, across in moves)
        nearest = reduce(np.minimum, (pixels[i, j : j + w] for i, j in places))
        np.minimum(here, nearest + np.int32(round(length * FIXED)), out=here)
    along = np.arange(w, dtype=np.int32)[:, None] * np.int32(FIXED)
    here -= along
    np.minimum.accumulate(here, axis=0, out=here)
    here += along


def equalise(images: Bytes) -> Bytes:
    """Equalise the histogram of each image; its darkest value becomes 0.

    An image of a single value is unchanged.
    """
    b, each = len(images), np.arange(len(images))
    places = images.reshape(b, -1) + 256 * each[:, None]
    counts = np.bincount(places.reshape(-1), minlength=256 * b).reshape(b, 256)
    darkest = (counts > 0).argmax(axis=1)
    others = places.shape[1] - counts[each, darkest]
    counts[each, darkest] = 0
    scale = np.float32(255) / np.maximum(others, 1).astype(np.float32)
    table = np.rint(np.cumsum(counts, axis=1).astype(np.float32) * scale[:, None])
    table[others == 0] = np.arange(256)
    return table.astype(np.uint8).take(places).reshape(images.shape)


def _box(images: Real[np.ndarray, "b h w"]) -> Float32[np.ndarray, "b h w"]:
    """Mean of 3x3 pixels in single precision; the image is mirrored about its last pixels.

    The sums are exact: distances are whole multiples of 2^-16.
    """
    wide = _mirrored(images)
    tall = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return ((tall[:, :, :-2] + tall[:, :, 1:-1] + tall[:, :, 2:]) / 9).astype(np.float32)


def _mirrored(images: Real[np.ndarray, "b h w"]) -> Real[np.ndarray, "b H W"]:
    return np.pad(images, ((0, 0), (1, 1), (1, 1)), "reflect")
