"""Figures of one mixed image: its parents, masks and sum, and the generator's attention.

Images are uint8 or floats in [0, 1], channels last; masks are floats in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from adautomix.errors import InputError
from adautomix.figures.checks import require_images, require_shape, require_unit
from adautomix.figures.sheet import Box, Sheet
from adautomix.figures.style import FAINT, INK, MUTED, WIDTH
from adautomix.names import method_colour

HEAD = 0.3
MARGIN = 0.95
GLYPH = 0.3
BRACE = 0.55
BETWEEN = 0.27
LARGER = 1.35
HALO = [withStroke(linewidth=2.2, foreground=INK)]
ACCENT = method_colour("adautomix")


@dataclass(frozen=True)
class Column:
    """One column of `mix_anatomy`: its heading, its pictures, and the sign to its right."""

    heading: str
    pictures: np.ndarray
    glyph: str = ""


def mix_anatomy(
    parents: np.ndarray,
    masks: np.ndarray,
    mixed: np.ndarray,
    ratios: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    features: np.ndarray | None = None,
) -> Figure:
    """Show how one mixed image is made (Eq. 7): a row for each partner, their sum on the right.

    `parents` is (n, h, w, 3), `masks` P' (n, h, w), `mixed` (h, w, 3), `ratios` λ (n,); `names` are
    written before the rows. `features` (n, h', w'), of any range, adds a column of the generator's
    input, e.g. the tap's mean over channels; each map is scaled to its own range.
    """
    images = require_images("parents", parents, ("n",))
    n, h, w = images.shape[:3]
    weights = require_unit("masks", require_shape("masks", masks, (n, h, w)))
    total = require_images("mixed", mixed, ())
    shares = require_unit("ratios", require_shape("ratios", ratios, (n,)))
    if names is not None and len(names) != n:
        raise InputError(f"{len(names)} names for {n} images; give one name an image.")
    products = np.round(images * weights[..., None]).astype(np.uint8)
    columns = [
        Column("image $x_n$", images, r"$\odot$"),
        Column("mask $P_n'$", weights, "$=$"),
        Column(r"$x_n \odot P_n'$", products),
    ]
    if features is not None:
        seen = _own_range(require_shape("features", features, (n, "h'", "w'")))
        columns.insert(0, Column("features $z_n$", seen, " "))
    sheet, boxes = _anatomy_sheet(columns, n)
    for column, stack in zip(columns, boxes, strict=True):
        _draw_column(sheet, column, stack)
    _draw_ratios(sheet, shares, names, boxes[0])
    _draw_sum(sheet, total, boxes[-1])
    under = boxes[columns.index(columns[-2])][-1]
    sheet.scale(Box(under.x + 0.15, under.y + under.height + 0.1, under.width - 0.3, 0.09))
    return sheet.figure


def _own_range(maps: np.ndarray) -> np.ndarray:
    """Scale each map (n, h, w) to [0, 1]; a constant map becomes zero."""
    low = maps.min(axis=(1, 2), keepdims=True)
    spread = maps.max(axis=(1, 2), keepdims=True) - low
    return (maps - low) / np.where(spread > 0, spread, 1)


def _anatomy_sheet(columns: Sequence[Column], n: int) -> tuple[Sheet, list[list[Box]]]:
    """Return an empty sheet of the text's width, and the boxes of every column, top to bottom."""
    glyphs = sum(GLYPH for column in columns if column.glyph)
    tile = (WIDTH - MARGIN - glyphs - BRACE) / (len(columns) + LARGER)
    pitch = tile + BETWEEN
    sheet = Sheet.blank(WIDTH, HEAD + max(n * pitch - BETWEEN, LARGER * tile) + 0.28)
    boxes, x = [], MARGIN
    for column in columns:
        boxes.append([Box(x, HEAD + row * pitch, tile, tile) for row in range(n)])
        x += tile + (GLYPH if column.glyph else 0)
    return sheet, boxes


def _draw_column(sheet: Sheet, column: Column, boxes: Sequence[Box]) -> None:
    """Draw a column's pictures, as images (4 axes) or heat maps, with the sign after each."""
    paint = sheet.image if column.pictures.ndim == 4 else sheet.heat
    sheet.heading(boxes[0], column.heading)
    for picture, box in zip(column.pictures, boxes, strict=True):
        paint(picture, box)
        sheet.text(box.x + box.width + GLYPH / 2, box.centre[1], column.glyph, size=15)


def _draw_ratios(
    sheet: Sheet, ratios: np.ndarray, names: Sequence[str] | None, boxes: Sequence[Box]
) -> None:
    """Draw λ of every partner in the left margin: its name, the value, and a bar."""
    length = MARGIN - 0.2
    for row, (ratio, box) in enumerate(zip(ratios, boxes, strict=True)):
        middle = box.centre[1]
        if names is not None:
            sheet.text(0.0, middle - 0.26, names[row].replace("_", " "), ha="left", weight="bold")
        sheet.text(0.0, middle - 0.04, rf"$\lambda_{{{row + 1}}}$ = {ratio:.2f}", ha="left")
        for width, colour in ((1.0, FAINT), (ratio, ACCENT)):
            sheet.ax.barh(middle + 0.15, width * length, 0.09, color=colour)


def _draw_sum(sheet: Sheet, mixed: np.ndarray, boxes: Sequence[Box]) -> None:
    """Draw plus signs between the products, a bracket, and the mixed image, larger."""
    first, last = boxes[0], boxes[-1]
    for box in boxes[1:]:
        sheet.text(box.centre[0], box.y - BETWEEN / 2, "$+$", size=15)
    edge, bottom = first.x + first.width + 0.1, last.y + last.height
    across = (edge, edge + 0.08, edge + 0.08, edge)
    sheet.ax.plot(across, (first.y, first.y, bottom, bottom), color=MUTED, linewidth=0.9)
    side = first.width * LARGER
    middle = max((first.y + bottom) / 2, HEAD + side / 2)
    sheet.text(edge + 0.27, (first.y + bottom) / 2, "$=$", size=15)
    box = Box(WIDTH - side, middle - side / 2, side, side)
    sheet.image(mixed, box)
    sheet.heading(box, r"mixed $x_{\mathrm{mix}}$")


def attention_maps(
    image: np.ndarray, maps: np.ndarray, queries: np.ndarray, *, columns: int = 4
) -> Figure:
    """Show the image with some query positions, then the attention map of each query.

    All maps share one colour scale.

    Args:
        image: (h, w, 3).
        maps: (q, h', w'), rows of the attention matrix on the tap's grid, not negative.
        queries: (q, 2), row and column of each query on that grid.
        columns: maps in a row of the figure.
    """
    pixels = require_images("image", image, ())
    weights = require_shape("maps", maps, ("q", "h'", "w'"))
    places = _queries(queries, *weights.shape)
    highest = float(weights.max())
    if not (weights.min() >= 0 and 0 < highest < np.inf):
        raise InputError("maps are attention: give finite values, none negative, not all zero.")
    tile = min((WIDTH + 0.12) / (columns + 1) - 0.12, 1.6)
    step, down = tile + 0.12, -(-len(weights) // columns)
    across = min(columns, len(weights)) + 1
    sheet = Sheet.blank(across * step - 0.12, down * (tile + HEAD) + 0.3)
    whole = Box(0.0, HEAD, tile, tile)
    sheet.image(pixels, whole)
    sheet.heading(whole, "queries")
    for q, (weight, place) in enumerate(zip(weights, places, strict=True)):
        row, column = divmod(q, columns)
        box = Box((column + 1) * step, HEAD + row * (tile + HEAD), tile, tile)
        sheet.heat(weight, box, highest)
        sheet.heading(box, f"query {q + 1}")
        _mark(sheet, box, place, weight.shape, "")
        _mark(sheet, whole, place, weight.shape, str(q + 1))
    key = Box(step + 0.15, down * (tile + HEAD) + 0.12, tile - 0.5, 0.09)
    sheet.scale(key, f"{highest:.2g}")
    return sheet.figure


def _queries(queries: np.ndarray, q: int, rows: int, columns: int) -> np.ndarray:
    """Return the queries (q, 2); InputError if one lies outside the grid."""
    places = require_shape("queries", queries, (q, 2))
    if np.any(places < 0) or np.any(places >= (rows, columns)):
        raise InputError(
            f"queries reach outside the grid of {rows} by {columns}; give (row, column) inside it."
        )
    return places


def _mark(sheet: Sheet, box: Box, place: np.ndarray, grid: tuple[int, ...], label: str) -> None:
    """Frame one cell of a grid over `box`, dark around white, with a label in it."""
    height, width = box.height / grid[0], box.width / grid[1]
    cell = Box(box.x + place[1] * width, box.y + place[0] * height, width, height)
    sheet.frame(cell, linewidth=3.2, edgecolor=INK)
    sheet.frame(cell, linewidth=1.4, edgecolor="white")
    if label:
        sheet.text(*cell.centre, label, color="white", weight="bold", size=8.5, path_effects=HALO)
