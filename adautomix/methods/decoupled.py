"""Decoupled Mixup (Liu et al., NeurIPS 2023): each mixed class is to win without the other."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.data.labels import Labels
from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import Mixed, Mixup
from adautomix.mix.base import check_alpha
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class DecoupledMixup:
    """Mixup's cross-entropy + η Σ_(i, j) −log(p_i / (1 − p_j)), over the two orders of its classes.

    p is the softmax of the mixed image's logits, and p_i / (1 − p_j) the softmax without class j:
    the "decoupled" probability of class i, whatever λ is. λ ~ Beta(alpha, alpha), one for a batch.

    Attributes:
        alpha: concentration of the Beta distribution, as for Mixup here.
        eta: η, weight of the second term.
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.

    The reading implemented: η multiplies the sum of both orders, and neither depends on λ. Sets of
    two images of one class have no second class, so they have Mixup's loss alone. 0.1 is the η of
    the ImageNet configurations in the authors' toolbox, OpenMixup. Its configurations for CIFAR-100
    have 0.01 times a power of λ for one of the two classes, and a λ from Beta(0.2, 0.2).
    """

    passes: ClassVar[float] = 3
    alpha: float = 1.0
    eta: float = 0.1
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.eta < 0:
            raise InputError(f"eta must be 0 or more, not {self.eta}.")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "DecoupledMixupMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return DecoupledMixupMethod(as_backbone(classifier), self)


class DecoupledMixupMethod(Method):
    """Training with `DecoupledMixup`."""

    def __init__(self, classifier: Backbone, config: DecoupledMixup):
        super().__init__(classifier, config.momentum)
        self.rule, self.eta = Mixup(config.alpha), config.eta

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the mixed images, the labels, and the partners and λ."""
        mixed = self.rule(images, rng)
        return mixed.images, labels, mixed.partners, mixed.ratios

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor) -> Losses:
        """Return the step's losses."""
        logits = self.classifier(images)
        coupled = mixed_ce(logits, labels, partners, ratios)
        alone = decoupled_ce(logits, labels, partners)
        return Losses.of(coupled + self.eta * alone, mixed_ce=coupled, decoupled_ce=alone)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images by Mixup."""
        return self.rule(images, rng)


def decoupled_ce(
    logits: Float[Tensor, "b k"], labels: Labels, partners: Int[Tensor, "b 2"]
) -> Float[Tensor, ""]:
    """Return −log(p_a / (1 − p_b)) − log(p_b / (1 − p_a)), the mean over the batch.

    a and b are the classes of a set's two images; a set of one class counts as 0. Both terms are
    logarithms of a softmax over all classes but one, in float32 at least, so that 1 − p may vanish.
    Of soft labels it is the sum over all pairs of classes, each with the product of their shares.
    """
    if labels.ndim == 2:
        return _of_soft(logits, labels[partners[:, 0]], labels[partners[:, 1]])
    classes, wide = labels[partners], logits.to(torch.promote_types(logits.dtype, torch.float32))
    without = [wide.scatter(1, classes[:, [other]], -torch.inf) for other in (1, 0)]
    log_share = wide.gather(1, classes) - torch.stack(without, dim=1).logsumexp(dim=2)
    differing = classes[:, 0] != classes[:, 1]
    return -torch.where(differing, log_share.sum(dim=1), 0).mean()


def _of_soft(
    logits: Float[Tensor, "b k"], first: Float[Tensor, "b k"], second: Float[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """Return `decoupled_ce` of two soft labels for each image.

    The share of class k without class l is s_k − log Σ_(m ≠ l) exp s_m, with the logits s.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    tiny = torch.finfo(wide.dtype).eps
    others = wide.logsumexp(dim=1, keepdim=True) + torch.log1p(
        -wide.softmax(dim=1).clamp(max=1 - tiny)
    )

    def share(own: Tensor, other: Tensor) -> Tensor:
        all_pairs = (own * wide).sum(dim=1) * other.sum(dim=1) - own.sum(dim=1) * (
            other * others
        ).sum(dim=1)
        return all_pairs - (own * other * (wide - others)).sum(dim=1)  # less those of one class

    return -(share(first, second) + share(second, first)).mean()
