"""`Sheet`, a figure laid out in inches from its top left corner, for images and pictured tables.

Positions are computed explicitly, not by a layout solver: every tile of a figure then has exactly
the same size, and the figure the same bytes each time.
"""

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyBboxPatch, Rectangle

from adautomix.figures.style import FAINT, INK, MUTED

TEXT = 9.0
HEAT = "magma"


@dataclass(frozen=True)
class Box:
    """A rectangle on the sheet, in inches: its top left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Sheet:
    """A figure with one axes in inches, y downwards, without ticks or frame."""

    figure: Figure
    ax: Axes

    @classmethod
    def blank(cls, width: float, height: float) -> "Sheet":
        figure = Figure(figsize=(width, height))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set_autoscale_on(False)
        ax.set(xlim=(0, width), ylim=(height, 0))
        return cls(figure, ax)

    def image(self, pixels: np.ndarray, box: Box) -> AxesImage:
        """Draw uint8 pixels (h, w, 3) in a box, each as a sharp square, in SVG as in PNG.

        With interpolation "none" an SVG holds the image at its own size, marked `pixelated`;
        "nearest" would resample it to the resolution of the figure, with pixels of two widths.
        """
        edges = (box.x, box.x + box.width, box.y + box.height, box.y)
        return self.ax.imshow(pixels, extent=edges, aspect="auto", interpolation="none")

    def heat(self, values: np.ndarray, box: Box, highest: float = 1.0) -> AxesImage:
        """Draw values (h, w) from 0 to `highest` as colours."""
        scaled = np.clip(np.asarray(values, float) / highest, 0, 1)
        rgb = mpl.colormaps[HEAT](scaled)[..., :3]
        return self.image(np.round(rgb * 255).astype(np.uint8), box)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        """Draw text, centred at a point by default."""
        self.ax.text(x, y, text, **{"ha": "center", "va": "center", "size": TEXT, **how})

    def heading(self, box: Box, text: str, **how: Any) -> None:
        """Draw text above a box."""
        self.text(box.centre[0], box.y - 0.07, text, **{"va": "bottom", **how})

    def frame(self, box: Box, **how: Any) -> None:
        """Draw the outline of a box."""
        how = {"fill": False, "edgecolor": INK, "linewidth": 1.0, **how}
        self.ax.add_patch(Rectangle((box.x, box.y), box.width, box.height, **how))

    def pill(self, box: Box, colour: str) -> None:
        """Draw a filled box with round corners."""
        radius = min(box.width, box.height) * 0.22
        style = f"round,pad=0,rounding_size={radius}"
        corner = (box.x, box.y)
        shape = FancyBboxPatch(corner, box.width, box.height, boxstyle=style, fc=colour, ec="none")
        self.ax.add_patch(shape)

    def rule(self, x: tuple[float, float], y: float, colour: str = FAINT) -> None:
        """Draw a thin horizontal line."""
        self.ax.plot(x, (y, y), color=colour, linewidth=0.8, solid_capstyle="butt")

    def scale(self, box: Box, highest: str = "1") -> None:
        """Draw the colour scale of `heat`, from 0 to `highest`."""
        self.heat(np.linspace(0, 1, 64)[None], box)
        middle = box.centre[1]
        self.text(box.x - 0.05, middle, "0", ha="right", color=MUTED, size=8.5)
        self.text(box.x + box.width + 0.05, middle, highest, ha="left", color=MUTED, size=8.5)
