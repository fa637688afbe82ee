"""What masks are like: what they keep of each object, how sharp they are, how they follow λ."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adautomix.evaluate import checks
from adautomix.mix import Mixed
from adautomix.mix.base import areas


def shown(mixed: Mixed) -> Float[Tensor, "b n h w"]:
    """How much of each of partner n's own pixels is painted, wherever that is, in [0, 1].

    These are the masks, but for the rules that move pixels: there each mask is carried back to
    where its pixels come from. A pixel that is painted twice, in an enlarged image, counts once.
    """
    if mixed.sources is None:
        return mixed.masks
    painted = torch.zeros_like(mixed.masks).flatten(2)
    painted.scatter_add_(2, mixed.sources.flatten(2), mixed.masks.flatten(2))
    return painted.clamp(max=1).view_as(mixed.masks)


def object_coverage(mixed: Mixed, objects: Bool[Tensor, "b h w"]) -> Float[Tensor, "b n"]:
    """The share of partner n's object pixels that are painted, in [0, 1].

    `objects` mark the object's pixels of each image of the batch. A mask that knows nothing of the
    objects keeps 1/N on average, whatever the ratios; one that avoids covering one object with
    another's background keeps more. InputError for other objects than bool of one mark a pixel.
    """
    checks.check_objects(objects, (len(objects), *mixed.masks.shape[2:]))
    theirs = objects[mixed.partners].to(mixed.ratios.dtype)
    return (shown(mixed) * theirs).sum(dim=(2, 3)) / theirs.sum(dim=(2, 3)).clamp(min=1)


@torch.no_grad()
def describe_masks(mixed: Mixed) -> dict[str, float]:
    """Two numbers for a batch of masks.

    - mask_peak: the mean over pixels of the largest of the N masks: 1/N where all images are
      equally present, 1 where every pixel belongs to one image.
    - area_gap: the mean distance |area of the mask − λ|: how far the label is from what was
      painted.
    """
    return {
        "mask_peak": float(mixed.masks.amax(dim=1).mean()),
        "area_gap": float((areas(mixed.masks) - mixed.ratios).abs().mean()),
    }
