"""Drops of water for `spatter`: OpenCV operations in numpy and scipy, for many images at once.

The steps: edges of the drops (Canny, 1986), the distance to them, its 3x3 mean, histogram
equalisation, and an emboss filter.
"""

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Int, Int32, UInt8

Bytes = UInt8[np.ndarray, "b h w"]
Field = Float[np.ndarray, "b h w"]

LOW, HIGH = 50, 150
FARTHEST = 20.0
RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
TANGENT = 13573
"""tan(22.5 degrees) in units of 2^-15."""
TOUCHING = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])
"""Neighbourhood for labelling: the eight neighbours in the same image, none in the next image."""
FIXED = 1 << 16
"""Distances are computed as integers, in units of 2^-16 pixel."""
MOVES = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 1.4, (1, 2): 2.1969, (2, 1): 2.1969}
"""(rows, columns) of a step → its length (Borgefors, 1986), rounded as OpenCV does, in pixels."""


def water(liquid: Bytes) -> Field:
    """Return the amount of water at each pixel, scaled to a maximum of 1 in each image.

    `liquid` is the thickness of the drop at a pixel, 0 where there is none.
    """
    near = np.minimum(chamfer(canny(liquid)), FARTHEST)
    levelled = equalise(_box(near).astype(np.uint8))
    embossed = scipy.ndimage.correlate(levelled.astype(int), RELIEF[None], mode="mirror")
    smooth = np.rint(_box(np.clip(embossed, 0, 255).astype(float)))
    wet = liquid * smooth
    wettest = wet.max(axis=(1, 2), keepdims=True)
    return wet / np.where(wettest > 0, wettest, 1)


def canny(images: Bytes) -> Bool[np.ndarray, "b h w"]:
    """Return the edges: maxima of the gradient above `LOW` that are connected to one above `HIGH`.

    The algorithm is Canny's (1986) with 3x3 Sobel filters, as in OpenCV.
    """
    smooth, slope = np.array([1, 2, 1]), np.array([-1, 0, 1])
    wide = images.astype(np.int64)
    right = _separable(wide, smooth, slope)
    down = _separable(wide, slope, smooth)
    steep = np.abs(right) + np.abs(down)
    candidates = _is_ridge(steep, right, down) & (steep > LOW)
    parts, count = scipy.ndimage.label(candidates, TOUCHING)
    strong = np.zeros(count + 1, bool)
    strong[parts[candidates & (steep > HIGH)]] = True
    strong[0] = False
    return strong[parts]


def _separable(
    images: Int[np.ndarray, "b h w"], down: Int[np.ndarray, " 3"], right: Int[np.ndarray, " 3"]
) -> Int[np.ndarray, "b h w"]:
    rows = scipy.ndimage.correlate1d(images, down, axis=1, mode="nearest")
    return scipy.ndimage.correlate1d(rows, right, axis=2, mode="nearest")


def _is_ridge(
    steep: Int[np.ndarray, "b h w"],
    right: Int[np.ndarray, "b h w"],
    down: Int[np.ndarray, "b h w"],
) -> Bool[np.ndarray, "b h w"]:
    """Whether a pixel is steeper than both neighbours along the gradient, rounded to 45 degrees."""
    h, w = steep.shape[1:]
    padded = np.pad(steep, ((0, 0), (1, 1), (1, 1)))

    def at(rows: int, columns: int) -> np.ndarray:
        return padded[:, 1 + rows : 1 + rows + h, 1 + columns : 1 + columns + w]

    x, y = np.abs(right), np.abs(down) << 15
    flat, upright = y < x * TANGENT, y > x * TANGENT + (x << 16)
    level = (steep > at(0, -1)) & (steep >= at(0, 1))
    vertical = (steep > at(-1, 0)) & (steep >= at(1, 0))
    falling = (steep > at(-1, -1)) & (steep > at(1, 1))
    rising = (steep > at(-1, 1)) & (steep > at(1, -1))
    diagonal = np.where((right ^ down) < 0, rising, falling)
    return np.where(flat, level, np.where(upright, vertical, diagonal))


def chamfer(edges: Bool[np.ndarray, "b h w"]) -> Field:
    """Return the distance to the nearest edge along the steps of `MOVES`, in pixels.

    Distances are capped at `FARTHEST` + 1, which an image without an edge has everywhere. One pass
    from the first row to the last and one back find the shortest paths (Borgefors, 1986).
    """
    b, h, w = edges.shape
    far = int((FARTHEST + 1) * FIXED)
    padded = np.full((h + 4, b, w + 4), far, np.int32)  # rows first, with a margin of two pixels
    padded[2:-2, :, 2:-2] = np.where(edges.swapaxes(0, 1), 0, far)
    for rows in (padded, padded[::-1]):
        for row in range(2, h + 2):
            _relax(rows, row)
    return padded[2:-2, :, 2:-2].swapaxes(0, 1) / FIXED


def _relax(rows: Int32[np.ndarray, "H b W"], row: int) -> None:
    """Shorten the distances of one row by the steps from the two before it, and along it."""
    w = rows.shape[2] - 4
    here = rows[row, :, 2:-2]
    for (down, across), cost in MOVES.items():
        for shift in {across, -across} if down else ():
            there = rows[row - down, :, 2 + shift : 2 + shift + w]
            np.minimum(here, there + np.int32(round(cost * FIXED)), out=here)
    along = np.arange(w, dtype=np.int32) * np.int32(MOVES[0, 1] * FIXED)
    for line, places in ((here, along), (here[:, ::-1], along)):
        np.minimum.accumulate(line - places, axis=1, out=line)
        line += places


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


def _box(images: Field) -> Field:
    """Mean of 3x3 pixels in single precision; the image is mirrored about its last pixels."""
    sums = scipy.ndimage.correlate(images, np.ones((1, 3, 3)), mode="mirror")
    return (sums / 9).astype(np.float32)
