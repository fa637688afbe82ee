"""Image operations of DADA for a whole batch on the device, with one operation for each image."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

OPS = (
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "autocontrast",
    "invert",
    "equalize",
    "solarize",
    "posterize",
    "contrast",
    "colour",
    "brightness",
    "sharpness",
    "cutout",
)
"""The fifteen of the published search space, in its order."""

RANGES = {
    "shear_x": (-0.3, 0.3),
    "shear_y": (-0.3, 0.3),
    "translate_x": (-0.45, 0.45),
    "translate_y": (-0.45, 0.45),
    "rotate": (-30.0, 30.0),
    "solarize": (0.0, 256 / 255),
    "posterize": (4.0, 8.0),
    "contrast": (0.1, 1.9),
    "colour": (0.1, 1.9),
    "brightness": (0.1, 1.9),
    "sharpness": (0.1, 1.9),
    "cutout": (0.0, 0.2),
}
"""Values at the levels 0 and 1, as published: shears as the offset of a row or column per pixel,
translations as a fraction of the side, rotation in degrees anticlockwise, solarize as a threshold
in [0, 1] at or above which pixels are inverted, posterize as the number of bits kept, factors
(1 changes nothing), cutout as a fraction of the width. The other operations have no level.
"""

STRAIGHT_THROUGH = ("solarize", "posterize", "cutout")
GREY = 0.473  # grey level of cutout, the mean of the published (125, 123, 114) / 255


def transform(
    images: Float[Tensor, "b c h w"],
    which: Int[Tensor, " b"],
    levels: Float[Tensor, " b"],
    signs: Float[Tensor, " b"],
    centres: Float[Tensor, "b 2"],
) -> Float[Tensor, "b c h w"]:
    """Return each image after its own operation.

    Args:
        images: in [0, 1].
        which: index into `OPS`, or −1 for none; the image is then returned unchanged, bit by bit.
        levels: in [0, 1], see `RANGES`.
        signs: ±1, the direction of shears, translations and rotations.
        centres: centre of the cutout, (row, column) in [0, 1].

    Gradients reach `levels` where the result depends on them smoothly. Solarize, posterize and
    cutout use a straight-through gradient: the derivative of every pixel is set to 1, as the
    published code does for all operations.
    """
    chosen = {name: which == index for index, name in enumerate(OPS)}
    values = {n: low + (high - low) * levels for n, (low, high) in RANGES.items()}
    found = _geometry(images, chosen, values, signs)
    found = _blend(found, chosen, values)
    found = _tones(found, chosen, values)
    found = _levels_of_8_bits(found, chosen, values)
    found = _cut(found, chosen, values, centres)
    through = torch.stack([chosen[name] for name in STRAIGHT_THROUGH]).any(dim=0)
    found = found + _per_image((levels - levels.detach()) * through).to(images.dtype)
    return torch.where(_per_image(which < 0), images, found)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _geometry(images: Tensor, chosen: dict, values: dict, signs: Tensor) -> Tensor:
    """Apply one affine map to each image: bilinear, black outside, shears about the top left."""

    def pick(name: str) -> Tensor:
        return torch.where(chosen[name], signs * values[name], 0.0)

    height, width = images.shape[-2:]
    down, right = pick("shear_y") * width / height, pick("shear_x") * height / width
    angle = torch.deg2rad(pick("rotate"))
    cos, sin = angle.cos(), angle.sin()
    matrices = torch.stack(
        [
            torch.stack([cos, right - sin * height / width, right + 2 * pick("translate_x")]),
            torch.stack([down + sin * width / height, cos, down + 2 * pick("translate_y")]),
        ]
    ).movedim(-1, 0)
    grid = F.affine_grid(matrices.to(images.dtype), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    names = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
    geometric = torch.stack([chosen[name] for name in names]).any(dim=0)
    return torch.where(_per_image(geometric), moved, images)


def _blend(images: Tensor, chosen: dict, values: dict) -> Tensor:
    """Apply brightness, contrast, colour or sharpness, as in PIL.

    Each moves the image away from or towards black, its mean grey, its grey image, or a blur.
    """
    grey = _grey(images)
    towards = {
        "brightness": torch.zeros_like(grey),
        "contrast": grey.mean(dim=(2, 3), keepdim=True),
        "colour": grey,
        "sharpness": _smooth(images),
    }
    for name, base in towards.items():
        factor = _per_image(values[name]).to(images.dtype)
        blended = (base + factor * (images - base)).clamp(0, 1)
        images = torch.where(_per_image(chosen[name]), blended, images)
    return images


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    weights = _constant((0.299, 0.587, 0.114), images.dtype, images.device)
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)


@lru_cache
def _constant(values: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Cached, since a copy from pageable host memory makes the host wait for the device."""
    return torch.tensor(values, dtype=dtype, device=device)


def _smooth(images: Tensor) -> Tensor:
    """Return the 3 × 3 blur of PIL's sharpness; border pixels are unchanged."""
    if min(images.shape[-2:]) < 3:
        return images
    kernel = _constant(((1, 1, 1), (1, 5, 1), (1, 1, 1)), images.dtype, images.device) / 13
    channels = images.shape[1]
    inner = F.conv2d(images, kernel.expand(channels, 1, 3, 3), groups=channels)
    border = torch.ones_like(images, dtype=torch.bool)
    border[:, :, 1:-1, 1:-1] = False
    return torch.where(border, images, F.pad(inner, (1, 1, 1, 1)))


def _tones(images: Tensor, chosen: dict, values: dict) -> Tensor:
    """Apply autocontrast, invert or solarize."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    stretched = torch.where(high > low, (images - low) / (high - low).clamp(min=1e-6), images)
    images = torch.where(_per_image(chosen["autocontrast"]), stretched, images)
    turned = images >= _per_image(values["solarize"]).to(images.dtype)
    turned = (turned & _per_image(chosen["solarize"])) | _per_image(chosen["invert"])
    return torch.where(turned, 1 - images, images)


def _levels_of_8_bits(images: Tensor, chosen: dict, values: dict) -> Tensor:
    """Apply posterize or equalize, to pixel values rounded to 0..255."""
    whole = (images * 255).round().clamp(0, 255)
    step = 2 ** _per_image(8 - values["posterize"].floor())
    images = torch.where(
        _per_image(chosen["posterize"]), ((whole / step).floor() * step / 255).to(whole), images
    )
    return torch.where(_per_image(chosen["equalize"]), _equalized(whole.long()).to(images), images)


def _equalized(pixels: Int[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Equalise each channel as PIL does, by a look-up table from the cumulative histogram."""
    rows = pixels.flatten(2)
    histogram = rows.new_zeros(*rows.shape[:2], 256).scatter_add_(2, rows, torch.ones_like(rows))
    total = rows.shape[2]
    brightest = rows.amax(dim=2, keepdim=True)
    step = (total - histogram.gather(2, brightest)) // 255
    before = histogram.cumsum(dim=2) - histogram
    table = ((before + step // 2) // step.clamp(min=1)).clamp(0, 255)
    found = torch.where(step > 0, table.gather(2, rows), rows)
    return (found / 255).reshape(pixels.shape)


def _cut(images: Tensor, chosen: dict, values: dict, centres: Tensor) -> Tensor:
    """Apply cutout: a grey square around `centres`, its side a fraction of the width."""
    height, width = images.shape[-2:]
    half = (values["cutout"] * width / 2)[:, None]
    inside: list[Bool[Tensor, "b side"]] = []
    for centre, length in zip(centres.unbind(dim=1), (height, width), strict=True):
        pixel = torch.arange(length, device=images.device) + 0.5
        inside.append((pixel - (centre * length)[:, None]).abs() < half)
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(square & _per_image(chosen["cutout"]), GREY, images)
