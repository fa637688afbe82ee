"""Statistics of masks: coverage of the objects, sharpness, and agreement of area and λ."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adautomix.evaluate import checks
from adautomix.mix import Mixed
from adautomix.mix.base import areas


def shown(mixed: Mixed) -> Float[Tensor, "b n h w"]:
    """Return how much of each pixel of partner n is shown anywhere in the mixed image, in [0, 1].

    These are the masks, except for rules that move pixels: there each mask is mapped back to where
    its pixels come from. A pixel that is shown twice, in an enlarged image, counts once.
    """
    if mixed.sources is None:
        return mixed.masks
    painted = torch.zeros_like(mixed.masks).flatten(2)
    painted.scatter_add_(2, mixed.sources.flatten(2), mixed.masks.flatten(2))
    return painted.clamp(max=1).view_as(mixed.masks)


def object_coverage(mixed: Mixed, objects: Bool[Tensor, "b h w"]) -> Float[Tensor, "b n"]:
    """Return the share of partner n's object pixels that are shown, in [0, 1].

    `objects` are True on the object's pixels of each image of the batch. A mask that is independent
    of the objects covers 1/N on average, whatever the ratios; one that avoids covering one object
    with another image's background covers more. Raises InputError unless `objects` are bool with
    one value for each pixel.
    """
    checks.check_objects(objects, (len(objects), *mixed.masks.shape[2:]))
    theirs = objects[mixed.partners].to(mixed.ratios.dtype)
    return (shown(mixed) * theirs).sum(dim=(2, 3)) / theirs.sum(dim=(2, 3)).clamp(min=1)


@torch.no_grad()
def describe_masks(mixed: Mixed) -> dict[str, float]:
    """Return two statistics of a batch of masks.

    - mask_peak: mean over pixels of the largest of the N masks: 1/N if all images have equal weight
      everywhere, 1 if every pixel shows one image.
    - area_gap: mean |area of the mask − λ|: the difference of the image from its label.
    """
    return {
        "mask_peak": float(mixed.masks.amax(dim=1).mean()),
        "area_gap": float((areas(mixed.masks) - mixed.ratios).abs().mean()),
    }
