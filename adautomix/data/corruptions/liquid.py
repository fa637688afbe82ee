"""Drops of water for `spatter`: OpenCV operations in numpy and scipy, for many images at once.

The steps: edges of the drops (Canny, 1986), the distance to them, its 3x3 mean, histogram
equalisation, and an emboss filter.
"""

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Int, UInt8

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

    Distances are capped at `FARTHEST` + 1, which an image without an edge has everywhere. The
    shortest paths are found by relaxing every step from every pixel until nothing changes.
    """
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


def equalise(images: Bytes) -> Bytes:
    """Equalise the histogram of each image; its darkest value becomes 0.

    An image of a single value is unchanged.
    """
    return np.stack([_equalise(image) for image in images])


def _equalise(image: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    counts = np.bincount(image.reshape(-1), minlength=256)
    darkest = int(image.min())
    others = image.size - counts[darkest]
    if not others:
        return image.copy()
    counts[darkest] = 0
    scale = np.float32(255) / np.float32(others)
    return np.rint(np.cumsum(counts).astype(np.float32) * scale).astype(np.uint8)[image]


def _box(images: Field) -> Field:
    """Mean of 3x3 pixels in single precision; the image is mirrored about its last pixels."""
    sums = scipy.ndimage.correlate(images, np.ones((1, 3, 3)), mode="mirror")
    return (sums / 9).astype(np.float32)
