"""CutMix (Yun et al., 2019): a box of one image is replaced by the same box of another."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.fields import checked
from adautomix.mix.base import Mixed, batch_shape, check_alpha, paste, per_batch_or_sample
from adautomix.mix.boxes import rectangle
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class CutMix:
    """A box of relative area 1 − λ around a uniform centre, clipped at the border.

    λ ~ Beta(alpha, alpha). The ratios are the areas actually shown. A side of an odd number of
    pixels is one pixel shorter, as published and in torchvision; timm keeps it from 1.0.29 on.

    Attributes:
        alpha: concentration of the Beta distribution; 1 is uniform.
        per: one box per "batch" (as published) or per "sample".
    """

    alpha: float = 1.0
    per: str = "batch"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.alpha, (count,), images.device)
        centres = rng.uniform(0.0, 1.0, (2, count), images.device)
        return paste(images, partners, box(own, centres, height, width).bool())


def box(
    ratios: Float[Tensor, " b"], centres: Float[Tensor, "2 b"], height: int, width: int
) -> Float[Tensor, "b h w"]:
    """Return masks of 1 inside the box and 0 outside: sides int(side · √(1 − λ)), clipped."""
    return rectangle(torch.sqrt(1 - ratios), centres, height, width)
