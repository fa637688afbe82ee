"""A figure in the place of one that there are no runs for yet."""

from matplotlib.figure import Figure

from adautomix.figures.style import MUTED, WIDTH, axes_for


def blank(words: str) -> Figure:
    """An empty field that says why it is empty."""
    figure, ax = axes_for(None, WIDTH, 0.8)
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=MUTED, size=11)
    return figure
