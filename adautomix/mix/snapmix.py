"""SnapMix (Huang et al., 2021): a resized box is pasted, and labels are weighed by CAMs."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.fields import checked
from adautomix.mix.base import (
    Mixed,
    areas,
    batch_shape,
    check_alpha,
    identity_indices,
    per_batch_or_sample,
    weighing,
)
from adautomix.mix.boxes import between, span
from adautomix.mix.importance import resized, shares
from adautomix.rng import StepRNG


@dataclass(frozen=True)
class Box:
    """First row and column of a box in each image, and the first ones after it."""

    top: Float[Tensor, " b"]
    bottom: Float[Tensor, " b"]
    left: Float[Tensor, " b"]
    right: Float[Tensor, " b"]


@dataclass(frozen=True)
@checked
class SnapMix:
    """A CutMix box of the partner is resized bilinearly into another CutMix box of the image.

    With S the share of an image's class activation map (CAM) that lies in its box, the label of the
    image has weight 1 − S_own, since its box is hidden, and that of its partner has S_partner. The
    two need not sum to 1. If either box is empty nothing is pasted and the weights are (1, 0).
    `ratios` and `masks` describe the pasted area as usual; its pixels come from another place of
    the partner, so the images are not `blend(images, partners, masks)`. `sources` give the nearest
    of the up to four pixels from which a resized one is interpolated.

    The rule needs no labels: if both images are of one class, the cross-entropy adds the two
    weights of that class.

    Attributes:
        alpha: concentration of the Beta distribution of both λ; 1 is uniform.
        per: one pair of random boxes per "batch" (as published) or per "sample".

    Differs from the published code: there a pair of one class gets the sum of the weights at
    *both* places, so that its cross-entropy counts twice; here it counts once.
    """

    alpha: float = 1.0
    per: str = "batch"

    guide: ClassVar[str] = "cam"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def __call__(
        self,
        images: Float[Tensor, "b c h w"],
        rng: StepRNG,
        importance: Float[Tensor, "b rows columns"],
    ) -> Mixed:
        batch, height, width = batch_shape(images, rng, importance)
        partners = rng.partners(batch, 2, images.device)
        covered, taken = (self._box(images, rng) for _ in range(2))
        cover, take = (inside(box, height, width) for box in (covered, taken))
        cover = cover * take.amax(dim=(1, 2), keepdim=True)  # an empty box covers nothing
        moved = move(images[partners[:, 1]], taken, covered)
        mixed = torch.where(cover[:, None] > 0, moved, images)
        masks = torch.stack([1 - cover, cover], dim=1).to(images.dtype).expand(batch, 2, -1, -1)
        cam = shares(resized(importance.float(), (height, width)))
        hidden = (cam * cover).sum(dim=(1, 2))
        shown = (cam[partners[:, 1]] * take).sum(dim=(1, 2)) * cover.amax(dim=(1, 2))
        weights = torch.stack([1 - hidden, shown], dim=1).to(weighing(images))
        sources = self._sources(taken, covered, batch, (height, width))
        return Mixed(mixed, partners, areas(masks), masks, weights, sources)

    def _sources(self, taken: Box, covered: Box, batch: int, size: tuple[int, int]) -> Tensor:
        height, width = size
        rows = _places((taken.top, taken.bottom), (covered.top, covered.bottom), height)
        columns = _places((taken.left, taken.right), (covered.left, covered.right), width)
        picked = rows.round().long()[:, :, None] * width + columns.round().long()[:, None, :]
        own = identity_indices(height, width, picked.device).expand_as(picked)
        return torch.stack([own, picked], dim=1).expand(batch, 2, height, width)

    def _box(self, images: Tensor, rng: StepRNG) -> Box:
        """Return a random CutMix box, of relative area 1 − λ and clipped, as `per` says."""
        count = per_batch_or_sample(self.per, len(images))
        side = torch.sqrt(1 - rng.beta(self.alpha, (count,), images.device))
        centres = rng.uniform(0.0, 1.0, (2, count), images.device)
        height, width = images.shape[-2:]
        return Box(*span(side, centres[0], height), *span(side, centres[1], width))


def inside(box: Box, height: int, width: int) -> Float[Tensor, "b h w"]:
    """Return masks of 1 inside the box and 0 outside."""
    rows, columns = between(box.top, box.bottom, height), between(box.left, box.right, width)
    return (rows[:, :, None] & columns[:, None, :]).float()


def move(images: Float[Tensor, "b c h w"], source: Box, target: Box) -> Float[Tensor, "b c h w"]:
    """Return the content of the boxes `source`, resized bilinearly into the boxes `target`.

    Corners are mapped to corners. Values outside `target` have no meaning. Each image is multiplied
    from both sides by a matrix of bilinear interpolation weights.
    """
    height, width = images.shape[-2:]
    down = _tents((source.top, source.bottom), (target.top, target.bottom), height)
    across = _tents((source.left, source.right), (target.left, target.right), width)
    precise = torch.promote_types(images.dtype, torch.float32)
    down, across = down.to(precise)[:, None], across.to(precise)[:, None]
    with torch.autocast(images.device.type, enabled=False):  # pixels keep their precision
        return (down @ images.to(precise) @ across.mT).to(images.dtype)


def _tents(
    source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], length: int
) -> Float[Tensor, "b length length"]:
    """Return, along one axis, the weight of each source pixel (last axis) in each pixel."""
    place = _places(source, target, length)
    pixel = torch.arange(length, device=place.device, dtype=place.dtype)
    return (1 - (place[:, :, None] - pixel).abs()).clamp(min=0)


def _places(
    source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], length: int
) -> Float[Tensor, "b length"]:
    """Return, along one axis, the position in the source, in pixels, that each pixel shows."""
    (first, behind), (start, stop) = (
        [x.double()[:, None] for x in ends] for ends in (source, target)
    )
    pixel = torch.arange(length, device=first.device, dtype=first.dtype)
    last = (behind - first - 1).clamp(min=0)
    along = (pixel - start) * last / (stop - start - 1).clamp(min=1)
    return first + along.clamp(min=0).minimum(last)
