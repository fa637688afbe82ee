"""Placeholder for a figure without recorded runs."""

from matplotlib.figure import Figure

from adautomix.figures.style import MUTED, WIDTH, axes_for


def blank(words: str) -> Figure:
    """Return an empty figure with a text that says why it is empty."""
    figure, ax = axes_for(None, WIDTH, 0.8)
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=MUTED, size=11)
    return figure
