"""Figure of errors under attacks and corruptions, by method (Table 4)."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.errors import InputError
from adautomix.figures.checks import require_columns
from adautomix.figures.style import INK, WIDTH, Series, series

LABEL = 0.155  # width of the text "100.0" with margin, as a fraction of the axes


def error_bars(frame: pd.DataFrame, *, conditions: Sequence[str] | None = None) -> Figure:
    """Plot misclassified images in percent: a panel for each condition, a row for each method.

    `frame` has columns method, condition ("clean", "FGSM", ...), error and sd, as fractions; sd may
    be missing (one seed). A method without a value is left blank. `conditions` lists those to show,
    in order; None shows all as they come.
    """
    require_columns("frame", frame, ["method", "condition", "error", "sd"])
    if frame.duplicated(["method", "condition"]).any():
        raise InputError("frame has two rows of one method and condition; give one mean each.")
    if not frame["error"].dropna().between(0, 1).all():
        raise InputError("an error lies outside [0, 1]; give fractions, not percent.")
    shown = list(frame["condition"].unique()) if conditions is None else list(conditions)
    if missing := [name for name in shown if name not in set(frame["condition"])]:
        raise InputError(f"frame has no row of condition {', '.join(missing)}; name those it has.")
    looks = series(frame["method"].unique())
    size = (WIDTH, 0.3 * len(looks) + 0.85)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, condition in zip(axes, shown, strict=True):
        _draw_condition(ax, frame[frame["condition"] == condition], looks)
        ax.set_title(textwrap.fill(condition, 64 // len(shown)))
    axes[0].set_yticks(range(len(looks)), [look.name for look in looks.values()])
    axes[0].set_ylim(len(looks) - 0.4, -0.6)
    figure.supxlabel("misclassified images (%)", size=9.5)
    return figure


def _draw_condition(ax: Axes, rows: pd.DataFrame, looks: dict[str, Series]) -> None:
    """Draw the bars of one condition with values and, if known, standard deviations."""
    errors = rows.set_index("method")[["error", "sd"]].astype(float)
    for place, (method, look) in enumerate(looks.items()):
        if method not in errors.index or pd.isna(errors.loc[method, "error"]):
            continue
        error, sd = 100 * errors.loc[method]
        spread = 0.0 if pd.isna(sd) else sd
        ax.barh(place, error, height=0.68, color=look.colour)
        if spread:
            ax.errorbar(error, place, xerr=spread, color=INK, linewidth=1.1, capsize=2)
        ax.text(error + spread + 3, place, f"{error:.1f}", va="center", size=9)
    ax.set_xlim(0, 100 * (1 + 2 * LABEL))
    ax.set_xticks((0, 50, 100))
    ax.grid(False, axis="y")
