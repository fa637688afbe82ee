"""Reliability diagrams (Fig. 4, Fig. 7): accuracy by confidence."""

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from adautomix.errors import InputError
from adautomix.figures.checks import TOLERANCE, require_columns, require_some
from adautomix.figures.style import INK, MUTED, WIDTH, series

COLUMNS = 4
NEEDED = ("low", "high", "count", "confidence", "accuracy")
OVER: dict[str, Any] = {
    "facecolor": "#eceef1",
    "edgecolor": "#8d96a3",
    "hatch": "//////",
    "linewidth": 0.0,
}
UNDER: dict[str, Any] = {"facecolor": "white", "alpha": 0.6, "linewidth": 0.0}
OUTLINE = {"facecolor": "none", "edgecolor": "white", "linewidth": 0.6}
SHARE = "#c3c9d1"
DASHES = (0, (2, 1))


def reliability_diagrams(bins: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot accuracy by confidence, a panel for each method, above the distribution of the images.

    `bins` has for each method (a key or any text) the bins of `adautomix.evaluate.calibration`: a
    row for each bin, columns low, high, count, confidence, accuracy, as fractions except the count;
    the last two may be missing if count is 0. The gap between a bin's accuracy and its mean
    confidence is hatched above the bar (overconfident) or pale within it (underconfident). The
    number is the expected calibration error of these bins, in percent. The strip below, without a
    scale, shows the share of the images in each bin, mean accuracy and mean confidence.
    """
    require_some("bins", bins)
    across = min(COLUMNS, len(bins))
    down = -(-len(bins) // across)
    keys = min(across, 3)  # columns of the legend, which has five entries
    width = min(WIDTH * across / COLUMNS + 0.5, WIDTH)
    size = (width, 2.55 * down + 0.2 * -(-5 // keys) + 0.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(2 * down, across, height_ratios=(3.6, 1) * down)
    for i, (label, look) in enumerate(series(bins).items()):
        table = _checked(label, bins[label])
        row, column = divmod(i, across)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        _draw_bars(above, table, look.colour)
        _draw_shares(below, table, look.colour)
        above.set_title(textwrap.fill(look.name, 18), pad=19)
        if column == 0:
            above.set_ylabel("accuracy")
            below.set_ylabel("images", size=8.5)
    figure.supxlabel("confidence", size=9.5)
    _draw_key(figure, keys)
    return figure


def _checked(label: str, bins: pd.DataFrame) -> pd.DataFrame:
    """Return the bins that hold images, with each one's share of all images; InputError if none."""
    what = f"the bins of {label!r}"
    require_columns(what, bins, NEEDED)
    table = bins.loc[bins["count"] > 0, NEEDED].astype(float)
    if table.empty:
        raise InputError(f"{what} hold no image; give those of a split that was evaluated.")
    parts = table[["low", "high", "confidence", "accuracy"]]
    if not ((parts >= -TOLERANCE) & (parts <= 1 + TOLERANCE)).all(axis=None):
        raise InputError(f"{what} leave [0, 1]; give fractions, not percent.")
    return table.assign(share=table["count"] / table["count"].sum())


def _draw_bars(ax: Axes, table: pd.DataFrame, colour: str) -> None:
    """Draw accuracy as bars, its gap to the mean confidence, the diagonal, and the error."""
    gap = table["confidence"] - table["accuracy"]
    _bars(ax, table, table["accuracy"], color=colour)
    _bars(ax, table[gap > 0], gap, bottom=table["accuracy"], **OVER)
    _bars(ax, table[gap < 0], -gap, bottom=table["confidence"], **UNDER)
    _bars(ax, table, table[["accuracy", "confidence"]].max(axis=1), **OUTLINE)
    ax.plot((0, 1), (0, 1), linestyle=(0, (3, 2)), linewidth=0.9, color=INK)
    error = float((table["share"] * gap.abs()).sum())
    text = f"ECE {100 * error:.1f} %"
    ax.text(0, 1.04, text, transform=ax.transAxes, size=9, color=MUTED)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_yticks((0, 0.5, 1), ("0", "½", "1"))
    ax.tick_params(labelbottom=False)


def _bars(ax: Axes, table: pd.DataFrame, height: pd.Series, **look: Any) -> None:
    """Draw one bar for each row of the table, as wide as its bin."""
    if "bottom" in look:
        look["bottom"] = look["bottom"][table.index]
    width = table["high"] - table["low"]
    ax.bar(table["low"], height[table.index], width, align="edge", **look)


def _draw_shares(ax: Axes, table: pd.DataFrame, colour: str) -> None:
    """Draw the share of the images in each bin, and lines at mean accuracy and confidence."""
    _bars(ax, table, table["share"], color=SHARE)
    for name, ink, dashes in (("accuracy", colour, "-"), ("confidence", INK, DASHES)):
        mean = float((table["share"] * table[name]).sum())
        ax.axvline(mean, color=ink, linestyle=dashes, linewidth=1.5)
    ax.set_xticks((0, 0.5, 1), ("0", "½", "1"))
    ax.set_yticks(())
    ax.spines["left"].set_visible(False)


def _draw_key(figure: Figure, across: int) -> None:
    """Draw the legend of the bars, gaps and lines above the panels."""
    line: dict[str, Any] = {"linewidth": 1.5}
    entries: dict[str, Any] = {  # an artist, or several drawn on one another
        "accuracy in the bin": Patch(facecolor=MUTED),
        "mean accuracy": Line2D([], [], color=MUTED, **line),
        "overconfident by": Patch(**OVER),
        "mean confidence": Line2D([], [], color=INK, linestyle=DASHES, **line),
        "underconfident by": (Patch(facecolor=MUTED), Patch(**UNDER)),
    }
    figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=across)
