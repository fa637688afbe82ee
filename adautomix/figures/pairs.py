"""Figures that compare the accuracy of classifier and teacher, by run or by method."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.figures.checks import require_columns, require_some
from adautomix.figures.style import FAINT, INK, WIDTH, axes_for
from adautomix.names import method_colour, title_of

ROW = 0.27  # inches


def classifier_and_teacher(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot a line for every row from the classifier's accuracy (ring) to the teacher's (disc).

    `frame` has the columns label, classifier and teacher, in percent; the first row is on top, and
    the difference in percentage points is written at the right.
    """
    require_columns("frame", frame, ("label", "classifier", "teacher"))
    figure, ax = axes_for(ax, WIDTH, ROW * len(frame) + 0.75)
    colour, end = method_colour("adautomix"), frame[["classifier", "teacher"]].to_numpy().max()
    for y, row in enumerate(frame.itertuples()):
        ax.plot((row.classifier, row.teacher), (y, y), color=FAINT, linewidth=3, zorder=1)
        ax.plot(row.classifier, y, "o", color=INK, markerfacecolor="white", markersize=6)
        ax.plot(row.teacher, y, "o", color=colour, markersize=6)
        gap = row.teacher - row.classifier
        ax.text(end, y, f"   {gap:+.1f}".replace("-", "−"), va="center", ha="left")
    ax.set_yticks(range(len(frame)), frame["label"])
    ax.set(
        xlabel="top-1 accuracy (%): classifier ring, teacher disc", ylim=(len(frame) - 0.5, -0.5)
    )
    ax.grid(axis="y", visible=False)
    return figure


def accuracy_by_method(
    frame: pd.DataFrame, *, ranked: bool = True, ax: Axes | None = None
) -> Figure:
    """Plot every run's classifier (ring) and teacher (disc), a line for each row.

    `frame` has the columns row (a method's key or any text), method (its key, for the colour),
    classifier and teacher, in percent, and a row for every run. The bar spans all marks; the tick
    is the mean of the classifiers. The best mean is on top; if not `ranked`, the first row is.
    """
    require_columns("frame", frame, ("row", "method", "classifier", "teacher"))
    require_some("frame", frame["row"].to_list())
    means = frame.groupby("row", sort=False)["classifier"].mean()
    if ranked:
        means = means.sort_values(ascending=False, kind="stable")
    figure, ax = axes_for(ax, WIDTH, ROW * len(means) + 0.75)
    for y, (row, mean) in enumerate(means.items()):
        runs = frame[frame["row"] == row]
        values = runs[["classifier", "teacher"]]
        ends = (values.min(axis=None), values.max(axis=None))
        colour = method_colour(runs["method"].iat[0])
        ax.plot(ends, (y, y), color=FAINT, linewidth=3, zorder=1)
        ax.plot(runs["teacher"], [y] * len(runs), "o", color=colour, markersize=4.5, alpha=0.8)
        ring: dict[str, Any] = {"color": colour, "markerfacecolor": "none", "markersize": 7.5}
        ax.plot(runs["classifier"], [y] * len(runs), "o", **ring)
        ax.plot((mean, mean), (y - 0.36, y + 0.36), color=INK, linewidth=1.6)
    ax.set_yticks(range(len(means)), [title_of(row) for row in means.index])
    ax.set(
        xlabel="top-1 accuracy (%): classifier ring, teacher disc", ylim=(len(means) - 0.4, -0.6)
    )
    low, high = ax.get_xlim()
    if high - low < 1:  # one run alone would fill the axis with hundredths of a point
        ax.set_xlim((low + high - 1) / 2, (low + high + 1) / 2)
    ax.grid(axis="y", visible=False)
    return figure
