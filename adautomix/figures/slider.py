"""`RatioSlider`, mixed images and masks along λ as HTML: a slider, and without JavaScript a strip.

All frames lie in one embedded image, so the page needs no network. The table has a row for each
method and a column for each λ; the script hides all columns but one. Printed, all are shown.
"""

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import PIL.Image

from adautomix.errors import InputError
from adautomix.figures.checks import require_images, require_shape, require_unit
from adautomix.figures.sheet import HEAT
from adautomix.figures.style import series

HERE = Path(__file__).parent
STYLE = (HERE / "slider.css").read_text("utf-8")
SCRIPT = (HERE / "slider.js").read_text("utf-8")


@dataclass(frozen=True, eq=False)
class RatioSlider:
    """One set of images mixed by several methods at several ratios; a notebook shows it.

    Attributes:
        ratios: λ of image 1, ascending.
        parents: the images of the set, (n, h, w, 3), no more than there are ratios.
        mixed: method → mixed images, (ratios, h, w, 3).
        masks: method → masks of image 1, (ratios, h, w), in [0, 1].
        name: id of the element; each slider of a page needs its own.

    Raises:
        InputError: arrays of other shapes, or fewer than two ratios.
    """

    ratios: Sequence[float]
    parents: np.ndarray
    mixed: Mapping[str, np.ndarray]
    masks: Mapping[str, np.ndarray]
    name: str = "ratio-slider"

    def __post_init__(self) -> None:
        n, h, w, _ = require_images("parents", self.parents, ("n",)).shape
        t = len(self.ratios)
        if t < 2 or list(self.ratios) != sorted(set(self.ratios)):
            raise InputError("give two ratios or more, each once and ascending.")
        if n > t:
            raise InputError(f"{n} parents do not fit in a row of {t} ratios.")
        if self.mixed.keys() != self.masks.keys() or not self.mixed:
            raise InputError("give mixed images and masks of the same methods, at least one.")
        for method in self.mixed:
            require_shape("mixed", self.mixed[method], (t, h, w, 3))
            require_unit("masks", require_shape("masks", self.masks[method], (t, h, w)))

    def painted(self, method: str) -> list[float]:
        """Return the area of the mask of image 1 at each ratio, in percent."""
        return [100 * float(mask.mean()) for mask in self.masks[method]]

    def frames(self) -> np.ndarray:
        """Return all frames as one image: a row of the parents, then two rows for each method."""
        rows = [require_images("parents", self.parents, ("n",))]
        for method, mixed in self.mixed.items():
            heat = mpl.colormaps[HEAT](np.asarray(self.masks[method], float))[..., :3]
            rows += [require_images("mixed", mixed, ("t",)), np.round(heat * 255).astype(np.uint8)]
        spare = [(0, 0)] * 3
        filled = [np.pad(row, ((0, len(self.ratios) - len(row)), *spare)) for row in rows]
        return np.vstack([np.hstack(list(row)) for row in filled])

    def _repr_html_(self) -> str:
        """Return the element with its frames, its style and its script."""
        name, last = html.escape(self.name), len(self.ratios) - 1
        size = f"--across: {last + 1}; --down: {1 + 2 * len(self.mixed)}"
        parents = "".join(
            f"<span>{_tile(0, n, f'image {n + 1}')} image {n + 1}</span>"
            for n in range(len(self.parents))
        )
        heads = "".join(f'<th scope="col" data-ratio="{r:g}">{r:g}</th>' for r in self.ratios)
        return (
            f'<div class="ratio-slider" id="{name}" style="--sprite: url({_url(self.frames())}); '
            f'{size}"><style>{STYLE}</style><div class="parents">{parents}</div>'
            f'<div class="move" hidden><label for="{name}-at">λ of image 1</label>'
            f'<input id="{name}-at" type="range" min="0" max="{last}" value="{last // 2}">'
            f'<output for="{name}-at" aria-live="off"></output>'
            f'<span class="said" role="status"></span></div>'
            f'<table><thead><tr><th scope="col">λ of image 1</th>{heads}</tr></thead>'
            f"<tbody>{''.join(self._rows())}</tbody></table>"
            f"<script>{SCRIPT.replace('NAME', name)}</script></div>"
        )

    def _rows(self) -> Iterator[str]:
        """Yield a row of the table for each method: its name, and two frames at each ratio."""
        for m, (method, look) in enumerate(series(self.mixed).items()):
            title, cells = html.escape(look.name), ""
            for t, (ratio, area) in enumerate(zip(self.ratios, self.painted(method), strict=True)):
                where = f"{title} at λ = {ratio:g}"
                cells += (
                    f'<td data-at="{t}" data-said="{title} {area:.0f} % painted">'
                    f"{_tile(1 + 2 * m, t, f'{where}: mixed image')}"
                    f"{_tile(2 + 2 * m, t, f'{where}: mask of image 1')}"
                    f'<small>{area:.0f} %<span class="word"> painted</span></small></td>'
                )
            head = f'<th scope="row" style="--colour: {look.colour}">{title}</th>'
            yield f"<tr>{head}{cells}</tr>"


def _tile(row: int, column: int, said: str) -> str:
    """Return a frame by its place in the image of all frames, with what a screen reader says."""
    place = f"--row: {row}; --column: {column}"
    return f'<span class="tile" role="img" aria-label="{said}" style="{place}"></span>'


def _url(pixels: np.ndarray) -> str:
    """Return an image as the address of a PNG that holds it."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
