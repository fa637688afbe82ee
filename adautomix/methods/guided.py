"""Training with a rule that must be told what matters in each image: PuzzleMix, SnapMix, ..."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.checked import checked
from adautomix.errors import InputError, unknown
from adautomix.losses import ce, mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import GuidedRule, Mixed
from adautomix.mix.importance import resized, shares
from adautomix.models import Backbone, evaluating
from adautomix.rng import StepRNG

SOURCES = ("classifier", "teacher")


@dataclass(frozen=True)
@checked
class Guided:
    """Cross-entropy of mixed images, where a network tells the rule what matters in each image.

    The network runs in evaluation mode, takes no gradient and does not change. In network passes
    (forward 1, backward 2, backward to the input only 1) a step of plain training costs 3; the
    guide adds 2 for "saliency" (PuzzleMix) and 1 for "attention" and "cam" (AttentiveCutMix,
    SnapMix).

    Attributes:
        rule: what mixes, e.g. `PuzzleMix()`; its `guide` names the map it is given, see `GUIDES`.
        momentum: of the teacher that follows the classifier; None for no teacher.
        guide_from: which network is asked, the "classifier" in training or its "teacher".

    Differs from the published code of AttentiveCutMix: there the attention is that of another
    network, a ResNet-18 trained on ImageNet; here it is that of the network in training, or of its
    teacher, so that no foreign weights and images take part. In the code of SnapMix the map comes,
    unless other weights are given, from a pass in training mode, which also moves BatchNorm's
    statistics.
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
        """Plain training's 3 and those of the guide."""
        return 3 + (2 if self.rule.guide == "saliency" else 1)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "GuidedMethod":
        """The method to train; `side` and `seed` are not needed."""
        return GuidedMethod(as_backbone(classifier), self)


class GuidedMethod(Method):
    """See `Guided`."""

    def __init__(self, classifier: Backbone, config: Guided):
        super().__init__(classifier, config.momentum)
        self.config = config
        self.rule = config.rule

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """The rule's images, and what their labels are mixed of."""
        mixed = self._mixed(images, labels, rng)
        return mixed.images, labels, mixed.partners, mixed.label_weights

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, weights: Tensor) -> Losses:
        """The tensor part of the step after the mixing."""
        loss = mixed_ce(self.classifier(images), labels, partners, weights)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """What the rule makes of these images.

        There are no labels here, so saliency and class activation are those of the class that the
        network predicts: early in training not quite the images that a step trains on.
        """
        with evaluating(self._guide()) as network, torch.no_grad():
            predicted = network(images).argmax(dim=1)
        return self._mixed(images, predicted, rng)

    def importance(self, images: Tensor, labels: Tensor) -> Float[Tensor, "b rows columns"]:
        """The map of each image that the rule is given."""
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
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, "b h w"]:
    """√(mean_c g²) with g the gradient of L_ce with respect to the image (Kim et al., 2020).

    One forward, and one backward to the input alone: no parameter gets a gradient.
    """
    with torch.enable_grad():
        watched = images.detach().requires_grad_()
        loss = ce(network(watched), labels).sum()
        (gradient,) = torch.autograd.grad(loss, watched)
    return gradient.float().square().mean(dim=1).sqrt()


@torch.no_grad()
def attention(
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, "b rows columns"]:
    """The channel mean of the tapped features; the labels play no part."""
    return network.forward_with_features(images).features.float().mean(dim=1)


def cam(
    network: Backbone, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, "b h w"]:
    """The class activation map (Zhou et al., 2016), as large as the image, least value 0, sum 1.

    Σ_d w_d f_d at every position of the last features f, with w_d the derivative of the label's
    logit by the sum of f_d. Where the head is a mean over positions and a linear layer, as in
    ResNets, w is the label's row of that layer over the number of positions, and the map is the
    published one; a norm in between, as in ConvNeXt, is linearised.

    Raises:
        InputError: the last features are not one tensor, or do not lie on a grid.
    """
    final = network.final(images)
    if final.ndim != 4:
        raise InputError(
            f"the last features of {network.name} do not lie on a grid, so it has no class "
            "activation map, which SnapMix needs: use a ResNet, ConvNeXt or Swin."
        )
    with torch.enable_grad():
        watched = final.detach().requires_grad_()
        evidence = network.model.forward_head(watched).gather(1, labels[:, None]).sum()
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
"""The kinds of map: (network, images, labels) → importance, for a network in evaluation mode."""
