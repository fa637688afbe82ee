"""ResizeMix (Qin et al., 2020): another image, shrunk as a whole, is pasted into a box."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.checked import checked
from adautomix.errors import InputError
from adautomix.mix.base import Mixed, areas, batch_shape, identity_indices, per_batch_or_sample
from adautomix.mix.boxes import between, span
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class ResizeMix:
    """A box of τ times the sides of the image, τ ~ U(low, high), around a uniform centre.

    The box is clipped at the border, and the partner fits into what is left, so its aspect changes
    there. Pixels are picked, not averaged ("nearest" of `torch.nn.functional.interpolate`). The
    ratios are those of the area really painted. The masks say where the partner is seen and
    `sources` which of its pixels are seen there, so the images are not
    `blend(images, partners, masks)`.

    Attributes:
        low: of the scale τ, as published.
        high: of the scale τ, as published. OpenMixup on CIFAR-100 draws τ ~ Beta(1, 1) and, where
            it is not within these, again from U(low, high): the same distribution.
        per: one box per "batch" (as published) or per "sample".
    """

    low: float = 0.1
    high: float = 0.8
    per: str = "batch"

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high <= 1:
            raise InputError(
                "the scale of ResizeMix needs 0 < low <= high <= 1, "
                f"not low={self.low} and high={self.high}."
            )

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        scale = rng.uniform(self.low, self.high, (count,), images.device)
        centres = rng.uniform(0.0, 1.0, (2, count), images.device)
        seen_rows, rows = fit(*span(scale, centres[0], height), height)
        seen_columns, columns = fit(*span(scale, centres[1], width), width)
        inside = (seen_rows[:, :, None] & seen_columns[:, None, :]).expand(batch, height, width)
        shrunk = images[
            partners[:, 1, None, None, None],
            torch.arange(images.shape[1], device=images.device)[:, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        ]
        masks = torch.stack([~inside, inside], dim=1).to(images.dtype)
        mixed = torch.where(inside[:, None], shrunk, images)
        picked = rows[:, :, None] * width + columns[:, None, :]
        own = identity_indices(height, width, images.device).expand_as(picked)
        sources = torch.stack([own, picked], dim=1).expand(batch, 2, height, width)
        return Mixed(mixed, partners, areas(masks), masks, sources=sources)


def fit(
    start: Float[Tensor, " b"], stop: Float[Tensor, " b"], length: int
) -> tuple[Bool[Tensor, "b length"], Int[Tensor, "b length"]]:
    """Along one axis: which pixels lie in the box, and which source pixel each of them shows.

    Pixel p shows the source's (p − start) · length // (stop − start); outside the box the nearest
    that exists.
    """
    pixel = torch.arange(length, device=start.device)
    size = (stop - start).clamp(min=1).long()
    source = (pixel - start.long()[:, None]) * length // size[:, None]
    return between(start, stop, length), source.clamp(0, length - 1)
