"""Boxes: the geometry that CutMix, Cutout, ResizeMix and SaliencyMix share."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def span(
    share: Float[Tensor, " b"], centre: Float[Tensor, " b"], length: int
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """First pixel of a box along one axis, and the first one behind it, clipped at the border.

    As published for CutMix: int(share · length) pixels, an odd number losing one, around the pixel
    that contains `centre`, a position in [0, 1).
    """
    half = torch.floor(torch.floor(length * share) / 2)
    middle = torch.floor(centre * length)
    return (middle - half).clamp(min=0), (middle + half).clamp(max=length)


def between(
    start: Float[Tensor, " b"], stop: Float[Tensor, " b"], length: int
) -> Bool[Tensor, "b length"]:
    """Which of `length` pixels lie in start..stop-1."""
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start[:, None]) & (pixel < stop[:, None])


def rectangle(
    share: Float[Tensor, " b"], centres: Float[Tensor, "2 b"], height: int, width: int
) -> Float[Tensor, "b h w"]:
    """One inside the box, zero outside; each side is `share` of the image's, see `span`."""
    rows = between(*span(share, centres[0], height), height)
    columns = between(*span(share, centres[1], width), width)
    return (rows[:, :, None] & columns[:, None, :]).to(share.dtype)
