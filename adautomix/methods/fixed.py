"""Training with a hand-crafted mixing rule: Mixup, CutMix, ..."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import Mixed, MixingRule
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class Fixed:
    """Cross-entropy of mixed images against mixed labels, with a rule that is not learned.

    Attributes:
        rule: the mixing rule, e.g. `CutMix(alpha=1.0)`.
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.
    """

    passes: ClassVar[float] = 3
    rule: MixingRule
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        if hasattr(self.rule, "guide"):  # a GuidedRule
            rule = type(self.rule).__name__
            raise InputError(f"{rule} needs an importance map of each image: use Guided({rule}()).")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "FixedMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return FixedMethod(as_backbone(classifier), self)


class FixedMethod(Method):
    """Training with `Fixed`."""

    def __init__(self, classifier: Backbone, config: Fixed):
        super().__init__(classifier, config.momentum)
        self.rule = config.rule

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the mixed images, the labels, and the partners and weights of the labels."""
        mixed = self.rule(images, rng)
        return mixed.images, labels, mixed.partners, mixed.label_weights

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, weights: Tensor) -> Losses:
        """Return the step's loss."""
        loss = mixed_ce(self.classifier(images), labels, partners, weights)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images by the rule."""
        return self.rule(images, rng)
