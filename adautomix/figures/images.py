"""Figures of many images: contact sheets, mixed images over training, methods side by side.

Images are uint8 or floats in [0, 1], channels last; masks are floats in [0, 1]. A figure is laid
out in inches on a `Sheet`, at most as wide as the text column.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from adautomix.errors import InputError
from adautomix.figures.checks import require_images, require_shape, require_some, require_unit
from adautomix.figures.sheet import Box, Sheet
from adautomix.figures.style import FAINT, INK, WIDTH, darker
from adautomix.names import REGISTRY, method_colour, title_of

GAP = 0.06
HEAD = 0.28
PARTING = 0.2
LARGEST_TILE = 1.1
LETTER = 0.08  # mean width of a letter of 9 pt, in inches


def contact_sheet(
    images: np.ndarray, labels: Sequence[str] | None = None, *, columns: int = 10
) -> Figure:
    """Show images (s, h, w, 3) in rows of `columns`, each above its label."""
    pixels = require_images("images", images, ("s",))
    if labels is not None and len(labels) != len(pixels):
        raise InputError(f"{len(labels)} labels for {len(pixels)} images; give one label an image.")
    if columns < 1:
        raise InputError(f"columns is {columns}; give at least 1.")
    across = min(columns, len(pixels))
    tile = min((WIDTH - (columns - 1) * GAP) / columns, LARGEST_TILE)
    given = [] if labels is None else labels
    letters = max(int(tile / LETTER), 4)
    written = [textwrap.fill(str(label).replace("_", " "), letters) for label in given]
    lines = max((text.count("\n") + 1 for text in written), default=0)
    below = 0.06 + 0.155 * lines if lines else 0.0
    down = -(-len(pixels) // across)
    height = down * (tile + below + GAP) - GAP
    sheet = Sheet.blank(across * (tile + GAP) - GAP, height)
    for s, image in enumerate(pixels):
        row, column = divmod(s, across)
        box = Box(column * (tile + GAP), row * (tile + below + GAP), tile, tile)
        sheet.image(image, box)
        if lines:
            sheet.text(box.centre[0], box.y + tile + 0.05, written[s], va="top")
    return sheet.figure


def mix_over_training(
    images: np.ndarray,
    epochs: Sequence[int],
    *,
    parents: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> Figure:
    """Show mixed images over training (Fig. 14): a row for each set, a column for each epoch.

    `images` is (epochs, pairs, h, w, 3); `parents` (n, pairs, h, w, 3) are shown before the first
    epoch; `masks` (epochs, pairs, h, w) of the first parent are shown small beneath the images.
    """
    pixels = require_images("images", images, (len(epochs), "pairs"))
    t, pairs, h, w = pixels.shape[:4]
    columns = [(f"epoch {epoch}", pixels[i]) for i, epoch in enumerate(epochs)]
    before = []
    if parents is not None:
        found = require_images("parents", parents, ("n", pairs))
        before = [(f"image {i + 1}", column) for i, column in enumerate(found)]
    beneath = None
    if masks is not None:
        beneath = require_unit("masks", require_shape("masks", masks, (t, pairs, h, w)))
    across = len(before) + t
    parting = PARTING if before else 0.0
    tile = min((WIDTH - parting - (across - 1) * GAP) / across, LARGEST_TILE)
    pitch = tile + (GAP if beneath is None else tile / 2 + 0.17)
    sheet = Sheet.blank(across * (tile + GAP) - GAP + parting, HEAD + pairs * pitch - GAP)
    for c, (heading, column) in enumerate(before + columns):
        epoch = c - len(before)
        x = c * (tile + GAP) + (parting if epoch >= 0 else 0)
        sheet.heading(Box(x, HEAD, tile, tile), heading)
        for p in range(pairs):
            box = Box(x, HEAD + p * pitch, tile, tile)
            sheet.image(column[p], box)
            if beneath is not None and epoch >= 0:
                small = Box(x + tile / 4, box.y + tile + 0.03, tile / 2, tile / 2)
                sheet.heat(beneath[epoch, p], small)
    return sheet.figure


def methods_grid(mixed: Mapping[str, np.ndarray], parents: np.ndarray) -> Figure:
    """Show the same images mixed by each method (Fig. 1b): a row for a method, a column for a pair.

    `mixed` is {method: (pairs, h, w, 3)}, `parents` is (n, pairs, h, w, 3).
    """
    require_some("mixed", mixed)
    above = require_images("parents", parents, ("n", "pairs"))
    n, pairs = above.shape[:2]
    rows = [require_images(f"mixed[{key!r}]", images, (pairs,)) for key, images in mixed.items()]
    names = [textwrap.fill(title_of(key), 12) for key in mixed]
    longest = max(len(line) for name in (*names, f"image {n}") for line in name.splitlines())
    margin = 0.12 + 1.15 * LETTER * longest  # wide enough for bold
    tile = min((WIDTH - margin - (pairs - 1) * GAP) / pairs, LARGEST_TILE)
    step = tile + GAP
    sheet = Sheet.blank(margin + pairs * step - GAP, (n + len(rows)) * step - GAP + PARTING)
    for r, row in enumerate([*above, *rows]):
        y = r * step + (PARTING if r >= n else 0)
        for p, image in enumerate(row):
            sheet.image(image, Box(margin + p * step, y, tile, tile))
        name = names[r - n] if r >= n else f"image {r + 1}"
        look = _method_look(list(mixed)[r - n]) if r >= n else {"color": INK}
        sheet.text(margin - 0.1, y + tile / 2, name, ha="right", **look)
    sheet.rule((margin, margin + pairs * step - GAP), n * step - GAP / 2 + PARTING / 2, FAINT)
    return sheet.figure


def methods_sheet(
    mixed: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    parents: np.ndarray,
    *,
    across: int = 4,
) -> Figure:
    """Show the same pairs mixed by each method (Fig. 1b), each above the mask of its first image.

    `mixed` is {method: (pairs, h, w, 3)}, `masks` is {method: (pairs, h, w)}; `parents`
    (2, pairs, h, w, 3) are the first block. There are `across` blocks in a row.
    """
    require_some("mixed", mixed)
    above = require_images("parents", parents, (2, "pairs"))
    pairs, h, w = above.shape[1:4]
    blocks = [("image 1 above image 2", *above)]
    for key, images in mixed.items():
        mask = require_unit(f"masks[{key!r}]", require_shape("masks", masks[key], (pairs, h, w)))
        blocks.append((key, require_images(f"mixed[{key!r}]", images, (pairs,)), mask))
    step = (WIDTH + PARTING) / across
    tile = min((step - PARTING - (pairs - 1) * GAP) / pairs, LARGEST_TILE)
    pitch = HEAD + 2 * tile + GAP + PARTING / 2
    sheet = Sheet.blank(WIDTH, -(-len(blocks) // across) * pitch - PARTING / 2)
    for i, (key, *rows) in enumerate(blocks):
        down, right = divmod(i, across)
        x, y = right * step, down * pitch + HEAD
        look = _method_look(key) if i else {"color": INK}
        sheet.text(x, y - 0.07, title_of(key), ha="left", va="bottom", **look)
        for r, row in enumerate(rows):
            paint = sheet.heat if i and r else sheet.image
            for p, values in enumerate(row):
                paint(values, Box(x + p * (tile + GAP), y + r * (tile + GAP), tile, tile))
    return sheet.figure


def _method_look(key: str) -> dict[str, str]:
    """Return colour and weight of a row's name: a method's colour, AdAutoMix bold."""
    if key not in REGISTRY:
        return {"color": INK}
    weight = "bold" if key == "adautomix" else "normal"
    return {"color": darker(method_colour(key)), "weight": weight}
