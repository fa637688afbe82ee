"""Types of the evaluations: a function from images to logits, and logits with labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Predict = Callable[[Tensor], Tensor]
"""Function from images "b c h w", pixels or normalised, to logits "b k"."""


class NormalizedModel(nn.Module):
    """A classifier of pixels in [0, 1], from a classifier of normalised images.

    Attacks and corruptions are defined on pixels; with the normalisation inside the model, their
    budgets are in pixel units and their results can be clamped to valid images.

    Args:
        network: network that takes normalised images.
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
    """Logits of images, and their labels.

    Attributes:
        logits: output of the network.
        labels: class numbers, or `LEFT_OUT` (−100) for an image that is left out.
    """

    logits: Float[Tensor, "s k"]
    labels: Int[Tensor, " s"]
