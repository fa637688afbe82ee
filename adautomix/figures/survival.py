"""Figures of object coverage: the share of an object that a mask shows, by its label's weight λ.

On PhotoDigits the pixels of every digit are known, so coverage is computed exactly.
"""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from adautomix.figures.checks import require_shape, require_some, require_unit
from adautomix.figures.style import INK, MUTED, WIDTH, series

HALO = [withStroke(linewidth=3.2, foreground="white")]
COLUMNS = 4
BINS = 10
FEWEST = 3


def kept_against_ratio(kept: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Plot object coverage by the weight λ of the label, a panel for each method.

    `kept` has for each method ratios (s,) and coverage (s,), both in [0, 1]. Hexagons count images;
    the line is the mean in bins of λ; spatially constant masks, such as MixUp's, are on the
    diagonal.
    """
    require_some("kept", kept)
    across = min(COLUMNS, len(kept))
    down = -(-len(kept) // across)
    size = (WIDTH * across / COLUMNS + 0.4, 2.05 * down + 0.3)
    figure = Figure(figsize=(min(size[0], WIDTH), size[1]), layout="constrained")
    for i, (label, look) in enumerate(series(kept).items()):
        ratios, shares = _paired(label, kept[label])
        ax = figure.add_subplot(down, across, i + 1)
        _draw_density(ax, ratios, shares, look.colour)
        ax.plot((0, 1), (0, 1), linestyle=(0, (3, 2)), linewidth=0.9, color=MUTED)
        ax.plot(*running_mean(ratios, shares), color=INK, linewidth=1.6, path_effects=HALO)
        ax.set_title(textwrap.fill(look.name, 18))
        ax.text(0.96, 0.04, f"mean {shares.mean():.2f}", transform=ax.transAxes, ha="right", size=9)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        ax.set_xticks((0, 0.5, 1), ("0", "½", "1"))
        ax.set_yticks((0, 0.5, 1), ("0", "½", "1") if i % across == 0 else ("", "", ""))
    figure.supxlabel("weight λ of the image's label", size=9.5)
    figure.supylabel("share of its digit kept", size=9.5)
    return figure


def _paired(label: str, pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return ratios and coverage of one method; InputError unless equally many, in [0, 1]."""
    ratios = require_shape(f"ratios of {label!r}", pair[0], ("s",))
    shares = require_shape(f"shares of {label!r}", pair[1], ratios.shape)
    return (
        require_unit(f"ratios of {label!r}", ratios),
        require_unit(f"shares of {label!r}", shares),
    )


def _draw_density(ax: Axes, ratios: np.ndarray, shares: np.ndarray, colour: str) -> None:
    """Draw counts in hexagons, on a log scale, in shades of the method's colour."""
    shades = LinearSegmentedColormap.from_list("", [to_rgba(colour, 0.12), to_rgba(colour, 0.95)])
    cells = ax.hexbin(
        ratios, shares, gridsize=20, extent=(0, 1, 0, 1), mincnt=1, cmap=shades, linewidths=0
    )
    counts: Any = cells.get_array()
    cells.set_norm(LogNorm(1, max(2.0, float(counts.max()))))


def running_mean(ratios: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean ratio and mean coverage in ten equal bins of the ratio with 3 images or more."""
    bins = np.minimum((ratios * BINS).astype(int), BINS - 1)
    filled = [i for i in range(BINS) if np.sum(bins == i) >= FEWEST]
    x = np.array([ratios[bins == i].mean() for i in filled])
    return x, np.array([shares[bins == i].mean() for i in filled])
