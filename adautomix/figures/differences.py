"""Figures of differences: each run's as a dot by row, and over training as lines."""

from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from adautomix.figures.checks import require_columns, require_some
from adautomix.figures.style import FAINT, INK, WIDTH, axes_for, series

ROW = 0.3  # inches


def dots_by_row(frame: pd.DataFrame, *, xlabel: str, ax: Axes | None = None) -> Figure:
    """Plot every run's value as a dot, a line for each row, with a stroke at the mean and at 0.

    `frame` has the columns row (a method's key or any text) and value, and a row for every run; the
    first row is on top.
    """
    require_columns("frame", frame, ("row", "value"))
    require_some("frame", frame["row"].to_list())
    looks = series(frame["row"].unique())
    figure, ax = axes_for(ax, WIDTH, ROW * len(looks) + 0.75)
    ax.axvline(0, color=FAINT, linewidth=1.2, zorder=0)
    for y, (row, look) in enumerate(looks.items()):
        values = frame.loc[frame["row"] == row, "value"]
        ax.plot(values, [y] * len(values), "o", color=look.colour, markersize=6, alpha=0.8)
        ax.plot((values.mean(),) * 2, (y - 0.36, y + 0.36), color=INK, linewidth=1.6)
    ax.set_yticks(range(len(looks)), [look.name for look in looks.values()])
    ax.set(xlabel=xlabel, ylim=(len(looks) - 0.4, -0.6))
    ax.grid(axis="y", visible=False)
    return figure


def leads_by_row(frame: pd.DataFrame, *, xlabel: str, ax: Axes | None = None) -> Figure:
    """Plot the lead over every method as a dot in the method's colour, a line for each row.

    `frame` has the columns row, method (its key) and lead; the first row is on top, and a bar goes
    from 0 to the smallest lead of a row.
    """
    require_columns("frame", frame, ("row", "method", "lead"))
    require_some("frame", frame["row"].to_list())
    looks, rows = series(frame["method"].unique()), list(frame["row"].unique())
    figure, ax = axes_for(ax, WIDTH, ROW * len(rows) + 1.25)
    ax.axvline(0, color=FAINT, linewidth=1.2, zorder=0)
    for y, row in enumerate(rows):
        least = frame.loc[frame["row"] == row, "lead"].min()
        ax.plot((0, least), (y, y), color=FAINT, linewidth=6, solid_capstyle="butt", zorder=0)
    for (method, look), marker in zip(looks.items(), cycle("osD^vP"), strict=False):
        own = frame[frame["method"] == method]
        heights = own["row"].map(rows.index)
        shape: dict[str, Any] = {"marker": marker, "markersize": 6, "alpha": 0.85}
        ax.plot(own["lead"], heights, linestyle="none", color=look.colour, label=look.name, **shape)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=5, handletextpad=0.2, columnspacing=1.2)
    return figure


def lines_by_row(
    frame: pd.DataFrame, *, ylabel: str, xlabel: str = "epoch", ax: Axes | None = None
) -> Figure:
    """Plot the mean over seeds against x, a line for each row, with a band over the seeds.

    `frame` has the columns row, seed, x and y; the line at y = 0 is drawn.
    """
    require_columns("frame", frame, ("row", "seed", "x", "y"))
    require_some("frame", frame["row"].to_list())
    figure, ax = axes_for(ax, WIDTH, 3.4)
    ax.axhline(0, color=FAINT, linewidth=1.2, zorder=0)
    for row, look in series(frame["row"].unique()).items():
        by_x = frame[frame["row"] == row].groupby("x")["y"]
        ax.plot(by_x.mean(), color=look.colour, label=look.name)
        ax.fill_between(
            by_x.mean().index, by_x.min(), by_x.max(), color=look.colour, alpha=0.15, linewidth=0
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    ax.margins(x=0.02)
    ax.legend()
    return figure
