"""Mixup (Zhang et al., 2018): every pixel is the same convex combination of two images."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from adautomix.fields import checked
from adautomix.mix.base import (
    Mixed,
    batch_shape,
    blend_pair,
    check_alpha,
    drawn,
    per_batch_or_sample,
)
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class Mixup:
    """x̃ = λ x_a + (1 − λ) x_b with λ ~ Beta(alpha, alpha).

    Attributes:
        alpha: concentration of the Beta distribution; 1 is uniform.
        per: one λ per "batch" (as published) or per "sample".
    """

    alpha: float = 1.0
    per: str = "batch"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.alpha, (per_batch_or_sample(self.per, batch),), images.device)
        ratios = drawn(own, images)
        shares = ratios[:, :, None, None].to(images.dtype)
        mixed = blend_pair(images, partners, shares)
        return Mixed(mixed, partners, ratios, shares.expand(batch, 2, height, width))
