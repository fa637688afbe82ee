"""Common parts of OpenMixup's learned methods: two heads, a teacher with its own statistics.

Sources: github.com/Westlake-AI/openmixup and github.com/JinXins/Adversarial-AutoMixup (9d6fd12).
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from adautomix.errors import InputError
from adautomix.models import Backbone, BackboneOutput, Teacher, evaluating


class TwoHeads(Backbone):
    """A backbone with a second linear head, for mixed images, on the same pooled features.

    `forward` and `forward_with_features` use the first head, the model's own, which is the one
    evaluated.

    Args:
        backbone: its model is used, not copied.
        side: height and width of the images, to measure the pooled features.
        init: standard deviation of the second head's initial weights; its biases start at 0.

    Differs from the released code: there both heads start from N(0, 0.01); here the model's own
    head keeps its initial weights.
    """

    def __init__(self, backbone: Backbone, side: int, init: float = 0.01):
        if backbone.by_name is not None:
            raise InputError(
                f"the tap {backbone.tap!r} of {backbone.name} is a module, but a second head needs "
                "the pooled features that timm's models show: give one with its tap as a number."
            )
        super().__init__(backbone.model, backbone.tap, backbone.output)
        weight = next(self.parameters())
        with evaluating(self), torch.no_grad():
            dummy_images = self.dummy_images(side)
            classes, width = self(dummy_images).shape[1], self._pool(dummy_images)[0].shape[1]
        self.mixing_head = nn.Linear(width, classes, device=weight.device, dtype=weight.dtype)
        nn.init.normal_(self.mixing_head.weight, std=init)
        nn.init.zeros_(self.mixing_head.bias)

    def forward_mixed_with_features(self, images: Float[Tensor, "b c h w"]) -> BackboneOutput:
        """Return the logits of the second head and the tapped features, in one forward pass."""
        pooled, features = self._pool(images)
        return BackboneOutput(self.mixing_head(pooled), features)

    def _pool(self, images: Tensor) -> tuple[Tensor, Tensor]:
        final, features = self.intermediates(images)
        return self.model.forward_head(final, pre_logits=True), features


def forward_mixed_with_features(network: Backbone, images: Tensor) -> BackboneOutput:
    """Logits for mixed images, of the second head where there is one, and tapped features."""
    if isinstance(network, TwoHeads):
        return network.forward_mixed_with_features(images)
    return network.forward_with_features(images)


class OwnStatistics(Teacher):
    """A teacher whose parameters, but not buffers, are averages of the classifier's.

    During training it runs in training mode: BatchNorm normalises with the batch, and the running
    statistics, which evaluation uses, come from the teacher's own passes.
    """

    def __init__(self, classifier: Backbone, base: float = 0.999):
        super().__init__(classifier, base)
        self.train()

    def train(self, mode: bool = True) -> "OwnStatistics":
        """Change the mode as ordinary modules do."""
        nn.Module.train(self, mode)
        return self

    @torch.no_grad()
    def follow(self, classifier: Backbone, momentum: float) -> None:
        """Update the average of the parameters, with ξ = `momentum`."""
        mine, theirs = list(self.network.parameters()), list(classifier.parameters())
        get_ema_multi_avg_fn(momentum)(mine, [p.detach() for p in theirs], None)


def waiting_momentum_at(progress: float, base: float = 0.999, end: float = 0.999999) -> float:
    """Return ξ at `progress` in [0, 1]: `base` for a tenth of the run, then a cosine to `end`.

    The cosine starts from `base` at the start of the run, so ξ jumps at the tenth: with the
    defaults from 0.999 to 0.9990244.
    """
    if progress < 0.1:
        return base
    return end - (end - base) * (1 + math.cos(math.pi * progress)) / 2


@contextmanager
def statistics_rate(network: nn.Module, rate: Callable[[float], float]) -> Iterator[None]:
    """Inside the block, every BatchNorm of momentum m updates its statistics with `rate(m)`."""
    before = [(m, m.momentum) for m in network.modules() if isinstance(m, _BatchNorm)]
    for norm, momentum in before:
        if momentum is not None:
            norm.momentum = rate(momentum)
    try:
        yield
    finally:
        for norm, momentum in before:
            norm.momentum = momentum


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Restore the module's buffers after the block."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
