"""Figure of class activation maps of mixed images (Fig. 11), a row for each method."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from adautomix.errors import InputError
from adautomix.figures.checks import require_images, require_shape, require_some, require_unit
from adautomix.figures.images import GAP, HEAD, LARGEST_TILE, LETTER
from adautomix.figures.sheet import HEAT, Box, Sheet
from adautomix.figures.style import INK, MUTED, WIDTH, darker
from adautomix.names import REGISTRY, method_colour, title_of

SHINE = 0.75
"""Weight of the heat colour in a pixel where the map is 1."""
DIM = 0.35
"""Fraction of a pixel's brightness that is left where the map is 0."""
PAIR = 0.22
LINE = 0.155


def cam_grid(
    mixed: Mapping[str, np.ndarray],
    maps: Mapping[str, np.ndarray],
    classes: Sequence[Sequence[str]],
    *,
    probabilities: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Show mixed images and their class activation maps, a row for each method.

    Each pair takes 1 + n columns: the image, then the image under each map, dark where the map is 0
    and bright where it is 1. `mixed` is {method: (pairs, h, w, 3)}; `maps` is
    {method: (pairs, n, h, w)} in [0, 1], for the n classes of a mixed image; `classes` has n names
    for each pair; `probabilities` {method: (pairs, n)} of the classes are written beneath.
    """
    require_some("mixed", mixed)
    pixels, heats, said = _checked(mixed, maps, classes, probabilities)
    pairs, n = next(iter(heats.values())).shape[:2]
    names = {key: textwrap.fill(title_of(key), 12) for key in mixed}
    longest = max(len(line) for name in names.values() for line in name.splitlines())
    margin = 0.12 + 1.15 * LETTER * longest
    across = pairs * (n + 1)
    tile = (WIDTH - margin - (across - pairs) * GAP - (pairs - 1) * PAIR) / across
    tile = min(tile, LARGEST_TILE)
    below = 0.21 if said else 0.0
    block, pitch = (n + 1) * tile + n * GAP + PAIR, tile + below + GAP
    titles = [[_heading(title, tile) for title in ("mixed", *names_of)] for names_of in classes]
    head = HEAD + LINE * max(title.count("\n") for row in titles for title in row)
    sheet = Sheet.blank(margin + pairs * block - PAIR, head + len(names) * pitch - GAP)
    for r, key in enumerate(names):
        y = head + r * pitch
        sheet.text(margin - 0.1, y + tile / 2, names[key], ha="right", **_look(key))
        for p in range(pairs):
            boxes = [
                Box(margin + p * block + c * (tile + GAP), y, tile, tile) for c in range(n + 1)
            ]
            _draw_pair(sheet, boxes, pixels[key][p], heats[key][p])
            for box, share in zip(boxes[1:], said[key][p] if said else (), strict=False):
                text = f"{100 * share:.0f} %"
                sheet.text(box.centre[0], y + tile + 0.03, text, va="top", color=MUTED, size=8.5)
            if r == 0:
                for box, title in zip(boxes, titles[p], strict=True):
                    sheet.heading(box, title)
    return sheet.figure


def glow(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return an image (h, w, 3) under a map (h, w): dark where it is 0, bright where it is 1."""
    weight = heat[..., None]
    colours = mpl.colormaps[HEAT](0.25 + 0.7 * heat)[..., :3]
    lit = pixels / 255 * (DIM + (1 - DIM) * weight)
    shown = lit * (1 - SHINE * weight) + colours * SHINE * weight
    return np.round(shown * 255).astype(np.uint8)


def _draw_pair(sheet: Sheet, boxes: list[Box], pixels: np.ndarray, heats: np.ndarray) -> None:
    sheet.image(pixels, boxes[0])
    for box, heat in zip(boxes[1:], heats, strict=True):
        sheet.image(glow(pixels, heat), box)


def _checked(
    mixed: Mapping[str, np.ndarray],
    maps: Mapping[str, np.ndarray],
    classes: Sequence[Sequence[str]],
    probabilities: Mapping[str, np.ndarray] | None,
) -> tuple[dict[str, np.ndarray], ...]:
    """Return images, maps and probabilities of every method; InputError for other shapes."""
    require_some("classes", classes)
    pairs, n = len(classes), len(classes[0])
    for p, names in enumerate(classes):
        if len(names) != n:
            raise InputError(
                f"the classes of pair {p + 1} are {len(names)}; name {n}, as for the first."
            )
    pixels = {key: require_images(f"mixed[{key!r}]", x, (pairs,)) for key, x in mixed.items()}
    heats, said = {}, {}
    for key, image in pixels.items():
        what = f"maps[{key!r}]"
        found = require_shape(what, maps.get(key, ()), (pairs, n, *image.shape[1:3]))
        heats[key] = require_unit(what, found)
        if probabilities is not None:
            what = f"probabilities[{key!r}]"
            found = require_shape(what, probabilities.get(key, ()), (pairs, n))
            said[key] = require_unit(what, found)
    return pixels, heats, said


def _heading(title: str, tile: float) -> str:
    """Wrap a title to the width of a tile, without breaking words."""
    letters = max(int(tile / LETTER), 5)
    return textwrap.fill(title.replace("_", " "), letters, break_long_words=False)


def _look(key: str) -> dict[str, str]:
    """Return colour and weight of a method's name; AdAutoMix is bold."""
    if key not in REGISTRY:
        return {"color": INK}
    weight = "bold" if key == "adautomix" else "normal"
    return {"color": darker(method_colour(key)), "weight": weight}
