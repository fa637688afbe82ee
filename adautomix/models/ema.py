"""The teacher ψ_Ŵ, an exponential moving average of the classifier, and its momentum schedule.

Source: Sec. 3.3 and A.2 of the paper.
"""

import copy
import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from adautomix.errors import InputError
from adautomix.fields import of_type
from adautomix.models.backbone import Backbone, BackboneOutput


def momentum_at(progress: float, base: float = 0.999) -> float:
    """Return the momentum ξ at `progress`, a fraction of the run: from `base` to 1 on a cosine.

    Source: A.2. Raises InputError for a progress outside [0, 1].
    """
    if not 0.0 <= of_type(float, progress, "progress") <= 1.0:
        raise InputError(f"progress is a share of the run and lies in [0, 1], not {progress}.")
    return 1.0 - (1.0 - base) * (1.0 + math.cos(math.pi * progress)) / 2.0


class Teacher(nn.Module):
    """Exponential moving average of the classifier: Ŵ ← ξ Ŵ + (1 − ξ) W (Sec. 3.3.1).

    Floating-point buffers (BatchNorm's running mean and variance) are averaged like the parameters;
    counters are copied. The teacher always runs in evaluation mode, so its forward passes do not
    change its buffers, and its output for an image does not depend on the rest of the batch.

    Differs from the released code: there the buffers are not averaged; the teacher runs in training
    mode and collects statistics of its own.

    Args:
        classifier: the network to average; it is copied.
        base: initial momentum, see `momentum_at`.
    """

    def __init__(self, classifier: Backbone, base: float = 0.999):
        if not 0.0 <= base <= 1.0:
            raise InputError(f"the teacher's momentum must lie in [0, 1], not {base}.")
        super().__init__()
        self.base = base
        self.network = copy.deepcopy(classifier).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stay in evaluation mode, whatever `mode` is."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def forward_with_features(self, images: Tensor) -> BackboneOutput:
        """See `Backbone.forward_with_features`."""
        return self.network.forward_with_features(images)

    @torch.no_grad()
    def follow(self, classifier: Backbone, momentum: float) -> None:
        """Update the average, parameters and buffers, with ξ = `momentum`."""
        mine: list[Tensor] = []
        theirs: list[Tensor] = []
        counters: list[Tensor] = []
        counted: list[Tensor] = []
        for a, b in zip(_tensors(self.network), _tensors(classifier), strict=True):
            if a.is_floating_point():
                mine.append(a)
                theirs.append(b)
            else:
                counters.append(a)
                counted.append(b)
        get_ema_multi_avg_fn(momentum)(mine, theirs, None)
        if counters:
            torch._foreach_copy_(counters, counted)


def _tensors(module: nn.Module) -> list[Tensor]:
    """Return all parameters and buffers once, in an order that two equal networks share.

    Ten times as fast as `parameters()` and `buffers()`, which also make a name for each.
    """
    found: dict[int, Tensor] = {}
    open_ones = [module]
    while open_ones:
        last = open_ones.pop()
        for tensor in (*last._parameters.values(), *last._buffers.values()):
            if tensor is not None:
                found[id(tensor)] = tensor
        open_ones += [each for each in last._modules.values() if each is not None]
    return list(found.values())
