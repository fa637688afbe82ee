"""Training with a rule that takes an importance map of each image: PuzzleMix, SnapMix, ..."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.data.labels import Labels
from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.losses import ce, mixed_ce, of_labels
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import GuidedRule, Mixed
from adautomix.mix.importance import resized, shares
from adautomix.models import Backbone, evaluating
from adautomix.rng import StepRNG

SOURCES = ("classifier", "teacher")


@dataclass(frozen=True)
@checked
class Guided:
    """Cross-entropy of mixed images against mixed labels; a network computes importance maps.

    To compute the maps, the network runs in evaluation mode and neither it nor its gradients
    change. In network passes (forward 1, backward 2, backward to the input only 1) a step of plain
    training costs 3; the maps add 2 for "saliency" (PuzzleMix) and 1 for "attention" and "cam"
    (AttentiveCutMix, SnapMix).

    Attributes:
        rule: the mixing rule, e.g. `PuzzleMix()`; its `guide` names the map it takes, see `GUIDES`.
        momentum: ξ of the teacher; None for no teacher.
        guide_from: the network that computes the maps, the "classifier" in training or its
            "teacher".

    Differs from the published code of AttentiveCutMix: there the attention is that of another
    network, a ResNet-18 trained on ImageNet; here it is that of the network in training, or of its
    teacher, so that no additional data is used. In the code of SnapMix the map comes, unless other
    weights are given, from a pass in training mode, which also updates BatchNorm's statistics.
    """

    rule: GuidedRule
    momentum: float | None = 0.999
    guide_from: str = "classifier"

    def __post_init__(self) -> None:
        if (kind := getattr(self.rule, "guide", "none")) not in GUIDES:
            raise unknown("map to guide a rule", kind, GUIDES)
        if self.guide_from not in SOURCES:
            raise unknown("guide", self.guide_from, SOURCES)
        if self.guide_from == "teacher" and self.momentum is None:
            raise InputError(
                "guide_from='teacher' needs a teacher: give a momentum, e.g. momentum=0.999."
            )

    @property
    def passes(self) -> int:
        """3 for training and 2 or 1 for the importance maps."""
        return 3 + (2 if self.rule.guide == "saliency" else 1)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "GuidedMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return GuidedMethod(as_backbone(classifier), self)


class GuidedMethod(Method):
    """Training with `Guided`."""

    def __init__(self, classifier: Backbone, config: Guided):
        super().__init__(classifier, config.momentum)
        self.config = config
        self.rule = config.rule

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the mixed images, the labels, and the partners and weights of the labels."""
        mixed = self._mixed(images, labels, rng)
        return mixed.images, labels, mixed.partners, mixed.label_weights

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, weights: Tensor) -> Losses:
        """Return the step's loss."""
        loss = mixed_ce(self.classifier(images), labels, partners, weights)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images by the rule, with maps for the predicted classes instead of the labels.

        Early in training, saliency and CAM therefore differ from those of a training step.
        """
        with evaluating(self._guide()) as network, torch.no_grad():
            predicted = network(images).argmax(dim=1)
        return self._mixed(images, predicted, rng)

    def importance(self, images: Tensor, labels: Tensor) -> Float[Tensor, "b rows columns"]:
        """Return the importance map of each image."""
        with evaluating(self._guide()) as network:
            return GUIDES[self.rule.guide](network, images, labels)

    def _mixed(self, images: Tensor, labels: Tensor, rng: StepRNG) -> Mixed:
        importance = self.importance(images, labels)
        with torch.no_grad():
            return self.rule(images, rng, importance)

    def _guide(self) -> Backbone:
        teacher = self.teacher if self.config.guide_from == "teacher" else None
        return self.classifier if teacher is None else teacher.network


def saliency(
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Labels
) -> Float[Tensor, "b h w"]:
    """Return √(mean_c g²) with g the gradient of L_ce with respect to the image (Kim et al., 2020).

    It takes one forward pass and one backward pass to the input; no parameter gets a gradient.
    """
    with torch.enable_grad():
        watched = images.detach().requires_grad_()
        loss = ce(network(watched), labels).sum()
        (gradient,) = torch.autograd.grad(loss, watched)
    return gradient.float().square().mean(dim=1).sqrt()


@torch.no_grad()
def attention(
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Labels
) -> Float[Tensor, "b rows columns"]:
    """Return the channel mean of the tapped features; the labels are not used."""
    return network.forward_with_features(images).features.float().mean(dim=1)


def cam(
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Labels
) -> Float[Tensor, "b h w"]:
    """Return the class activation map (Zhou et al., 2016), of the image's size, minimum 0, sum 1.

    It is Σ_d w_d f_d at every position of the last features f, with w_d the derivative of the
    label's logit by f_d at that position. If the head is a mean over positions and a linear layer,
    as in ResNets, w is the label's row of that layer divided by the number of positions, and the
    map is the published one; a norm between them, as in ConvNeXt, is linearised. A soft label's
    logit is Σ_k y_k s_k.

    Raises:
        InputError: the last features are not one tensor, or not on a grid.
    """
    final = network.final(images)
    if final.ndim != 4:
        raise InputError(
            f"the last features of {network.name} do not lie on a grid, so it has no class "
            "activation map, which SnapMix needs: use a ResNet, ConvNeXt or Swin."
        )
    with torch.enable_grad():
        watched = final.detach().requires_grad_()
        own = torch.arange(len(images), device=images.device)[:, None]
        evidence = of_labels(network.model.forward_head(watched), labels, own).sum()
        (gradient,) = torch.autograd.grad(evidence, watched)
    _, _, height, width = images.shape
    channels = -1 if getattr(network.model, "output_fmt", "NCHW") == "NHWC" else 1
    grid = (gradient.float() * final.float()).sum(dim=channels)
    large = resized(grid, (height, width))
    return shares(large - large.amin(dim=(1, 2), keepdim=True))


GUIDES: dict[str, Callable[[Backbone, Tensor, Tensor], Tensor]] = {
    "saliency": saliency,
    "attention": attention,
    "cam": cam,
}
"""Kinds of map, as functions (network in evaluation mode, images, labels) → importance."""
