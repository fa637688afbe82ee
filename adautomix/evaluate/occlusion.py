"""Occlusion by random PatchDrop (Naseer et al., 2021; Sec. 4.4): accuracy with dropped patches.

Table 7 and Fig. 5 drop 0 to 90 % of the 14 × 14 patches of 16 px of images of 224 px.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.labels import LEFT_OUT
from adautomix.errors import InputError
from adautomix.evaluate import checks
from adautomix.evaluate.checked_predict import checked_predict, ranks
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.predict import Predict
from adautomix.rng import StepRNG

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The shares of Table 7."""
ACROSS = 14
"""Cells along a side of the paper's images: 224 px in patches of 16 px."""


class Occlusion(NamedTuple):
    """Accuracy by share of dropped cells.

    Attributes:
        shares: fractions of dropped cells.
        accuracies: top-1 accuracies, fractions, on the same n images.
        n: number of images with a label.
        left_out: number of images left out, since their label is −100.
    """

    shares: tuple[float, ...]
    accuracies: tuple[float, ...]
    n: int
    left_out: int = 0


@dataclass(frozen=True)
class PatchDrop:
    """Drops random cells of images.

    Each image has its own random order of its cells, and a share r drops the first r of them,
    rounded to whole cells. The sets are nested: the cells dropped at 20 % include those dropped at
    10 %, which lowers the variance of the differences along the curve. The order of image i of a
    split depends on the seed and on i, not on the batches.

    Differs from the released code: there, one unseeded random set serves a whole batch
    (`shared=True`, here seeded), the grid is 14 × 14 of 224 px for any image, and zero is written
    into normalised images, which is the dataset's mean colour (`fill=info.mean`).

    Attributes:
        grid: cells along each side; None makes cells of side/14 px, rounded: 14 × 14 of 16 px at
            224, as in the paper, and 16 × 16 of 2 px at 32. If it does not divide the side, cells
            differ by one pixel.
        fill: value or colour of a dropped pixel, in [0, 1]; 0 is black, as in Naseer et al.
        shared: drop the same cells in all images of a batch.
        seed: of the orders.
    """

    grid: int | None = None
    fill: float | tuple[float, ...] = 0.0
    shared: bool = False
    seed: int = 0

    def rng(self) -> StepRNG:
        """Return the random numbers of one pass over a split, used image by image."""
        return StepRNG(self.seed, stream="evaluate")

    def orders(
        self, images: Float[Tensor, "b c h w"], rng: StepRNG
    ) -> Int[Tensor, "b rows columns"]:
        """Return the rank at which each cell is dropped: 0 to rows · columns − 1 in random order.

        Raises:
            InputError: more cells along a side than pixels, or none.
        """
        batch, _, height, width = images.shape
        grid = cells_along(min(height, width)) if self.grid is None else self.grid
        if not 1 <= grid <= min(height, width):
            raise InputError(
                f"a grid of {grid} × {grid} cells does not fit images of {height} × {width} px: "
                f"choose a grid between 1 and {min(height, width)}."
            )
        sets = 1 if self.shared else batch
        keys = rng.uniform(0.0, 1.0, (sets, grid * grid))
        order = keys.argsort(dim=1, stable=True).argsort(dim=1)  # the rank of each cell's key
        return order.view(sets, grid, grid).expand(batch, grid, grid).to(images.device)

    def __call__(
        self,
        images: Float[Tensor, "b c h w"],
        orders: Int[Tensor, "b rows columns"],
        share: float,
    ) -> Float[Tensor, "b c h w"]:
        """Return a copy of the images in which the first `share` of the cells is filled.

        Raises:
            InputError: a colour of another number of channels, or not in [0, 1].
        """
        fill = torch.tensor(self.fill, dtype=images.dtype).view(-1, 1, 1)  # checked on the host
        if len(fill) not in (1, images.shape[1]) or not ((fill >= 0) & (fill <= 1)).all():
            raise InputError(
                f"fill must be a value in [0, 1], or one for each of the images' {images.shape[1]} "
                f"channels, not {self.fill}."
            )
        dropped = orders < round(share * orders[0].numel())
        gone = _enlarge(dropped, *images.shape[2:])[:, None]
        return torch.where(gone, fill.to(images.device), images)


def cells_along(side: int) -> int:
    """Return the number of cells of side/14 px, rounded, along a side: 14 for 224, 16 for 32 px."""
    return round(side / max(1, round(side / ACROSS)))


def _enlarge(cells: Tensor, height: int, width: int) -> Tensor:
    """Enlarge cells to pixels: "b rows columns" to "b h w"."""
    rows = torch.arange(height, device=cells.device) * cells.shape[1] // height
    columns = torch.arange(width, device=cells.device) * cells.shape[2] // width
    return cells[:, rows][:, :, columns]


@torch.no_grad()
def occlusion(
    predict: Predict,
    batches: Iterable,
    drop: PatchDrop | None = None,
    *,
    shares: Sequence[float] = SHARES,
) -> Occlusion:
    """Compute the top-1 accuracy at each share of dropped cells (Fig. 5, Table 7).

    Args:
        predict: pixels in [0, 1], "b c h w", to logits "b k" (see `NormalizedModel`); a module is
            run in evaluation mode.
        batches: (pixels, labels) pairs of any size, on the device of `predict`; for the labels
            see `accuracy`.
        drop: the cells and their fill; by default black cells of side/14 px.
        shares: fractions of cells to drop, in [0, 1].

    Raises:
        InputError: see `accuracy`; or no images, no shares or a share outside [0, 1], a grid or a
            colour that does not fit.
    """
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise InputError(f"shares of dropped cells lie in [0, 1], not {tuple(shares)}.")
    drop = drop or PatchDrop()
    rng = drop.rng()
    kept: Tensor | int = 0
    gone: Tensor | int = 0
    correct: list[Tensor | int] = [0] * len(shares)
    with checked_predict(predict) as checked:
        for pixels, labels in checked.pairs(batches):
            checks.check_images(pixels)
            orders = drop.orders(pixels, rng)
            for i, share in enumerate(shares):
                found = checked(drop(pixels, orders, share), labels)
                correct[i] = correct[i] + (ranks(found) == 0).sum()
            kept = kept + (found.labels != LEFT_OUT).sum()
            gone = gone + (found.labels == LEFT_OUT).sum()
    n = int(kept)
    if n == 0:
        raise InputError(
            "there are no images to evaluate: the batches are empty, or all labels are −100."
        )
    accuracies = tuple(int(count) / n for count in correct)
    return Occlusion(tuple(shares), accuracies, n, int(gone))


@dataclass(frozen=True)
class Occlusions:
    """The evaluation "occlusion": accuracy with dropped cells (Fig. 5, Table 7).

    Attributes:
        shares: fractions of dropped cells.
        grid, fill, shared, seed: see `PatchDrop`; the fill "mean" is the dataset's mean colour.
        per_class: evaluate the first `per_class` images of each class; None for all.
    """

    shares: tuple[float, ...] = SHARES
    grid: int | None = None
    fill: float | str = 0.0
    shared: bool = False
    seed: int = 0
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """Return the accuracies "dropped_30" etc. in percent of cells, their "mean", and "n"."""
        drop = PatchDrop(self.grid, self._colour(context.data.info), self.shared, self.seed)
        batches = context.pixels(self.per_class)
        found = occlusion(context.on_pixels, batches, drop, shares=self.shares)
        rows = zip(found.shares, found.accuracies, strict=True)
        values = {f"dropped_{round(100 * share):02d}": value for share, value in rows}
        return {"mean": sum(values.values()) / len(values), "n": found.n, **values}

    def _colour(self, info: DatasetInfo) -> float | tuple[float, ...]:
        if self.fill == "mean":
            return info.mean
        if isinstance(self.fill, str):
            raise InputError(f'fill must be a value in [0, 1] or "mean", not {self.fill!r}.')
        return self.fill
