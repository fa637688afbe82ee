"""Who trains what: every pull is shown in its cell, every missing pull as a dash."""

import pytest
from matplotlib.patches import FancyBboxPatch

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures import Network, Pull, Term

NETWORKS = [
    Network("classifier", "classifier", r"$\psi_W$", "SGD\non Eq. 14"),
    Network("generator", "generator", r"$G_\theta$", "ascent\non Eq. 15"),
    Network("teacher", "teacher", r"$\psi_{\hat{W}}$", "moving average"),
]
TERMS = [
    Term(
        r"$L_{amce}(\psi_W)$",
        "mixed images",
        {"classifier": Pull("minimises"), "generator": Pull("maximises")},
    ),
    Term(r"$L_{mce}(\psi_W)$", "mixed by ratio", {"classifier": Pull("minimises", r"\alpha")}),
    Term(r"$L_{cosine}$", "stays near", {"generator": Pull("maximises", r"1-\beta")}),
]


def cell(figure, row: int, column: int) -> str:
    """The text nearest to the centre of a cell, counted from the positions of the headings."""
    texts = figure.axes[0].texts
    x = next(t for t in texts if t.get_text() == NETWORKS[column].symbol).get_position()[0]
    y = next(t for t in texts if t.get_text() == TERMS[row].symbol).get_position()[1]
    near = min(texts, key=lambda t: abs(t.get_position()[0] - x) + abs(t.get_position()[1] - y))
    return near.get_text()


def test_each_cell_says_direction_and_weight_or_that_nothing_reaches() -> None:
    figure = figures.who_trains_what(TERMS, NETWORKS)
    shown = [[cell(figure, row, column) for column in range(3)] for row in range(3)]
    assert shown == [
        [r"$\downarrow\;\; 1$", r"$\uparrow\;\; 1$", "–"],
        [r"$\downarrow\;\; \alpha$", "–", "–"],
        ["–", r"$\uparrow\;\; 1-\beta$", "–"],
    ]


def test_opposite_directions_have_different_colours_and_the_key_shows_both() -> None:
    figure = figures.who_trains_what(TERMS, NETWORKS)
    pills = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    assert len(pills) == 4 + 2
    assert len({p.get_facecolor() for p in pills}) == 2


def test_names_updates_and_meanings_are_written_on_the_figure() -> None:
    figure = figures.who_trains_what(TERMS, NETWORKS)
    figure.draw_without_rendering()
    texts = figure.axes[0].texts
    written = {t.get_text() for t in texts}
    assert {n.name for n in NETWORKS} | {n.update for n in NETWORKS} <= written
    assert {t.meaning for t in TERMS} | {"updated by"} <= written
    page = figure.bbox
    extents = [t.get_window_extent() for t in texts]
    assert all(page.contains(e.x0, e.y0) and page.contains(e.x1, e.y1) for e in extents)


def test_a_wrong_game_is_refused_in_a_sentence() -> None:
    stranger = Term("$L$", "", {"critic": Pull("minimises")})
    with pytest.raises(InputError, match=r"unknown network of \$L\$ 'critic'.*known: classifier"):
        figures.who_trains_what([stranger], NETWORKS)
    sideways = Term("$L$", "", {"teacher": Pull("minimizes")})
    with pytest.raises(InputError, match="'minimizes': did you mean 'minimises'"):
        figures.who_trains_what([sideways], NETWORKS)
    with pytest.raises(InputError, match="terms is empty"):
        figures.who_trains_what([], NETWORKS)
    with pytest.raises(InputError, match="networks is empty"):
        figures.who_trains_what(TERMS, [])
