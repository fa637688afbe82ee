"""SAMix (Li et al., 2021): AutoMix with another mix block and an η-balanced loss for it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.data.labels import Labels
from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import of_labels
from adautomix.methods.automix import AutoMixMethod, check_pair_config
from adautomix.methods.base import as_backbone
from adautomix.methods.openmixup import TwoHeads
from adautomix.mix import ContentMixBlock
from adautomix.mix.base import weighing
from adautomix.rng import initial_weights


@dataclass(frozen=True)
@checked
class SAMix:
    """Hyper-parameters of SAMix.

    Attributes:
        alpha, mask_loss, mask_margin, lam_margin, momentum, pipeline: see `AutoMix`.
        eta: η, weight of the global term; see `eta_balanced`. 1 is the usual cross-entropy.
        mask_variance: weight of the masks' variance, which is maximised, in units of `mask_loss`.
        flatness, upsampling, init: see `ContentMixBlock`.

    Differs from the paper: `mask_variance`, `flatness`, the upsampling and the margins are those of
    the authors' toolbox for CIFAR-100.
    Differs from the published code: η has an effect; see `eta_balanced`. No image is its own
    partner; there partners are random permutations. The learning rate changes at every step; there,
    once an epoch.
    """

    passes: ClassVar[float] = 9
    alpha: float = 2.0
    eta: float = 0.5
    mask_loss: float = 0.1
    mask_margin: float = 0.1
    mask_variance: float = 2.0
    lam_margin: float = 0.08
    momentum: float = 0.999
    flatness: float = 0.25
    upsampling: str = "bilinear"
    init: float = 0.01
    pipeline: str = "paper"

    def __post_init__(self) -> None:
        check_pair_config(self)
        for name in ("eta", "mask_variance", "flatness"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}.")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "SAMixMethod":
        """Build the method for images of `side` × `side` pixels; see `AdAutoMix.build`."""
        backbone = as_backbone(classifier)
        with initial_weights(seed, network=1):
            block = ContentMixBlock(
                backbone.feature_shape(side).channels,
                flatness=self.flatness,
                upsampling=self.upsampling,
                init=self.init,
            )
            if self.pipeline == "openmixup":
                backbone = TwoHeads(backbone, side)
        return SAMixMethod(backbone, block, self)


class SAMixMethod(AutoMixMethod):
    """AutoMix's momentum pipeline with the two losses of SAMix's block."""

    config: SAMix

    def teacher_loss(
        self, view: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Tensor:
        """Return the block's loss: the teacher's η-balanced loss."""
        return eta_balanced(view, labels, partners, ratios, self.config.eta)

    def mask_loss(self, masks: Tensor, ratios: Tensor) -> Tensor:
        """Return the area loss of AutoMix minus `mask_variance` times the masks' variance."""
        variance = masks[:, 0].to(weighing(masks)).var(correction=0)
        return super().mask_loss(masks, ratios) - self.config.mask_variance * variance


def eta_balanced(
    logits: Float[Tensor, "b k"],
    labels: Labels,
    partners: Int[Tensor, "b 2"],
    ratios: Float[Tensor, "b 2"],
    eta: float = 0.5,
) -> Float[Tensor, ""]:
    """Return the local term between the two mixed classes plus η × the global term.

    Cross-entropy against a mixed label splits exactly, with p₊ = p_a + p_b:

        −Σ_n λ_n log p_n = −Σ_n λ_n log (p_n / p₊) − log p₊

    The first part is the cross-entropy between the two classes alone (local smoothness), the second
    separates the two from all others (global discrimination). η = 1 is `mixed_ce`. If both images
    are of one class, p₊ is that class's probability and the local term is 0.

    For soft labels p₊ = Σ_k max(y_ak, y_bk) p_k, which is the same for one-hot labels, and each
    label counts by its sum, which class weights change.

    The paper names the two terms and η = 0.5; that they are the parts of this identity is our
    interpretation.
    Differs from the published code: there η (`neg_weight`) multiplies the terms of the
    cross-entropy whose label is 0, which are always 0.
    """
    log_probability = logits.log_softmax(dim=1)
    of_label = of_labels(log_probability, labels, partners)  # log p_n
    if labels.ndim == 1:
        one_class = labels[partners[:, 0]] == labels[partners[:, 1]]
        together = torch.where(one_class, of_label[:, 0], of_label.logsumexp(dim=1))
        local = -(ratios * (of_label - together[:, None])).sum(dim=1)
        return (local - eta * together).mean()
    mass = labels.sum(dim=1, keepdim=True)  # 1, or less or more by class weights
    either = (labels / mass.clamp(min=1e-12))[partners].amax(dim=1)
    together = (log_probability + (either + 1e-30).log()).logsumexp(dim=1)
    weights = ratios * mass.squeeze(1)[partners]
    local = -(ratios * of_label - weights * together[:, None]).sum(dim=1)
    return (local - eta * weights.sum(dim=1) * together).mean()
