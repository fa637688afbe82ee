"""ResizeMix (Qin et al., 2020): the whole partner is shrunk and pasted into a box of the image."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.mix.base import Mixed, areas, batch_shape, identity_indices, per_batch_or_sample
from adautomix.mix.boxes import between, span
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class ResizeMix:
    """A box of τ times the sides of the image, τ ~ U(low, high), around a uniform centre.

    The box is clipped at the border, and the partner is resized to what remains, so its aspect
    ratio changes there. Resizing is nearest-neighbour, as by `torch.nn.functional.interpolate`. The
    ratios are the areas actually shown. The masks say where the partner is shown and `sources`
    which of its pixels are shown there, so the images are not `blend(images, partners, masks)`.

    Attributes:
        low: smallest scale τ; 0.1 as published.
        high: largest scale τ; 0.8 as published. OpenMixup on CIFAR-100 samples τ ~ Beta(1, 1) and,
            if it is outside [low, high], again from U(low, high): the same distribution.
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
    """Return, along one axis, which pixels lie in the box and the source pixel of each.

    Pixel p shows source pixel (p − start) · length // (stop − start), clamped to 0..length − 1
    outside the box.
    """
    pixel = torch.arange(length, device=start.device)
    size = (stop - start).clamp(min=1).long()
    source = (pixel - start.long()[:, None]) * length // size[:, None]
    return between(start, stop, length), source.clamp(0, length - 1)
