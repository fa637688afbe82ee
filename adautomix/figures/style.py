"""Style of the book's figures: sizes, colours, one colour and one name for each method.

Nothing happens at import. `use()` applies the style; a page calls it once, before its first figure.

The background is transparent and the text dark; in dark mode the book puts a figure on a white card
(`book.css`). Text is drawn as paths in the fonts that come with matplotlib, so that a figure has
the same bytes and looks the same on every machine. All sizes are in inches; 7.5 inches are 720 px,
the width of the book's text column, and 9 pt are then 12 px.
"""

import copy
import io
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

from adautomix.errors import InputError
from adautomix.figures.tables import in_book
from adautomix.names import REGISTRY, title_of

WIDTH = 7.5
INK = "#262b33"
MUTED = "#5b6470"
FAINT = "#d9dde3"

FIRST = ("adautomix", "mixup", "cutmix", "saliencymix", "plain")

RC: dict[Any, Any] = {
    "figure.facecolor": "none",
    "figure.dpi": 96,
    "savefig.facecolor": "none",
    "savefig.dpi": 192,
    "svg.fonttype": "path",
    "svg.hashsalt": "adautomix",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "mathtext.fontset": "cm",
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Series:
    """Name and colour of one labelled series."""

    name: str
    colour: str


def use() -> None:
    """Apply the style to this process; inside IPython, show figures as SVG without a date.

    In a notebook that is run for the book a figure also has an output as PDF, for readers to take.
    """
    mpl.rcParams.update(RC)
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    backend: Any = InlineBackend.instance(parent=shell)
    backend.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Date": None}}
    backend.figure_formats = {"svg"}
    set_matplotlib_formats("svg")
    if in_book():
        shell.display_formatter.formatters["application/pdf"].for_type(Figure, pdf_bytes)


def slug(label: str) -> str:
    """Return a label as part of a key that prose quotes.

    >>> slug("AutoMix, constant masks")
    'automix_constant_masks'
    """
    return "_".join(re.findall(r"\w+", label.lower()))


def series(labels: Iterable[str]) -> dict[str, Series]:
    """Return a name and a colour for each label: a method's own, else the next unused colour.

    Other labels, e.g. of an ablation, begin with AdAutoMix's colour, as they are its variants.
    """
    wanted = list(labels)
    own = {key: each.colour for key, each in REGISTRY.items() if each.colour is not None}
    taken = {own[label] for label in wanted if label in own}
    free = [own[key] for key in dict.fromkeys([*FIRST, *own]) if own[key] not in taken]
    shown = {}
    for label in wanted:
        colour = own.get(label) or (free.pop(0) if free else MUTED)
        shown[label] = Series(title_of(label), colour)
    return shown


def darker(colour: ColorType, share: float = 0.3) -> str:
    """Return `colour` mixed with `share` of `INK`: text needs more contrast than a line."""
    red, green, blue = (
        (1 - share) * c + share * i for c, i in zip(to_rgb(colour), to_rgb(INK), strict=True)
    )
    return to_hex((red, green, blue))


def axes_for(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """Return `ax` and its figure, or a new figure of one axes, `width` by `height` inches.

    The new figure is not registered with pyplot, so a notebook shows it only once.
    """
    if ax is None:
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()
    whole = ax.get_figure(root=True)
    if whole is None:
        raise InputError("the axes were removed from their figure: give others, or none.")
    return whole, ax


def svg_bytes(figure: Figure) -> bytes:
    """Return the figure as SVG: the same bytes each time, whether or not `use()` was called."""
    settings = {key: RC[key] for key in ("svg.fonttype", "svg.hashsalt")}
    return _saved(figure, "svg", settings, {"Date": None})


def pdf_bytes(figure: Figure) -> bytes:
    """Return the figure as PDF, with its fonts: the same bytes each time."""
    with _of_fonts(logging.ERROR):  # of the dates in the fonts of formulas, fontTools warns
        return _saved(figure, "pdf", {"pdf.fonttype": 42}, {"CreationDate": None})


@contextmanager
def _of_fonts(level: int) -> Iterator[None]:
    """Show only what fontTools, which packs the fonts, says at this level or above."""
    logger = logging.getLogger("fontTools")
    usual = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(usual)


def _saved(figure: Figure, kind: str, settings: dict[Any, Any], metadata: dict[str, None]) -> bytes:
    """Return a file of the figure, drawn with these settings.

    A copy is drawn, because the positions of the axes depend on earlier drawings of a figure.
    """
    buffer = io.BytesIO()
    with mpl.rc_context(settings):
        _copy(figure).savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _copy(figure: Figure) -> Figure:
    """Return a deep copy that is not registered with pyplot, even if the figure is."""
    manager, figure.canvas.manager = figure.canvas.manager, None
    try:
        return copy.deepcopy(figure)
    finally:
        figure.canvas.manager = manager
