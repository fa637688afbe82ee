"""Figure of sets of images as a generator mixes them: parents, mixed image, masks (Fig. 12, 13)."""

import numpy as np
from matplotlib.figure import Figure

from adautomix.figures.checks import require_images, require_shape, require_unit
from adautomix.figures.images import GAP, HEAD, LARGEST_TILE, PARTING
from adautomix.figures.sheet import Box, Sheet
from adautomix.figures.style import MUTED, WIDTH

BELOW = 0.22  # inches for λ under an image


def sets_sheet(
    parents: np.ndarray, ratios: np.ndarray, mixed: np.ndarray, masks: np.ndarray
) -> Figure:
    """Show a row for each set: its images with their λ, what is mixed of them, and their masks.

    `parents` is (sets, n, h, w, 3), `ratios` λ (sets, n), `mixed` (sets, h, w, 3) and `masks`
    (sets, n, h, w). Under each mask stands its area.
    """
    images = require_images("parents", parents, ("sets", "n"))
    sets, n, h, w = images.shape[:4]
    total = require_images("mixed", mixed, (sets,))
    weights = require_unit("masks", require_shape("masks", masks, (sets, n, h, w)))
    shares = require_unit("ratios", require_shape("ratios", ratios, (sets, n)))
    across = 2 * n + 1
    tile = min((WIDTH - 2 * PARTING - across * GAP) / across, LARGEST_TILE)
    pitch = tile + BELOW
    sheet = Sheet.blank(across * (tile + GAP) + 2 * PARTING, HEAD + sets * pitch)
    for s in range(sets):
        for i in range(across):
            parting = PARTING * ((i >= n) + (i > n))
            box = Box(i * (tile + GAP) + parting, HEAD + s * pitch, tile, tile)
            _draw(sheet, box, i, (images[s], total[s], weights[s], shares[s]), heading=s == 0)
    return sheet.figure


def _draw(
    sheet: Sheet,
    box: Box,
    i: int,
    of_set: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    *,
    heading: bool,
) -> None:
    """Draw the i-th picture of a row, of 2n + 1, with what is written above and below."""
    images, total, weights, shares = of_set
    n = len(images)
    above, below = "mixed", ""
    if i < n:
        sheet.image(images[i], box)
        above, below = f"image {i + 1}", f"λ = {shares[i]:.2f}"
    elif i == n:
        sheet.image(total, box)
    else:
        mask = weights[i - n - 1]
        sheet.heat(mask, box)
        above, below = f"mask {i - n}", f"{100 * mask.mean():.0f} %"
    if heading:
        sheet.heading(box, above)
    sheet.text(box.centre[0], box.y + box.height + 0.1, below, color=MUTED, size=8.5)
