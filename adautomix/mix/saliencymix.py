"""SaliencyMix (Uddin et al., 2021): CutMix with the box around the partner's saliency peak."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.mix.base import Mixed, batch_shape, check_alpha, paste, per_batch_or_sample
from adautomix.mix.cutmix import box
from adautomix.rng import StepRNG

PEAKS = ("each", "first")
LEVELS = ("bytes", "floats")
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
@checked
class SaliencyMix:
    """A box of relative area 1 − λ, λ ~ Beta(alpha, alpha), around the partner's saliency peak.

    The box is clipped at the border, and the ratios are the areas actually shown. Saliency is
    OpenCV's fine-grained one (Montabone & Soto, 2010), on the CPU: about 0.5 ms for an image of
    32 × 32 pixels and 10 ms for 224 × 224, in parallel on all cores; images on a GPU are copied to
    the host, which waits for them. It needs `pip install 'adautomix[saliencymix]'`.

    Attributes:
        alpha: concentration of the Beta distribution; 1 as published. The tables of OpenMixup for
            CIFAR-100 use 0.2.
        peak: "each" uses the peak of each pair's own partner, "first" that of the first pair for
            the whole batch.
        levels: grey levels given to OpenCV, "bytes" or "floats", see `saliency`.
        per: one λ per "batch" (as published) or per "sample".

    Differs from the published code: there, one box for the whole batch is centred on the first
    partner's peak, and the peak is computed from normalised floats, of which OpenCV reads single
    bytes as grey levels. `SaliencyMix(peak="first", levels="floats")` does the same. On 500 test
    images of CIFAR-100, five of each class, the peak of "floats" was never that of "bytes" and on
    average 15.9 pixels away from it; the peak of another image was 16.3 pixels away. On PhotoDigits
    55 % of the peaks of "bytes" lie on the digit, which covers 12 % of the image, but only 14 % of
    those of "floats".
    """

    alpha: float = 1.0
    peak: str = "each"
    levels: str = "bytes"
    per: str = "batch"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.peak not in PEAKS:
            raise unknown("choice of saliency peak", self.peak, PEAKS)
        if self.levels not in LEVELS:
            raise unknown("kind of grey levels", self.levels, LEVELS)

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.alpha, (count,), images.device).expand(batch)
        sought = partners[:, 1] if self.peak == "each" else partners[:1, 1]
        centres = peaks(saliency(images[sought], self.levels)).to(images.device)
        return paste(images, partners, box(own, centres.expand(2, batch), height, width).bool())


def saliency(images: Float[Tensor, "b c h w"], levels: str = "bytes") -> Float[Tensor, "b h w"]:
    """Return OpenCV's fine-grained saliency of each pixel, in [0, 1], on the CPU.

    With levels="bytes" the images are converted to grey (luma of three channels, else their mean),
    scaled so that the darkest pixel of each is 0 and the brightest 255, and rounded. With "floats"
    they are neither scaled nor rounded, as in the published code: OpenCV gets the three channels
    and converts them to grey itself, taking the first for blue. It then reads one byte of the float
    at the centre of a neighbourhood and the whole float around it. The result depends on the last
    bits: without OpenCV's vector instructions, 22 % of the peaks of white noise are elsewhere.

    Raises:
        InputError: OpenCV is missing, or was built without its saliency module.
    """
    detect = _detector()
    pixels = images.detach().float()
    if levels == "bytes":
        pixels = _grey(pixels)
        low, high = pixels.amin((1, 2), keepdim=True), pixels.amax((1, 2), keepdim=True)
        pixels = ((pixels - low) / (high - low).clamp(min=1e-12) * 255).round().byte()
    else:
        pixels = pixels.movedim(1, -1) if pixels.shape[1] == 3 else _grey(pixels)
    with ThreadPoolExecutor() as pool:
        return torch.from_numpy(np.stack(list(pool.map(detect, pixels.contiguous().cpu().numpy()))))


def _grey(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w"]:
    if images.shape[1] != 3:
        return images.mean(1)
    return (images * images.new_tensor(LUMA)[:, None, None]).sum(1)


def peaks(maps: Float[Tensor, "b h w"]) -> Float[Tensor, "2 b"]:
    """Return (row, column) of the centre of each map's highest pixel, as fractions of the sides."""
    _, height, width = maps.shape
    place = maps.flatten(1).argmax(1)
    row, column = place // width, place % width
    return torch.stack([(row + 0.5) / height, (column + 0.5) / width])


def _detector() -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from one image, "h w" or "h w 3", to its saliency map."""
    try:
        from cv2.saliency import StaticSaliencyFineGrained
    except ImportError as error:
        raise InputError(
            "SaliencyMix needs OpenCV with its saliency module: "
            "pip install 'adautomix[saliencymix]', and no other OpenCV beside it."
        ) from error
    return lambda image: StaticSaliencyFineGrained.create().computeSaliency(image)[1]
