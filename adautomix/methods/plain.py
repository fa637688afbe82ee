"""Plain training, the paper's "Vanilla": cross-entropy on the clean images (Eq. 1)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from adautomix.fields import checked
from adautomix.losses import ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class Plain:
    """Hyper-parameters of plain training.

    Attributes:
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.
    """

    passes: ClassVar[float] = 3
    momentum: float | None = 0.999

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "PlainMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return PlainMethod(as_backbone(classifier), self.momentum)


class PlainMethod(Method):
    """Training with `Plain`."""

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch; nothing is random."""
        return images, labels

    def compute(self, images: Tensor, labels: Tensor) -> Losses:
        """Return the step's loss."""
        loss = ce(self.classifier(images), labels).mean()
        return Losses.of(loss, ce=loss)
