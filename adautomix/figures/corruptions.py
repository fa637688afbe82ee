"""Figures of corruptions: one image under each, and each method's accuracy under each."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adautomix.data.corruptions import GROUPS, KINDS, kind
from adautomix.errors import InputError
from adautomix.figures.checks import require_columns, require_images, require_some, require_unit
from adautomix.figures.images import GAP
from adautomix.figures.sheet import Box, Sheet
from adautomix.figures.style import FAINT, INK, MUTED, WIDTH, axes_for, series

NAME = 1.12
BETWEEN = 0.3
TOP, HEADING, FOOT = 0.24, 0.27, 0.24
SIDES = (GROUPS[:2], GROUPS[2:])
CLEAN = "clean"
ROW, SLOPE = 0.225, 0.16


def corruption_sheet(clean: np.ndarray, corrupted: Mapping[str, np.ndarray]) -> Figure:
    """Show one image under each corruption: a row for each corruption, a column for each severity.

    Noise and blur are on the left with the clean image beneath, weather and digital on the right.

    Args:
        clean: (h, w, 3).
        corrupted: {corruption: (severities, h, w, 3)}, with the same number of severities for each.
    """
    require_some("corrupted", corrupted)
    original = require_images("clean", clean, ())
    count = len(next(iter(corrupted.values())))
    rows = {name: require_images(name, row, (count,)) for name, row in corrupted.items()}
    sides = [[_of_group(rows, group) for group in side] for side in SIDES]
    tile = ((WIDTH - BETWEEN) / 2 - NAME - (count - 1) * GAP) / max(count, 4)
    sides[0].append([CLEAN])
    height = TOP + max(_height(side, tile) for side in sides) + FOOT
    sheet = Sheet.blank(WIDTH, height)
    for s, side in enumerate(sides):
        left = s * (WIDTH + BETWEEN) / 2
        for level in range(count):
            x = left + NAME + level * (tile + GAP) + tile / 2
            sheet.text(x, TOP / 2, f"{level + 1}", color=MUTED)
        _draw_side(sheet, (left, TOP), side, {**rows, CLEAN: original[None]}, tile)
    sheet.text(0.0, TOP / 2, "severity", color=MUTED, ha="left")
    if any(not kind(name).standard for name in rows):
        foot = "In grey: not among the 15 corruptions of the usual mean."
        sheet.text(WIDTH, height - 0.1, foot, color=MUTED, ha="right", size=8.5)
    return sheet.figure


def _of_group(rows: Mapping[str, np.ndarray], group: str) -> list[str]:
    """Return the corruptions of a group in `rows`, in the order of the benchmark."""
    for name in rows:
        kind(name)
    return [name for name, row in KINDS.items() if row.group == group and name in rows]


def _height(side: Sequence[Sequence[str]], tile: float) -> float:
    return sum(_head(names) + len(names) * (tile + GAP) for names in side if names)


def _head(names: Sequence[str]) -> float:
    """Return the height above a group; the clean image has no heading."""
    return 0.12 if names == [CLEAN] else HEADING


def _draw_side(
    sheet: Sheet,
    corner: tuple[float, float],
    side: Sequence[Sequence[str]],
    rows: Mapping[str, np.ndarray],
    tile: float,
) -> None:
    """Draw groups of rows below each other, a line above each; the clean image is a group."""
    left, y = corner
    width = (WIDTH - BETWEEN) / 2
    for names in filter(None, side):
        sheet.rule((left, left + width), y + 0.05)
        if names != [CLEAN]:
            heading = kind(names[0]).group.capitalize()
            sheet.text(left, y + 0.16, heading, ha="left", weight="bold")
        y += _head(names)
        for name in names:
            colour = INK if name == CLEAN or kind(name).standard else MUTED
            text = textwrap.fill(_title(name), 14)
            sheet.text(left, y + tile / 2, text, ha="left", color=colour)
            for i, image in enumerate(rows[name]):
                sheet.image(image, Box(left + NAME + i * (tile + GAP), y, tile, tile))
            y += tile + GAP


def _title(name: str) -> str:
    return name if name == CLEAN else kind(name).title


def corruption_accuracy(frame: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot accuracies under corruption: a row for each corruption, a dot for each method.

    `frame` has columns method, corruption and accuracy (a fraction); several rows of one method and
    corruption, such as severities, are averaged. A corruption "clean" is shown on top and is not
    part of the means, which the legend lists and thin lines mark.
    """
    require_columns("frame", frame, ["method", "corruption", "accuracy"])
    require_unit("accuracy", frame["accuracy"].to_numpy())
    table = 100 * frame.pivot_table(
        index="corruption", columns="method", values="accuracy", sort=False, observed=True
    )
    if table.isna().any(axis=None):
        name = table.index[table.isna().any(axis=1)][0]
        raise InputError(f"not every method has an accuracy on {name!r}; give the same for each.")
    corruptions = [name for name in table.index if name != CLEAN]
    if not corruptions:
        raise InputError("frame has clean images alone; give at least one corruption.")
    places = _places([*([CLEAN] if CLEAN in table.index else []), *corruptions])
    figure, ax = axes_for(ax, 6.4, ROW * (max(places.values()) + 1) + 0.9)
    _draw_dots(ax, table, places, table.loc[corruptions].mean())
    _dress(ax, places, len(corruptions))
    return figure


def _places(names: Sequence[str]) -> dict[str, float]:
    """Return the position of every row from the top; groups are 0.6 rows further apart."""
    order = sorted(names, key=lambda n: (-1, 0) if n == CLEAN else _rank(n))
    places, y, last = {}, 0.0, None
    for name in order:
        group = CLEAN if name == CLEAN else kind(name).group
        y += 0.6 if last not in (None, group) else 0.0
        places[name], last = y, group
        y += 1
    return places


def _rank(name: str) -> tuple[int, int]:
    return GROUPS.index(kind(name).group), list(KINDS).index(name)


def _draw_dots(
    ax: Axes, table: pd.DataFrame, places: Mapping[str, float], means: pd.Series
) -> None:
    """Draw a bar from the worst to the best method in each row, dots on it, a line at each mean.

    The dots of a row are on a slight slope, so that equal values do not overlap.
    """
    for name, y in places.items():
        span = (table.loc[name].min(), table.loc[name].max())
        ax.plot(span, (y, y), color=FAINT, linewidth=9, solid_capstyle="round", zorder=1)
    rows = [name for name in places if name != CLEAN]
    extent = (places[rows[0]] - 0.5, places[rows[-1]] + 0.5)
    slopes = np.linspace(-SLOPE, SLOPE, len(means)) if len(means) > 1 else [0.0]
    for i, (method, look) in enumerate(series(table.columns).items()):
        mean = means[method]
        ax.plot((mean, mean), extent, color=look.colour, linewidth=0.9, alpha=0.55, zorder=2)
        ax.plot(
            table.loc[list(places), method],
            [y + slopes[i] for y in places.values()],
            "o",
            color=look.colour,
            markersize=6,
            markeredgecolor="white",
            markeredgewidth=0.7,
            zorder=3 + i,
            label=f"{look.name} {mean:.1f}",
        )


def _dress(ax: Axes, places: Mapping[str, float], count: int) -> None:
    names = [_title(name) for name in places]
    ax.set_yticks(list(places.values()), names)
    for label, name in zip(ax.get_yticklabels(), places, strict=True):
        if name != CLEAN and not kind(name).standard:
            label.set_color(MUTED)
    ax.set_ylim(max(places.values()) + 0.7, -0.7)
    ax.set_xlabel("top-1 accuracy, %")
    ax.grid(False, axis="y")
    noun = "corruption" if count == 1 else "corruptions"
    methods = len(ax.get_legend_handles_labels()[0])
    columns = methods if methods < 4 else 3
    title = f"mean of {count} {noun}, %"
    legend = ax.legend(
        title=title,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderaxespad=0.2,
        handletextpad=0.1,
        columnspacing=1.4,
        title_fontsize=9,
        alignment="left",
    )
    legend.get_title().set_color(MUTED)
