"""FMix (Harris et al., 2020): the mask is a random low-frequency image, thresholded."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import added, checked
from adautomix.mix.base import (
    LABELS,
    Mixed,
    batch_shape,
    check_alpha,
    drawn,
    paste,
    per_batch_or_sample,
)
from adautomix.rng import Device, StepRNG

SPECTRA = ("2d", "one-axis")


@dataclass(frozen=True)
@checked
class FMix:
    """The λ h w highest pixels of a low-frequency image show the image, the others its partner.

    λ ~ Beta(alpha, alpha); λ h w is rounded up or down with probability 1/2. The ratios are the
    areas actually shown.

    Attributes:
        alpha: concentration of the Beta distribution; 1 as published. The tables of OpenMixup for
            CIFAR-100 use 0.2, the logs of AdAutoMix's authors 1.
        decay: δ, the power of 1 / frequency by which the spectrum falls.
        spectrum: "2d", that of the paper, or "one-axis", that of the published code.
        per: one mask per "batch" (as published) or per "sample".
        labels: "shown" weighs the labels by the areas shown, "drawn" by λ, as the published code.
            The two differ by less than one pixel.

    Differs from the published code: there, the first two rows of a half spectrum (frequency 0 and
    1 / h along the first axis) become the real and imaginary part of the coefficients, and the
    pair of numbers that was meant as real and imaginary part becomes the second axis. So all
    energy along the second axis is in the mean and one cycle. `spectrum="one-axis"` does the same.
    """

    alpha: float = 1.0
    decay: float = 3.0
    spectrum: str = "2d"
    per: str = "batch"
    labels: str = added(before="shown")

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.spectrum not in SPECTRA:
            raise unknown("spectrum of FMix", self.spectrum, SPECTRA)
        if self.labels not in LABELS:
            raise unknown("weight of FMix's labels", self.labels, LABELS)
        if self.decay < 0:
            raise InputError(f"the decay of FMix's spectrum must be 0 or more, not {self.decay}.")

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed:
        batch, height, width = batch_shape(images, rng)
        count = per_batch_or_sample(self.per, batch)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.alpha, (count,), images.device)
        upwards = rng.uniform(0.0, 1.0, (count,), images.device) < 0.5
        make = isotropic if self.spectrum == "2d" else along_one_axis
        kept = highest(make(rng, (count, height, width), self.decay, images.device), own, upwards)
        mixed = paste(images, partners, ~kept)
        return mixed if self.labels == "shown" else replace(mixed, weights=drawn(own, images))


def isotropic(
    rng: StepRNG, shape: tuple[int, int, int], decay: float, device: Device = "cpu"
) -> Float[Tensor, "b h w"]:
    """Return low-frequency images of `shape` (b, h, w): white noise filtered by 1 / f^decay.

    Equal in distribution to Sec. 4 of the FMix paper, the real part of filtered complex noise.
    """
    _, height, width = shape
    rows = torch.fft.fftfreq(height, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, device=device)
    frequency = torch.sqrt(rows**2 + columns**2)
    spectrum = torch.fft.rfft2(rng.normal(shape, device)) * falling(frequency, shape, decay)
    return torch.fft.irfft2(spectrum, s=(height, width))


def along_one_axis(
    rng: StepRNG, shape: tuple[int, int, int], decay: float, device: Device = "cpu"
) -> Float[Tensor, "b h w"]:
    """Return the low-frequency images of the published code, of `shape` (b, h, w).

    They are the real part of Σ_k (a_k + b_k e^{2πi x / w}) e^{2πi k y / h}, k = 0..w // 2. The real
    parts of the coefficients fall with the frequency k / w, the imaginary parts with
    √((k / w)² + (1 / h)²).
    """
    count, height, width = shape
    real = torch.fft.rfftfreq(width, device=device)
    imaginary = torch.sqrt(real**2 + 1 / height**2)
    scale = falling(torch.stack([real, imaginary], dim=-1), shape, decay)
    parts = rng.normal((count, len(real), 2, 2), device) * scale[:, None]
    return torch.fft.irfft2(torch.view_as_complex(parts), s=(height, width))


def falling(frequency: Tensor, shape: tuple[int, int, int], decay: float) -> Tensor:
    """Return 1 / frequency^decay; the mean (frequency 0) counts as one cycle of the longer side."""
    return frequency.clamp(min=1 / max(shape[1:])) ** -decay


def highest(
    field: Float[Tensor, "b h w"], share: Float[Tensor, " b"], upwards: Bool[Tensor, " b"]
) -> Bool[Tensor, "b h w"]:
    """Return the `share` · h · w highest pixels of each field; the number is rounded as `upwards`.

    `upwards` says for each field whether its number of pixels is rounded up or down.
    """
    count = share * field[0].numel()
    count = torch.where(upwards, count.ceil(), count.floor())
    rank = field.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (rank < count[:, None]).unflatten(1, field.shape[1:])
