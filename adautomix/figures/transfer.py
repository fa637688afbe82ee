"""Figure of transfer learning: accuracy on the target by accuracy on the source (Table 3)."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.figures.checks import require_columns, require_some
from adautomix.figures.style import MUTED, axes_for, series


def transfer_accuracy(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot accuracy on the target by accuracy on the source, in percent: a dot for each run.

    `frame` has columns method (a key or any text), source and target, and a row for each method and
    seed. A method without pretraining has NaN as source: it is a dashed line at its mean.
    """
    require_columns("frame", frame, ["method", "source", "target"])
    require_some("frame", frame["method"].to_list())
    figure, ax = axes_for(ax, 5.6, 3.6)
    nowhere = frame["source"].isna()
    methods = frame.loc[~nowhere, "method"].unique()
    for label, look in series(methods).items():
        runs = frame[frame["method"] == label]
        dots: dict[str, Any] = {
            "color": look.colour,
            "markersize": 6.5,
            "alpha": 0.85,
            "label": look.name,
        }
        ax.plot(runs["source"], runs["target"], "o", **dots)
    for label, runs in frame[nowhere].groupby("method", sort=False):
        ax.axhline(
            runs["target"].mean(), color=MUTED, linestyle=(0, (4, 2)), linewidth=1.2, label=label
        )
    ax.set(xlabel="accuracy before, on the source (%)", ylabel="after, on the target (%)")
    ax.margins(0.08)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
