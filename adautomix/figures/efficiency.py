"""Figures of the cost of training: accuracy by time, time by N, parts of a step, scaling."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from adautomix.errors import InputError
from adautomix.figures.checks import require_columns, require_some
from adautomix.figures.style import INK, MUTED, WIDTH, axes_for
from adautomix.names import REGISTRY, method_colour, method_title

PART_COLOURS = {
    "classifier, forward": "#9ecae1",
    "classifier, backward": "#3182bd",
    "teacher, forward": "#c7e9c0",
    "teacher, backward": "#41ab5d",
    "generator": method_colour("adautomix"),
    "mixing and losses": "#e7969c",
    "teacher follows": "#756bb1",
    "optimiser": "#8c8c8c",
    "sums of gradients": "#bdbdbd",
    "data and the rest": "#dddddd",
}
"""Parts of a step, in the order in which they are drawn, and their colours."""


def accuracy_against_time(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot accuracy in percent by minutes of training: a dot for each run, a colour for a method.

    `frame` has columns method, minutes and accuracy, and a row for each run.
    """
    require_columns("frame", frame, ["method", "minutes", "accuracy"])
    require_some("frame", frame["method"].to_list())
    figure, ax = axes_for(ax, WIDTH, 3.6)
    for method, runs in frame.groupby("method", sort=False):
        look: dict[str, Any] = {
            "color": method_colour(str(method)),
            "label": method_title(str(method)),
        }
        ax.plot(runs["minutes"], runs["accuracy"], "o", markersize=6, alpha=0.8, **look)
    ax.set(xlabel="minutes of training", ylabel="accuracy on the test set (%)")
    ax.set_xlim(0, 1.06 * frame["minutes"].max())
    ax.margins(y=0.12)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def time_against_n(
    lines: Mapping[str, pd.Series], *, floor: float | None = None, ax: Axes | None = None
) -> Figure:
    """Plot the time of a step by N, as a multiple of plain training.

    `lines` has for each label a series whose index is N. `floor`, the lower bound that follows from
    the number of network passes, is drawn dashed.
    """
    if not lines:
        raise InputError("there is no line to draw: give at least one series of ratios by N.")
    figure, ax = axes_for(ax, 5.4, 3.2)
    colours = (INK, method_colour("adautomix"), method_colour("mixup"))
    for colour, (label, ratios) in zip(cycle(colours), lines.items(), strict=False):
        ax.plot(ratios.index, ratios, "-o", color=colour, markersize=4.5, label=label)
    if floor is not None:
        ax.axhline(floor, color=MUTED, linestyle=(0, (4, 2)), linewidth=1.2, label="floor")
    ax.set_xticks(sorted({n for ratios in lines.values() for n in ratios.index}))
    ax.set(xlabel="images mixed, N", ylabel="time of a step, plain = 1")
    ax.set_ylim(0, 1.06 * ax.get_ylim()[1])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def step_parts(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot the parts of a step's time: a stacked bar for each method, plain training = 1.

    `frame` has columns method, part (a key of `PART_COLOURS`) and seconds, for one batch, and must
    have the method "plain".
    """
    require_columns("frame", frame, ["method", "part", "seconds"])
    if strange := sorted(set(frame["part"]) - set(PART_COLOURS)):
        raise InputError(f"unknown parts of a step: {', '.join(strange)}.")
    table = frame.pivot(index="method", columns="part", values="seconds").fillna(0)
    if "plain" not in table.index:
        raise InputError("the bars are multiples of plain training's step, which is not there.")
    table = table.loc[list(dict.fromkeys(frame["method"]))[::-1]] / table.loc["plain"].sum()
    figure, ax = axes_for(ax, WIDTH, 1.4 + 0.42 * len(table))
    left = pd.Series(0.0, table.index)
    for part in (part for part in PART_COLOURS if part in table):
        names = [method_title(str(method)) for method in table.index]
        colour = PART_COLOURS[part]
        ax.barh(names, table[part], left=left, height=0.62, color=colour, label=part)
        left = left + table[part]
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="time of a step, plain training = 1")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8.5)
    return figure


def growth_panels(
    frame: pd.DataFrame, axes: Sequence[str] = ("n", "batch", "side", "classes")
) -> Figure:
    """Plot time (above) and memory (below) of a step by one quantity, a column for each quantity.

    `frame` has columns axis, value, what ("plain", "adautomix", "generator"), seconds, memory_mib.
    """
    require_columns("frame", frame, ["axis", "value", "what", "seconds", "memory_mib"])
    shown = [axis for axis in axes if (frame["axis"] == axis).any()]
    if not shown:
        raise InputError(f"the frame has no axis of {', '.join(axes)}.")
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    grid = figure.subplots(2, len(shown), sharex="col", sharey="row", squeeze=False)
    for column, axis in enumerate(shown):
        rows = frame[frame["axis"] == axis]
        for row, quantity in enumerate(("seconds", "memory_mib")):
            _growth(grid[row, column], rows, quantity)
        grid[1, column].set_xlabel(QUANTITIES.get(axis, axis))
        _log_axis(grid[1, column], "x", rows["value"])
    grid[0, 0].set_ylabel("seconds a step")
    grid[1, 0].set_ylabel("peak memory (MiB)")
    drawn = [line for ax in grid[0] for line in ax.lines]
    figure.legend(
        handles=list({line.get_label(): line for line in drawn}.values()),
        loc="outside lower center",
        ncols=3,
    )
    return figure


QUANTITIES = {"n": "images mixed, N", "batch": "batch", "side": "side (px)", "classes": "classes"}


def _growth(ax: Axes, rows: pd.DataFrame, quantity: str) -> None:
    """Draw the lines of one panel."""
    for what, line in rows.dropna(subset=[quantity]).groupby("what", sort=False):
        known = str(what) in REGISTRY
        label = method_title(str(what)) if known else f"{what} alone"
        colour = method_colour(str(what)) if known else method_colour("mixup")
        line = line.sort_values("value")
        ax.plot(line["value"], line[quantity], "-o", color=colour, markersize=3.5, label=label)
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())


def _log_axis(ax: Axes, which: str, values: pd.Series) -> None:
    """Make an axis logarithmic, with ticks at the values, or at 1, 2, 5, 10 ... if many."""
    distinct = sorted(set(values))
    if len(distinct) > 5 or any(value != int(value) for value in distinct):
        low, high = min(distinct), max(distinct)
        candidates = [step * 10.0**power for power in range(-4, 7) for step in (1, 2, 5)]
        distinct = [value for value in candidates if low <= value <= high]
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log")
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(distinct, [f"{value:g}" for value in distinct])
