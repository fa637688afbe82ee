"""Cutout (DeVries & Taylor, 2017): a square hole in each image; nothing is mixed."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.mix.base import Mixed, areas, batch_shape
from adautomix.mix.boxes import rectangle
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class Cutout:
    """A box of the mean colour (0 in a normalised image) around a uniform centre, clipped.

    Each image is a set of its own, n = 1. `masks` are 0 in the hole, which shows no image, so they
    do not sum to 1 there; `ratios` are, as for every rule, the share of the image that is shown,
    here less than 1. The label keeps its full weight: `weights` are 1.

    Attributes:
        side: side of the box as a fraction of the image's; the default is the Cutout paper's for
            CIFAR-100, 8 of 32 pixels. That paper uses 16 pixels for CIFAR-10 and 20 for SVHN.
    """

    side: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise InputError(f"the side of Cutout's box must lie in (0, 1], not {self.side}.")

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        itself = torch.arange(batch, device=images.device)[:, None]
        centres = rng.uniform(0.0, 1.0, (2, batch), images.device)
        hole = rectangle(torch.full_like(centres[0], self.side), centres, height, width)
        masks = (1 - hole).to(images.dtype)[:, None]
        kept = areas(masks)
        return Mixed(images * masks, itself, kept, masks, torch.ones_like(kept))
