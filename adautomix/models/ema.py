"""The teacher ψ_Ŵ: an exponential moving average of the classifier,
and the paper's momentum (Sec. 3.3, A.2).
"""

import copy
import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from adautomix.checked import of_type
from adautomix.errors import InputError
from adautomix.models.backbone import Backbone, BackboneOutput


def momentum_at(progress: float, base: float = 0.999) -> float:
    """ξ at `progress` in [0, 1] of the run: from `base` to 1 on a cosine (A.2)."""
    if not 0.0 <= of_type(float, progress, "progress") <= 1.0:
        raise InputError(f"progress is a share of the run and lies in [0, 1], not {progress}.")
    return 1.0 - (1.0 - base) * (1.0 + math.cos(math.pi * progress)) / 2.0


class Teacher(nn.Module):
    """A copy of the classifier that follows it: Ŵ ← ξ Ŵ + (1 − ξ) W (Sec. 3.3.1).

    Floating-point buffers (BatchNorm's running mean and variance) follow like the parameters;
    counters are copied. The teacher's own forward passes change nothing in it: it always runs in
    evaluation mode, so that what it says of an image does not depend on the rest of the batch.

    Differs from the released code: there the buffers are not averaged; the teacher runs in training
    mode and collects statistics of its own.
    """

    def __init__(self, classifier: Backbone, base: float = 0.999):
        if not 0.0 <= base <= 1.0:
            raise InputError(f"the teacher's momentum must lie in [0, 1], not {base}.")
        super().__init__()
        self.base = base
        self.network = copy.deepcopy(classifier).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stays in evaluation mode, whatever its parent does."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def forward_with_features(self, images: Tensor) -> BackboneOutput:
        """See `Backbone.forward_with_features`."""
        return self.network.forward_with_features(images)

    @torch.no_grad()
    def follow(self, classifier: Backbone, momentum: float) -> None:
        """One step of the average, parameters and buffers, with ξ = `momentum`."""
        mine: list[Tensor] = []
        theirs: list[Tensor] = []
        counters: list[Tensor] = []
        counted: list[Tensor] = []
        for a, b in zip(_tensors(self.network), _tensors(classifier), strict=True):
            if a.is_floating_point():
                mine.append(a)
                theirs.append(b.detach())
            else:
                counters.append(a)
                counted.append(b)
        get_ema_multi_avg_fn(momentum)(mine, theirs, None)
        if counters:
            torch._foreach_copy_(counters, counted)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
