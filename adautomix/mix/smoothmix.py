"""SmoothMix (Lee et al., 2020): another image is blended in with a Gaussian mask."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.errors import unknown
from adautomix.fields import checked
from adautomix.mix.base import Mixed, areas, batch_shape, blend_pair, per_batch_or_sample, weighing
from adautomix.rng import StepRNG

LABELS = ("share", "inverted")


@dataclass(frozen=True)
@checked
class SmoothMix:
    """x̃ = (1 − G) x_a + G x_b with a Gaussian mask G of height 1 around a uniform centre.

    σ ~ U(0.25, 0.5) of the image's sides. The ratios are the means of 1 − G and G; no Beta
    distribution is used.

    Attributes:
        labels: "share" weighs the labels by the ratios, "inverted" by the exchanged ratios, see
            below.
        per: one mask per "batch" (as published) or per "sample".

    Differs from the published code: OpenMixup shows 1 − G of the image itself and weighs its label
    by the mean of G: on average 0.43 where 0.57 is shown. `labels="inverted"` does the same.
    OpenMixup also moves the centre by whole pixels and takes σ from the height alone.
    """

    labels: str = "share"
    per: str = "batch"

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise unknown("weight of SmoothMix's labels", self.labels, LABELS)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        sigma = rng.uniform(0.25, 0.5, (count,), images.device)
        centres = rng.uniform(0.0, 1.0, (2, count), images.device)
        painted = bell(sigma, centres, height, width).to(weighing(images))
        masks = torch.stack([1 - painted, painted], dim=1)
        ratios, masks = areas(masks).expand(batch, 2), masks.to(images.dtype)
        weights = ratios.flip(1) if self.labels == "inverted" else None
        mixed = blend_pair(images, partners, masks)
        masks = masks.expand(batch, 2, height, width)
        return Mixed(mixed, partners, ratios, masks, weights)


def bell(
    sigma: Float[Tensor, " b"], centres: Float[Tensor, "2 b"], height: int, width: int
) -> Float[Tensor, "b h w"]:
    """Return exp(−distance² / 2σ²) at the centre of each pixel.

    `sigma` and `centres` (row, column) are fractions of the image's sides.
    """
    along = []
    for centre, length in zip(centres, (height, width), strict=True):
        middle = (torch.arange(length, device=sigma.device) + 0.5) / length
        distance = (middle - centre[:, None]) / sigma[:, None]
        along.append(torch.exp(-(distance**2) / 2))
    rows, columns = along
    return rows[:, :, None] * columns[:, None, :]
