"""Crop, flip, size and normalisation of a whole batch at once, on the device of the images.

`Augment` and `ResizedCrop` say how the images of a recipe are seen: at which side, cropped how in
training, and how in evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from adautomix.data.boxes import Draws, draw, evaluation_box, training_boxes
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.resample import resample
from adautomix.errors import InputError, unknown
from adautomix.fields import added, checked
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
        side: height and width to which the images are resized afterwards, for a network of another
            size (A.3: CIFAR-100 at 224 for Swin); None keeps the images' own.
    """

    padding: int = 4
    flip: bool = True
    border: str = "black"
    side: int | None = added(before=None)

    def __post_init__(self) -> None:
        if self.border not in BORDERS:
            raise unknown("border", self.border, BORDERS)
        if self.padding < 0:
            raise InputError(f"padding must be 0 or more, not {self.padding}.")
        if self.side is not None:
            _check_side(self.side)

    def side_of(self, info: DatasetInfo) -> int:
        """Return the height and width of the images that the network sees.

        Raises InputError if the images of the dataset have no common size.
        """
        if not info.side:
            raise InputError(
                f"the images of {info.title} differ in size, so padding and cropping them gives no "
                "batch: give the recipe augment=ResizedCrop(side=...)."
            )
        return self.side or info.side

    def __call__(self, images: UInt8[Tensor, "b c h w"], rng: StepRNG) -> UInt8[Tensor, "b c H W"]:
        """Return the images as training sees them: cropped, flipped, and resized if wanted."""
        return self.evaluated(self._cropped(images, rng))

    def evaluated(self, images: UInt8[Tensor, "b c h w"]) -> UInt8[Tensor, "b c H W"]:
        """Return the images as evaluation sees them: whole, and resized if wanted."""
        return images if self.side is None else resample(images, self.side)

    def _cropped(self, images: UInt8[Tensor, "b c h w"], rng: StepRNG) -> UInt8[Tensor, "b c h w"]:
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


@dataclass(frozen=True)
@checked
class ResizedCrop:
    """Random resized crop and random horizontal flip; in evaluation the centre of the image.

    The usual augmentation of ImageNet, on Tiny-ImageNet with a side of 64 (A.3). Boxes are drawn
    as by torchvision's `RandomResizedCrop`. Resizing is bilinear with antialiasing.

    Attributes:
        side: height and width of the images that the network sees.
        scale: smallest and largest area of the crop, as a fraction of the image's.
        ratio: smallest and largest width / height of the crop.
        flip: mirror left and right with probability 1/2.
        shorter: in evaluation, the shorter side is resized to this, and the central `side` pixels
            are taken; `side` itself leaves out none of a square image.
    """

    side: int = 224
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    shorter: int = 256

    def __post_init__(self) -> None:
        _check_side(self.side)
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"scale must rise from above 0 to at most 1, not {self.scale}.")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"ratio must rise from above 0, not {self.ratio}.")
        if self.shorter < self.side:
            raise InputError(
                f"shorter must be {self.side} (side) or more, not {self.shorter}: the crop would "
                "leave the image."
            )

    def side_of(self, info: DatasetInfo) -> int:
        """Return the height and width of the images that the network sees."""
        return self.side

    def draw(self, count: int, rng: StepRNG) -> Draws:
        """Return the random numbers of `count` images; they do not depend on the images' sizes."""
        return draw(count, self.scale, self.ratio, flip=self.flip, rng=rng)

    def __call__(self, images: UInt8[Tensor, "b c h w"], rng: StepRNG) -> UInt8[Tensor, "b c H W"]:
        """Return the images as training sees them."""
        check_rng(rng)
        draws = self.draw(len(images), rng)
        height, width = images.shape[2:]
        boxes = training_boxes(draws, height, width, self.ratio)
        return resample(images, self.side, boxes, draws.mirrored)

    def one(self, image: UInt8[Tensor, "c h w"], draws: Draws) -> UInt8[Tensor, "c H W"]:
        """Return one image, on the CPU, as training sees it, given the random numbers of it.

        The same box as for a batch; values can differ by 1, as this rounds as torchvision does.
        """
        height, width = image.shape[1:]
        box = training_boxes(draws, height, width, self.ratio)[0].astype(int).tolist()
        top, left, tall, wide = box
        part = image[None, :, top : top + tall, left : left + wide]
        part = part.contiguous(memory_format=torch.channels_last)  # torch's fastest uint8 kernel
        size = (self.side, self.side)
        sized = interpolate(part, size, mode="bilinear", antialias=True)[0]
        return sized.flip(2) if draws.mirrored[0] else sized

    def evaluated(self, images: UInt8[Tensor, "b c h w"]) -> UInt8[Tensor, "b c H W"]:
        """Return the images as evaluation sees them."""
        height, width = images.shape[2:]
        if height == width == self.side == self.shorter:
            return images
        box = evaluation_box(height, width, self.side, self.shorter)
        return resample(images, self.side, box, alone=False)


Geometry = Augment | ResizedCrop
"""How the images of a recipe are seen: their side, training and evaluation."""


def _check_side(side: int) -> None:
    if side < 1:
        raise InputError(f"side must be 1 pixel or more, not {side}.")


def normalise(
    images: UInt8[Tensor, "b c h w"], mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "b c h w"]:
    """Return (x / 255 − mean) / std for each channel, float32."""
    mean_, std_ = (_channelwise(tuple(values), images.device) for values in (mean, std))
    return images.float().div_(255).sub_(mean_).div_(std_)


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
