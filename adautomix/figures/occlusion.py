"""Figure of accuracy by the share of dropped patches (Fig. 5, Table 7)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.errors import InputError
from adautomix.figures.checks import require_columns, require_unit
from adautomix.figures.style import MUTED, axes_for, darker, series


def occlusion_curves(
    frame: pd.DataFrame, *, chance: float | None = None, ax: Axes | None = None
) -> Figure:
    """Plot accuracy by the share of dropped patches, with a band from lowest to highest seed.

    `frame` has columns method (a key or any text), share and accuracy, both fractions, and a row
    for each method, share and seed. The legend lists the mean over the shares, best first.
    `chance`, a fraction, is drawn as a dashed line.
    """
    require_columns("frame", frame, ["method", "share", "accuracy"])
    for column in ("share", "accuracy"):
        require_unit(f"the column {column} of frame", frame[column].to_numpy(float))
    curves = _by_method(frame)
    figure, ax = axes_for(ax, 5.6, 3.7)
    means = {label: float(seeds["mean"].mean()) for label, seeds in curves.items()}
    looks = series(curves)
    for label in sorted(curves, key=means.__getitem__, reverse=True):
        points, colour = curves[label], looks[label].colour
        x = 100 * points.index.to_numpy(float)
        look: dict[str, Any] = {"marker": "o", "markersize": 3.6, "clip_on": False}
        look |= {"linewidth": 2.3, "zorder": 3} if label == "adautomix" else {"linewidth": 1.6}
        ax.plot(
            x,
            points["mean"],
            color=colour,
            label=f"{looks[label].name}  {means[label]:.1f}",
            **look,
        )
        if (points["max"] > points["min"]).any():
            ax.fill_between(x, points["min"], points["max"], color=colour, alpha=0.15, linewidth=0)
    if chance is not None:
        _draw_chance(ax, 100 * chance)
    ax.set(xlabel="share of patches dropped (%)", ylabel="accuracy on the test set (%)")
    shares = sorted(100 * frame["share"].unique())
    ax.set_xticks(shares, [f"{share:g}" for share in np.round(shares, 1)])
    ax.set_ylim(bottom=0)
    ax.margins(x=0.03)
    legend = ax.legend(loc="upper right", title="mean over the shares", alignment="left")
    legend.get_title().set(color=MUTED, size=9)
    for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True):
        text.set_color(darker(line.get_color()))
    return figure


def _by_method(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return mean, min and max over the seeds, in percent, by share, for each method."""
    groups = frame.groupby("method", sort=False)
    curves = {
        label: 100 * rows.groupby("share")["accuracy"].agg(["mean", "min", "max"])
        for label, rows in groups
    }
    first, *others = curves.items()
    for label, points in others:
        if not points.index.equals(first[1].index):
            raise InputError(
                f"{label!r} was measured at other shares than {first[0]!r}: "
                "their means cannot be compared; give the same shares for every method."
            )
    return curves


def _draw_chance(ax: Axes, percent: float) -> None:
    ax.axhline(percent, color=MUTED, linewidth=1.0, linestyle=(0, (3, 2)), zorder=1)
    ax.annotate(
        "chance",
        (0.0, percent),
        xycoords=ax.get_yaxis_transform(),
        xytext=(4, 3),
        textcoords="offset points",
        size=9,
        color=MUTED,
    )
