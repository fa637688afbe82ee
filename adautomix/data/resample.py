"""Resizing of boxes of a batch of images on their device, as two products with matrices."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor


def resample(
    images: UInt8[Tensor, "b c h w"],
    side: int,
    boxes: Float64[np.ndarray, "_ 4"] | None = None,
    mirrored: Bool[np.ndarray, " b"] | None = None,
    *,
    alone: bool = True,
) -> UInt8[Tensor, "b c side side"]:
    """Return each image's box at `side` × `side` pixels: bilinear, with antialiasing.

    Each value is at most 1 away from Pillow's and torchvision's, which round between the two
    directions as well.

    Args:
        images: of one size.
        side: of the result.
        boxes: (top, left, height, width) for each image, or one for all; None for whole images.
        mirrored: where to exchange left and right; None for nowhere.
        alone: leave out the pixels outside the box, as if the image were cropped and then resized;
            False is resized and then cropped.
    """
    height, width = images.shape[2:]
    if boxes is None:
        boxes = np.array([[0.0, 0.0, height, width]])
    on_device = _to(torch.from_numpy(boxes.astype(np.float32)), images.device)
    rows = _weights(on_device[:, 0], on_device[:, 2], height, side, alone=alone)
    columns = _weights(on_device[:, 1], on_device[:, 3], width, side, alone=alone)
    if mirrored is not None:
        turned = _to(torch.from_numpy(mirrored), images.device)
        columns = torch.where(turned[:, None, None], columns.flip(1), columns)
    sampled = rows[:, None] @ images.float() @ columns[:, None].mT
    return sampled.round_().clamp_(0, 255).byte()


def _weights(
    start: Float[Tensor, " _"], length: Float[Tensor, " _"], whole: int, side: int, *, alone: bool
) -> Float[Tensor, "_ side whole"]:
    """Return the share of every pixel of the image in every pixel of the result, in one direction.

    A triangle as wide as two pixels of the coarser of the two. `alone` leaves out the pixels
    outside the box.
    """
    first, step = start[:, None, None], (length / side)[:, None, None]
    wanted = torch.arange(side, device=start.device)[None, :, None]
    given = torch.arange(whole, device=start.device)[None, None, :]
    distance = given + 0.5 - (first + (wanted + 0.5) * step)
    weights = (1 - distance.abs() / step.clamp(min=1)).clamp(min=0)
    if alone:
        weights = weights * ((given >= first) & (given < first + length[:, None, None]))
    return weights / weights.sum(dim=2, keepdim=True)


def _to(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy without making the host wait for the device."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
