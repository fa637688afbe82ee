"""Figure of the game of classifier and generator: which network minimises which loss.

The content is passed in, so that this module does not depend on a method.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from adautomix.errors import unknown
from adautomix.figures.checks import require_some
from adautomix.figures.sheet import Box, Sheet
from adautomix.figures.style import FAINT, MUTED, WIDTH

LOOKS = {
    "minimises": (r"\downarrow", "#d6e6f4", "#0b4f7d"),
    "maximises": (r"\uparrow", "#fbe0cd", "#8f3d00"),
}
"""Direction → arrow, background colour of the cell, and colour of its text."""

HEAD = 0.62
ROW = 0.5
FOOT = 0.62
KEY = 0.34
FIRST = 3.0


@dataclass(frozen=True)
class Network:
    """A column: key and name of a network, its symbol in mathtext, and how it is updated."""

    key: str
    name: str
    symbol: str
    update: str


@dataclass(frozen=True)
class Pull:
    """The role of a loss for a network: "minimises" or "maximises", and its weight in mathtext."""

    direction: str
    weight: str = "1"


@dataclass(frozen=True)
class Term:
    """A row: a loss by its symbol in mathtext and in words, and its role for each network."""

    symbol: str
    meaning: str
    pulls: Mapping[str, Pull] = field(default_factory=dict)


def who_trains_what(terms: Sequence[Term], networks: Sequence[Network]) -> Figure:
    """Show which loss trains which network, with sign and weight, and how each is updated.

    An arrow down means that the network minimises the loss, up that it maximises it, with the
    weight in its objective; a dash means that no gradient of the loss reaches the network.
    """
    require_some("terms", terms)
    require_some("networks", networks)
    _check(terms, networks)
    sheet = Sheet.blank(WIDTH, HEAD + ROW * len(terms) + FOOT + KEY)
    width = (WIDTH - FIRST) / len(networks)
    _draw_names(sheet, terms)
    for i, network in enumerate(networks):
        _draw_network(sheet, network, terms, FIRST + i * width, width)
    bottom = HEAD + ROW * len(terms)
    for y in (HEAD, bottom):
        sheet.rule((0.0, WIDTH), y, MUTED)
    for row in range(1, len(terms)):
        sheet.rule((0.0, WIDTH), HEAD + row * ROW, FAINT)
    sheet.rule((0.0, WIDTH), bottom + FOOT, MUTED)
    _draw_key(sheet, bottom + FOOT + KEY / 2 + 0.05)
    return sheet.figure


def _check(terms: Sequence[Term], networks: Sequence[Network]) -> None:
    """Raise InputError for a pull of an unknown network or in an unknown direction."""
    keys = [network.key for network in networks]
    for term in terms:
        for key, pull in term.pulls.items():
            if key not in keys:
                raise unknown(f"network of {term.symbol}", key, keys)
            if pull.direction not in LOOKS:
                raise unknown(f"direction of {term.symbol}", pull.direction, LOOKS)


def _draw_names(sheet: Sheet, terms: Sequence[Term]) -> None:
    """Draw the first column: each loss in symbols and in words."""
    sheet.text(0.05, HEAD - 0.2, "loss", ha="left", weight="bold")
    for row, term in enumerate(terms):
        middle = HEAD + (row + 0.5) * ROW
        sheet.text(0.05, middle, term.symbol, ha="left", size=11.5)
        sheet.text(1.15, middle, term.meaning, ha="left", color=MUTED, linespacing=1.1)
    sheet.text(0.05, HEAD + len(terms) * ROW + FOOT / 2, "updated by", ha="left", weight="bold")


def _draw_network(
    sheet: Sheet, network: Network, terms: Sequence[Term], x: float, width: float
) -> None:
    """Draw one column: the network's name, the role of each loss, its update."""
    middle = x + width / 2
    sheet.text(middle, HEAD - 0.42, network.name, weight="bold")
    sheet.text(middle, HEAD - 0.17, network.symbol, size=11.5)
    for row, term in enumerate(terms):
        box = Box(x + 0.16, HEAD + row * ROW + 0.08, width - 0.32, ROW - 0.16)
        pull = term.pulls.get(network.key)
        if pull is None:
            sheet.text(*box.centre, "–", color=MUTED)
            continue
        arrow, ground, ink = LOOKS[pull.direction]
        sheet.pill(box, ground)
        sheet.text(*box.centre, rf"${arrow}\;\; {pull.weight}$", color=ink, size=11.5)
    foot = HEAD + len(terms) * ROW + FOOT / 2
    sheet.text(middle, foot, network.update, linespacing=1.25)


def _draw_key(sheet: Sheet, y: float) -> None:
    """Draw the legend of colours and arrows, in one line."""
    x = 0.05
    for direction, (arrow, ground, ink) in LOOKS.items():
        box = Box(x, y - 0.09, 0.26, 0.18)
        sheet.pill(box, ground)
        sheet.text(*box.centre, f"${arrow}$", color=ink, size=9)
        sheet.text(x + 0.34, y, f"{direction}, with this weight", ha="left", color=MUTED)
        x += 2.35
    sheet.text(x, y, "–   no gradient reaches it", ha="left", color=MUTED)
