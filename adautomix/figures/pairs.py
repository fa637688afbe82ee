"""Two networks of one training, the classifier and its teacher, side by side."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.figures.checks import require_columns
from adautomix.figures.style import FAINT, INK, METHOD_COLOURS, WIDTH, axes_for

ROW = 0.27  # inches


def classifier_and_teacher(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """A line for every row from the classifier's accuracy (ring) to the teacher's (disc).

    `frame` has the columns label, classifier and teacher, in percent; the first row is on top, and
    the difference in points stands at the right.
    """
    require_columns("frame", frame, ("label", "classifier", "teacher"))
    figure, ax = axes_for(ax, WIDTH, ROW * len(frame) + 0.75)
    colour, end = METHOD_COLOURS["adautomix"], frame[["classifier", "teacher"]].to_numpy().max()
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
