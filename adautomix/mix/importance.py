"""Resizing and normalisation of the importance maps that the guided rules take."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def resized(
    importance: Float[Tensor, "b rows columns"], size: tuple[int, int], mode: str = "bilinear"
) -> Float[Tensor, "b height width"]:
    """Return the maps resized to `size` (height, width); unchanged if they have it already."""
    if importance.shape[1:] == size:
        return importance
    return F.interpolate(importance[:, None], size=size, mode=mode)[:, 0]


def shares(importance: Float[Tensor, "b rows columns"]) -> Float[Tensor, "b rows columns"]:
    """Return each map, negative values set to 0, divided by its sum; uniform if that is 0."""
    positive = importance.clamp(min=0)
    total = positive.sum(dim=(1, 2), keepdim=True)
    uniform = 1 / importance[0].numel()
    return torch.where(
        total > 0, positive / total.clamp(min=torch.finfo(total.dtype).tiny), uniform
    )
