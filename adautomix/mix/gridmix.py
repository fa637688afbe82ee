"""GridMix (Baek et al., 2021), as benchmarked: another image is pasted into a grid of squares."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.mix.base import Mixed, batch_shape, check_alpha, paste, per_batch_or_sample
from adautomix.rng import Device, StepRNG

AREA = (0.5, 1.0)
"""Range of the area of the region with holes, as a fraction of the image."""
ASPECT = (0.5, 2.0)
"""Range of the height divided by the width of the region with holes."""
OVERHANGS = ("clip", "wrap")


@dataclass(frozen=True)
@checked
class GridMix:
    """Holes of side int(cell · √(1 − λ)) in square cells that tile a random region of the image.

    λ ~ Beta(alpha, alpha). The partner shows through the holes. The region covers between half and
    all of the image and is 2 to 6 cells wide. A hole is at least one pixel wide and at least one
    pixel narrower than its cell, so the ratios, which are the areas actually shown, are far from λ:
    at alpha 1 and 32 × 32 pixels the mean ratio of the image is 0.71.

    This is the grid of GridMixup, which OpenMixup and hence the paper's tables call GridMix. The
    losses on labels of patches, also part of Baek et al.'s method, do not belong to a mixing rule.

    Attributes:
        alpha: concentration of the Beta distribution. The tables of OpenMixup for CIFAR-100 use
            0.2, the logs of AdAutoMix's authors 1.
        fewest: minimum number of cells across the region; 2 as benchmarked.
        most: maximum number of cells across the region; 6 as benchmarked. No cell is narrower than
            2 pixels.
        overhang: "clip" a region that is longer than the image, or let it "wrap", see below.
        per: one grid per "batch" (as published) or per "sample".

    Differs from the published code: there, 45 % of the regions (at 32 × 32 pixels) are higher or
    wider than the image and may start at a negative index, which Python counts from the end: holes
    before the first pixel appear at the last ones, and holes across the border vanish.
    `overhang="wrap"` does the same; its mean ratio is 0.72.
    """

    alpha: float = 1.0
    fewest: int = 2
    most: int = 6
    overhang: str = "clip"
    per: str = "batch"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not 1 <= self.fewest <= self.most:
            raise InputError(
                "the cells across GridMix's region need 1 <= fewest <= most, "
                f"not fewest={self.fewest} and most={self.most}."
            )
        if self.overhang not in OVERHANGS:
            raise unknown("overhang of GridMix", self.overhang, OVERHANGS)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        grid = self.grid(rng, count, height, width, images.device)
        rows = holes(grid.top, grid.height, grid.cell, grid.hole, height)
        columns = holes(grid.left, grid.width, grid.cell, grid.hole, width)
        return paste(images, partners, rows[:, :, None] & columns[:, None, :])

    def grid(
        self, rng: StepRNG, count: int, height: int, width: int, device: Device = "cpu"
    ) -> "Grid":
        """Return `count` random grids for images of `height` by `width` pixels."""
        own = rng.beta(self.alpha, (count,), device)
        area = torch.floor(height * width * rng.uniform(*AREA, (count,), device))
        aspect = rng.uniform(*ASPECT, (count,), device)
        across = torch.floor(torch.sqrt(area / aspect))
        down = torch.floor(across * aspect)
        if self.overhang == "clip":
            across, down = across.clamp(max=width), down.clamp(max=height)
        cells = rng.integers(self.fewest, self.most + 1, (count,), device)
        cell = torch.ceil(across / cells.minimum(across // 2).clamp(min=1))
        hole = torch.floor(cell * torch.sqrt(1 - own)).clamp(min=1).minimum(cell - 1)
        top, left = rng.uniform(0.0, 1.0, (2, count), device)
        top, left = torch.trunc((height - down) * top), torch.trunc((width - across) * left)
        return Grid(top, left, down, across, cell, hole)


@dataclass(frozen=True)
class Grid:
    """Position and size of the holes of each of several grids, in whole pixels.

    Attributes:
        top: first row of the region.
        left: first column of the region.
        height: height of the region.
        width: width of the region.
        cell: side of the cells that tile the region from its top left corner.
        hole: side of the hole in the top left corner of each cell.
    """

    top: Float[Tensor, " b"]
    left: Float[Tensor, " b"]
    height: Float[Tensor, " b"]
    width: Float[Tensor, " b"]
    cell: Float[Tensor, " b"]
    hole: Float[Tensor, " b"]


def holes(
    start: Float[Tensor, " b"],
    size: Float[Tensor, " b"],
    cell: Float[Tensor, " b"],
    hole: Float[Tensor, " b"],
    length: int,
) -> Bool[Tensor, "b length"]:
    """Return which of `length` pixels along one axis lie in a hole.

    Positions below 0 count from the end; a hole that extends across 0 is left out.

    Args:
        start: first pixel of the region.
        size: length of the region.
        cell: side of its cells.
        hole: side of the hole at the start of each cell.
        length: pixels of the image along this axis.
    """
    pixel = torch.arange(length, device=start.device)
    start, size, cell, hole = (side[:, None] for side in (start, size, cell, hole))
    found = torch.zeros(len(start), length, dtype=torch.bool, device=start.device)
    for position in (pixel, pixel - length):
        offset = position - start
        first = start + torch.floor(offset / cell) * cell
        stop = torch.minimum(first + hole, start + size)
        inside = (offset >= 0) & (position >= first) & (position < stop)
        found |= inside & ((first >= 0) | (stop < 0))
    return found
