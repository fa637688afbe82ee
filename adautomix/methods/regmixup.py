"""RegMixup (Pinto et al., NeurIPS 2022): Mixup beside the clean images, not instead of them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import ce, mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.methods.eager_grad import eager_grad
from adautomix.mix import Mixed, Mixup
from adautomix.mix.base import check_alpha
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class RegMixup:
    """L_ce(ψ(x), y) + η L_ce(ψ(x̃), λ y_a + (1 − λ) y_b), x̃ = λ x_a + (1 − λ) x_b.

    λ ~ Beta(alpha, alpha), one for a batch. It has the shape of Eq. 14 without a generator, so it
    tells what the clean images and the weights of the losses are worth without learned masks.

    Attributes:
        alpha: concentration of the Beta distribution; with the authors' 20 for CIFAR, λ is near ½.
        eta: η, weight of the loss of the mixed images; 1 in the paper.
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.

    Differs from the published code (github.com/FrancescoPinto/RegMixup, 0fa323a): there clean and
    mixed images are one batch of twice the size, over which BatchNorm and the loss are averaged, so
    that the loss is half of the paper's sum. Here it is that sum, each half is a batch of its own,
    as in Eq. 14, and no image is its own partner.
    """

    passes: ClassVar[float] = 6
    alpha: float = 20.0
    eta: float = 1.0
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.eta < 0:
            raise InputError(f"eta must be 0 or more, not {self.eta}.")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "RegMixupMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return RegMixupMethod(as_backbone(classifier), self)


class RegMixupMethod(Method):
    """Training with `RegMixup`."""

    def __init__(self, classifier: Backbone, config: RegMixup):
        super().__init__(classifier, config.momentum)
        self.rule, self.eta = Mixup(config.alpha), config.eta

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, its mixed images, and their partners and λ."""
        mixed = self.rule(images, rng)
        return images, labels, mixed.images, mixed.partners, mixed.ratios

    def compute(
        self, images: Tensor, labels: Tensor, mixed: Tensor, partners: Tensor, ratios: Tensor
    ) -> Losses:
        """Return the step's losses."""
        weights = list(self.classifier.parameters())
        sets = labels, partners, ratios
        clean = eager_grad(lambda: ce(self.classifier(images), labels).mean(), weights)
        of_mixed = eager_grad(lambda: mixed_ce(self.classifier(mixed), *sets), weights)
        return Losses.of(clean + self.eta * of_mixed, ce=clean, mixed_ce=of_mixed)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images as for the second loss."""
        return self.rule(images, rng)
