"""Attentive CutMix (Walawalkar et al., 2020): only the most attended cells of an image are kept."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.mix.base import Mixed, batch_shape, check_alpha, paste, per_batch_or_sample
from adautomix.mix.importance import resized
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class AttentiveCutMix:
    """The k most important cells show the image; all other cells show its partner.

    The grid of cells is that of the given importance map. The ratios are the areas actually shown.

    Attributes:
        share: fraction of the cells that is kept, k = max(1, round(share · cells)); 6 of 7 × 7 as
            published. With None, λ ~ Beta(alpha, alpha) and k = max(1, int(λ · cells)), as the
            benchmark's "AttentiveMix+" does with alpha = 2.
        alpha: concentration of that Beta distribution; 1 is uniform.
        per: one λ per "batch" (as in the benchmark) or per "sample"; without effect if `share` is
            given.
    """

    share: float | None = 6 / 49
    alpha: float = 2.0
    per: str = "batch"

    guide: ClassVar[str] = "attention"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"the share of kept cells must lie in (0, 1], not {self.share}.")

    def __call__(
        self,
        images: Float[Tensor, "b c h w"],
        rng: StepRNG,
        importance: Float[Tensor, "b rows columns"],
    ) -> Mixed:
        batch, height, width = batch_shape(images, rng, importance)
        partners = rng.partners(batch, 2, images.device)
        kept = top_cells(importance, self._count(importance, rng))
        own = resized(kept.to(images.dtype), (height, width), mode="nearest")
        return paste(images, partners, ~own.bool())

    def _count(self, importance: Tensor, rng: StepRNG) -> Int[Tensor, " b"]:
        batch, cells, where = len(importance), importance[0].numel(), importance.device
        if self.share is None:
            drawn = per_batch_or_sample(self.per, batch)
            count = (rng.beta(self.alpha, (drawn,), where) * cells).long()
        else:
            count = torch.full((1,), round(self.share * cells), device=where)
        return count.clamp(1, cells).expand(batch)


def top_cells(
    importance: Float[Tensor, "b rows columns"], count: Int[Tensor, " b"]
) -> Float[Tensor, "b rows columns"]:
    """Return maps of 1 in the `count[b]` most important cells of map b and 0 elsewhere.

    Of equal cells the first in row-major order is taken.
    """
    order = importance.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)
    kept = rank < count[:, None]
    return kept.view_as(importance).to(importance.dtype)
