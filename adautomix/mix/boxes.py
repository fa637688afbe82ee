"""Geometry of the boxes of CutMix, Cutout, ResizeMix, SaliencyMix and SnapMix."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

ODD = ("shorter", "kept")


def span(
    share: Float[Tensor, " b"], centre: Float[Tensor, " b"], length: int, odd: str = "shorter"
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Return the first pixel of a box along one axis and the first one after it, clipped.

    As published for CutMix: the box has int(share · length) pixels, one less if that number is odd,
    around the pixel that contains `centre`, a position in [0, 1). With odd="kept" an odd number of
    pixels is kept; the additional one lies at the end.
    """
    size = torch.floor(length * share)
    half = torch.floor(size / 2)
    after = half if odd == "shorter" else size - half
    middle = torch.floor(centre * length)
    return (middle - half).clamp(min=0), (middle + after).clamp(max=length)


def between(
    start: Float[Tensor, " b"], stop: Float[Tensor, " b"], length: int
) -> Bool[Tensor, "b length"]:
    """Return which of `length` pixels lie in start..stop-1."""
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start[:, None]) & (pixel < stop[:, None])


def rectangle(
    share: Float[Tensor, " b"],
    centres: Float[Tensor, "2 b"],
    height: int,
    width: int,
    odd: str = "shorter",
) -> Float[Tensor, "b h w"]:
    """Return masks of 1 inside the box and 0 outside; its sides are `share` times the image's.

    `centres` are (row, column) in [0, 1); see `span`.
    """
    rows = between(*span(share, centres[0], height, odd), height)
    columns = between(*span(share, centres[1], width, odd), width)
    return (rows[:, :, None] & columns[:, None, :]).to(share.dtype)
