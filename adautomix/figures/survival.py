"""Figures of object coverage: the share of an object that a mask shows, by its label's weight λ.

On PhotoDigits the pixels of every digit are known, so coverage is computed exactly.
"""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from adautomix.errors import InputError
from adautomix.figures.checks import require_columns, require_shape, require_some, require_unit
from adautomix.figures.style import INK, MUTED, WIDTH, axes_for, series

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


def kept_bars(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot the mean object coverage of each method, best first, with the chance level.

    `frame` has columns method, mean, sd and chance, as fractions; sd may be missing (one seed).
    """
    require_columns("frame", frame, ["method", "mean", "sd", "chance"])
    if frame["method"].duplicated().any():
        raise InputError("frame has two rows of one method; give one mean a method.")
    rows = frame.sort_values("mean", ascending=False, kind="stable")
    figure, ax = axes_for(ax, 5.4, 0.36 * len(rows) + 0.75)
    looks = series(rows["method"])
    for place, row in enumerate(rows.itertuples(index=False)):
        ax.barh(place, row.mean, height=0.62, color=looks[row.method].colour)
        spread = 0.0 if pd.isna(row.sd) else row.sd
        if spread:
            ax.errorbar(row.mean, place, xerr=spread, color=INK, linewidth=1.1, capsize=2)
        ax.plot((row.chance, row.chance), (place - 0.4, place + 0.4), color=INK, linewidth=1.6)
        ax.text(max(row.mean + spread, row.chance) + 0.015, place, f"{row.mean:.2f}", va="center")
    ax.annotate(
        "chance",
        (rows["chance"].iloc[0], -0.4),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        size=9,
    )
    ax.set_yticks(range(len(rows)), [look.name for look in looks.values()])
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.85), xlabel="share of the digit kept")
    ax.grid(False, axis="y")
    return figure
