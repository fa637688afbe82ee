"""CutMix (Yun et al., 2019): a box of one image is replaced by the same box of another."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import added, checked
from adautomix.mix.base import (
    LABELS,
    Mixed,
    batch_shape,
    check_alpha,
    drawn,
    paste,
    per_batch_or_sample,
)
from adautomix.mix.boxes import ODD, rectangle
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class CutMix:
    """A box of relative area 1 − λ around a uniform centre, clipped at the border.

    λ ~ Beta(alpha, alpha). The ratios are the areas actually shown.

    Attributes:
        alpha: concentration of the Beta distribution; 1 is uniform.
        per: one box per "batch" (as published) or per "sample".
        p: probability with which a batch, or an image of its own box, is mixed at all: 1 as in the
            paper; the authors' command for CIFAR-100 has 0.5.
        odd: a side of an odd number of pixels is one pixel "shorter", as in the authors' code and
            in torchvision, or "kept", as in timm from 1.0.29 on.
        labels: "shown" weighs the labels by the areas shown, as the authors' code; "drawn" by λ, as
            the paper's Eq. 1, of which a box clipped at the border shows less.
    """

    alpha: float = 1.0
    per: str = "batch"
    p: float = added(before=1.0)
    odd: str = added(before="shorter")
    labels: str = added(before="shown")

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not 0 <= self.p <= 1:
            raise InputError(f"the probability p of CutMix must lie in [0, 1], not {self.p}.")
        if self.odd not in ODD:
            raise unknown("treatment of odd sides", self.odd, ODD)
        if self.labels not in LABELS:
            raise unknown("weight of CutMix's labels", self.labels, LABELS)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.alpha, (count,), images.device)
        centres = rng.uniform(0.0, 1.0, (2, count), images.device)
        if self.p < 1:
            applied = rng.uniform(0.0, 1.0, (count,), images.device) < self.p
            own = torch.where(applied, own, 1.0)
        mixed = paste(images, partners, box(own, centres, height, width, self.odd).bool())
        return mixed if self.labels == "shown" else replace(mixed, weights=drawn(own, images))


def box(
    ratios: Float[Tensor, " b"],
    centres: Float[Tensor, "2 b"],
    height: int,
    width: int,
    odd: str = "shorter",
) -> Float[Tensor, "b h w"]:
    """Return masks of 1 inside the box and 0 outside: sides int(side · √(1 − λ)), clipped."""
    return rectangle(torch.sqrt(1 - ratios), centres, height, width, odd)
