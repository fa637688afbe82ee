"""How much masks differ: between times, between sets of images, and from spatially constant ones.

The paper shows in Fig. 14 that AdAutoMix's images differ between epochs and AutoMix's do not; it
gives no measure. All here are mean absolute differences of masks, so 0 is no difference and 1 that
every pixel of one shows an image that the other does not.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.errors import InputError


def between_times(masks: Float[Tensor, "t b n h w"]) -> Float[Tensor, "t t"]:
    """Return the distance of the masks at two times: mean |m_t − m_u| over sets, images and pixels.

    The sets of images and their λ must be the same at all times, in the same order.
    """
    flat = masks.double().flatten(1)
    return torch.cdist(flat, flat, p=1) / flat.shape[1]


def between_sets(masks: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """Return how much the shape of a mask depends on the images: mean |s_i − s_j| over pairs i ≠ j.

    A shape s is a mask less its own mean, so that another λ alone is no other shape. It is 0 for
    spatially constant masks, and for those that have one pattern whatever the images are. Raises
    InputError for fewer than two sets.
    """
    sets = len(masks)
    if sets < 2:
        raise InputError(f"shapes are compared between two sets or more, not {sets}.")
    shapes = (masks.double() - masks.double().mean(dim=(2, 3), keepdim=True)).flatten(1)
    return torch.cdist(shapes, shapes, p=1).sum() / (sets * (sets - 1) * shapes.shape[1])


def from_constant(masks: Float[Tensor, "b n h w"]) -> Float[Tensor, ""]:
    """Return the mean |m − mean of m|: how far the masks are from spatially constant ones."""
    return (masks - masks.mean(dim=(2, 3), keepdim=True)).abs().double().mean()


def spread(features: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Return the mean of 1 − cosine over all pairs of different rows: 0 if all point one way.

    Raises InputError for fewer than two rows.
    """
    rows = len(features)
    if rows < 2:
        raise InputError(f"features are compared between two images or more, not {rows}.")
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    alike = unit.sum(dim=0).square().sum() - unit.square().sum()
    return 1 - alike / (rows * (rows - 1))
