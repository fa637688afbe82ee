"""Random crop, flip and normalisation of a whole batch at once, on the device of the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.rng import StepRNG, check_rng

BORDERS = ("black", "reflect")


@dataclass(frozen=True)
@checked
class Augment:
    """Random crop after padding and random horizontal flip (A.3), independent for each image.

    Attributes:
        padding: pixels added on each side before the crop, 0 for no crop.
        flip: mirror left and right with probability 1/2.
        border: content of the padding: "black" (torchvision's default) or "reflect" (the released
            configuration).
    """

    padding: int = 4
    flip: bool = True
    border: str = "black"

    def __post_init__(self) -> None:
        if self.border not in BORDERS:
            raise unknown("border", self.border, BORDERS)
        if self.padding < 0:
            raise InputError(f"padding must be 0 or more, not {self.padding}.")

    def __call__(self, images: UInt8[Tensor, "b c h w"], rng: StepRNG) -> UInt8[Tensor, "b c h w"]:
        """Return cropped and flipped copies of the images, by one indexing operation."""
        check_rng(rng)
        batch, _, height, width = images.shape
        device = images.device
        shifts = rng.integers(-self.padding, self.padding + 1, (2, batch), device)
        mirrored = rng.integers(0, 2, (batch,), device).bool() & self.flip
        rows = torch.arange(height, device=device) + shifts[0, :, None]
        columns = torch.arange(width, device=device) + shifts[1, :, None]
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        which = torch.arange(batch, device=device)[:, None, None]
        if self.border == "reflect":
            rows, columns = _reflect(rows, height), _reflect(columns, width)
            return images[which, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
        inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        cropped = images[which, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
        return cropped * inside[:, None]


def normalise(
    images: UInt8[Tensor, "b c h w"], mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "b c h w"]:
    """Return (x / 255 − mean) / std for each channel, float32."""
    mean_, std_ = (_channelwise(tuple(values), images.device) for values in (mean, std))
    return (images.float() / 255 - mean_) / std_


@lru_cache
def _channelwise(values: tuple[float, ...], device: torch.device) -> Float[Tensor, "c 1 1"]:
    """Cached, since a copy from pageable host memory makes the host wait for the device."""
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def to_bytes(
    images: Float[Tensor, "b c h w"], mean: Sequence[float], std: Sequence[float]
) -> UInt8[Tensor, "b h w c"]:
    """Invert `normalise`: images for plotting, channels last, on the CPU."""
    mean_, std_ = (images.new_tensor(values)[:, None, None] for values in (mean, std))
    scaled = (images * std_ + mean_).clamp(0, 1) * 255
    return scaled.round().byte().permute(0, 2, 3, 1).contiguous().cpu()


def _within(index: Tensor, length: int) -> Tensor:
    return (index >= 0) & (index < length)


def _reflect(index: Tensor, length: int) -> Tensor:
    last = length - 1
    return last - (last - index.abs() % max(2 * last, 1)).abs()
