"""The currency of the evaluations: a function from pixels in [0, 1] to logits, and its answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Predict = Callable[[Tensor], Tensor]
"""Images "b c h w" to logits "b k". What the images are (pixels, normalised) its user says."""


class NormalizedModel(nn.Module):
    """A classifier of normalised images as one of pixels in [0, 1].

    Attacks and corruptions are defined on pixels; with the normalisation inside, their budgets are
    in pixel units and their results can be clamped to valid images.

    Args:
        network: takes normalised images.
        mean, std: of each channel, for pixels in [0, 1].
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.network = network
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, pixels: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        return self.network((pixels - self.mean) / self.std)


@dataclass(frozen=True)
class Predictions:
    """What a network said of images, and what is true.

    Attributes:
        logits: as it said them.
        labels: class numbers, or `LEFT_OUT` (−100) for an image that counts nowhere.
    """

    logits: Float[Tensor, "s k"]
    labels: Int[Tensor, " s"]
