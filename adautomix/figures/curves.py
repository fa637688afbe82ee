"""Line plots: accuracy by epoch, losses by epoch, and a score by the value of one setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from adautomix.errors import InputError
from adautomix.figures.checks import require_columns, require_some
from adautomix.figures.style import INK, MUTED, WIDTH, axes_for, darker, series
from adautomix.names import method_colour

DASHES: tuple[str | tuple[Any, ...], ...] = (
    "-",
    (0, (3.5, 1.8)),
    (0, (1, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
)
HEIGHT = 3.7  # inches, of a panel of accuracies
LINE_HEIGHT = 1.35  # height of a line of text, in units of the font size


@dataclass(frozen=True)
class Line:
    """One line of `accuracy_curves`: all seeds of one predictor; accuracies are in percent."""

    label: str
    colour: str
    dashes: str | tuple
    points: pd.DataFrame
    seeds: int

    @property
    def end(self) -> tuple[float, float]:
        """The last epoch, and the mean accuracy over the seeds that reached it."""
        last = self.points["epoch"].max()
        return float(last), float(self.points.loc[self.points["epoch"] == last, "top1"].mean())


def accuracy_curves(
    curves: Mapping[str, Sequence[pd.DataFrame]],
    *,
    predictors: Sequence[str] = ("classifier", "teacher"),
    ax: Axes | None = None,
) -> Figure:
    """Plot test accuracy by epoch, in percent, with a band from the lowest to the highest seed.

    `curves` has for each label (a method's key or any text) one curve for each seed, with columns
    `epoch` and `<predictor>_top1`, a fraction. The first predictor's line is solid, the next one's
    dashed; a predictor that a curve does not have is left out. The last value is written at the
    right.
    """
    import seaborn as sns  # imported here, since it doubles the import time of this package

    require_some("curves", curves)
    lines = _lines(curves, predictors)
    figure, ax = axes_for(ax, WIDTH, HEIGHT)
    for line in lines:
        sns.lineplot(
            data=line.points,
            x="epoch",
            y="top1",
            errorbar=("pi", 100) if line.seeds > 1 else None,
            color=line.colour,
            linestyle=line.dashes,
            err_kws={"alpha": 0.15, "linewidth": 0},
            ax=ax,
        )
        ax.plot(*line.end, marker="o", markersize=4, color=line.colour)
    ax.set(xlabel="epoch", ylabel="accuracy on the test set (%)")
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    ax.margins(x=0.02)
    _label_ends(figure, ax, lines)
    return figure


def accuracy_panels(panels: Mapping[str, Mapping[str, Sequence[pd.DataFrame]]]) -> Figure:
    """Plot `accuracy_curves` in one panel for each title, one below the other."""
    require_some("panels", panels)
    figure = Figure(figsize=(WIDTH, HEIGHT * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), squeeze=False).ravel()
    for ax, (title, curves) in zip(axes, panels.items(), strict=True):
        ax.set_title(title)
        accuracy_curves(curves, ax=ax)
    return figure


def _lines(curves: Mapping[str, Sequence[pd.DataFrame]], predictors: Sequence[str]) -> list[Line]:
    """Return a line for every label and predictor with values; InputError if there are none."""
    lines = []
    for label, look in series(curves).items():
        require_some(f"curves[{label!r}]", curves[label])
        for predictor, dashes in zip(predictors, DASHES, strict=False):
            column = f"{predictor}_top1"
            for curve in curves[label]:
                require_columns(f"a curve of {label!r}", curve, ["epoch"])
            having = [c for c in curves[label] if column in c.columns and c[column].notna().any()]
            if not having:
                continue
            points = pd.concat([_percent(curve, column) for curve in having], ignore_index=True)
            name = look.name if predictor == predictors[0] else f"{look.name}, {predictor}"
            lines.append(Line(name, look.colour, dashes, points, len(having)))
    if not lines:
        wanted = ", ".join(f"{predictor}_top1" for predictor in predictors)
        raise InputError(f"no curve has a column {wanted}; name predictors that were evaluated.")
    return lines


def _percent(curve: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the epochs at which a predictor was evaluated, with its accuracy in percent."""
    points = pd.DataFrame({"epoch": curve["epoch"], "top1": 100 * curve[column]})
    return points.dropna()


def _label_ends(figure: Figure, ax: Axes, lines: Sequence[Line]) -> None:
    """Write the last value of each line at the right edge, without overlaps."""
    figure.draw_without_rendering()  # settles the height of the axes
    low, high = ax.get_ylim()
    points_high = ax.get_window_extent().height * 72 / figure.dpi
    gap = 9 * LINE_HEIGHT * (high - low) / points_high
    ends = [line.end[1] for line in lines]
    beside = ax.get_yaxis_transform()
    for line, end, place in zip(lines, ends, spread(ends, gap), strict=True):
        look: dict[str, Any] = {"color": line.colour, "linestyle": line.dashes, "linewidth": 1.4}
        ax.plot((1.0, 1.05), (end, place), transform=beside, clip_on=False, **look)
        text = f"{line.label} {end:.1f}"
        ax.text(1.06, place, text, transform=beside, va="center", size=9, color=darker(line.colour))
    ax.set_ylim(low, high)


def spread(values: Sequence[float], gap: float) -> np.ndarray:
    """Return positions closest to `values` (least squares), in their order, at least `gap` apart.

    After subtracting the gaps this is isotonic regression, solved by pooling adjacent violators.
    """
    order = np.argsort(values, kind="stable")
    blocks: list[list[float]] = []
    for value in np.asarray(values, float)[order] - gap * np.arange(len(order)):
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (low, m), (high, n) = blocks[-2:]
            blocks[-2:] = [[(low * m + high * n) / (m + n), m + n]]
    level = np.repeat([mean for mean, _ in blocks], [int(size) for _, size in blocks])
    places = np.empty(len(order))
    places[order] = level + gap * np.arange(len(order))
    return places


def loss_curves(
    curve: pd.DataFrame, *, names: Mapping[str, str] | None = None, columns: int = 3
) -> Figure:
    """Plot the mean loss terms of one run by epoch, a panel for each, with its own scale.

    `curve` has `epoch` and columns `train_<term>`. `names` maps the terms to show, in order, to
    their titles, e.g. {"amce": r"$L_{amce}(\\psi_W)$"}; None shows all terms by their names.
    """
    found = [c.removeprefix("train_") for c in curve.columns if c.startswith("train_")]
    titles = dict(names) if names is not None else {term: term.replace("_", " ") for term in found}
    if not titles:
        raise InputError("the curve has no column train_<term>; give a curve of a training run.")
    require_columns("the curve", curve, ["epoch", *(f"train_{term}" for term in titles)])
    across = min(columns, len(titles))
    down = -(-len(titles) // across)
    figure = Figure(figsize=(WIDTH * across / columns, 1.75 * down + 0.2), layout="constrained")
    axes = [figure.add_subplot(down, across, i + 1) for i in range(len(titles))]
    for i, (ax, (term, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        ax.plot(curve["epoch"], curve[f"train_{term}"], color=INK, linewidth=1.5)
        ax.set_title(title, size=11 if "$" in title else None)
        ax.margins(x=0.02)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        if i + across >= len(titles):
            ax.set_xlabel("epoch")
    return figure


def sensitivity(
    frame: pd.DataFrame,
    *,
    xlabel: str,
    ylabel: str,
    chosen: int | float | None = None,
    log_x: bool = False,
    diagonal: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Plot a score by the value of one setting: the mean as a line, a faint dot for each seed.

    `frame` has columns x and y, and a row for each value and seed. The value `chosen` is marked.
    `diagonal` draws the dashed line on which both are equal.
    """
    require_columns("frame", frame, ["x", "y"])
    if log_x and (frame["x"] <= 0).any():
        raise InputError("a log axis needs values above 0; leave log_x out or drop those rows.")
    figure, ax = axes_for(ax, 5.4, 3.2)
    means = frame.groupby("x")["y"].mean()
    if frame["x"].duplicated().any():
        ax.plot(frame["x"], frame["y"], "o", color=MUTED, alpha=0.4, markersize=4, mew=0)
    ax.plot(means.index, means, "-o", color=INK, markersize=4.5, linewidth=1.5)
    if diagonal:
        ax.plot(means.index, means.index, "--", color=MUTED, linewidth=1)
    if chosen is not None:
        _mark_chosen(ax, means, chosen)
    if log_x:
        ax.set_xscale("log")
    ax.set_xticks(means.index, [f"{x:g}" for x in means.index])
    ax.set_xticks([], minor=True)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.margins(y=0.18)
    return figure


def _mark_chosen(ax: Axes, means: pd.Series, chosen: int | float) -> None:
    """Mark the value that the recipes use, with its score."""
    near = np.isclose(means.index.to_numpy(float), chosen)
    if not near.any():
        values = ", ".join(f"{x:g}" for x in means.index)
        raise InputError(f"the chosen value {chosen:g} was not tried; tried: {values}.")
    accent, score = method_colour("adautomix"), float(means[near].iloc[0])
    ax.plot([chosen], [score], "o", color=accent, markersize=8, zorder=3)
    ax.annotate(
        f"chosen, {score:.1f}",
        (chosen, score),
        xytext=(0, 10),
        textcoords="offset points",
        ha="center",
        size=9,
        color=darker(accent),
    )
