"""`Plan`, the part of a recipe that the training loop needs."""

from dataclasses import dataclass, field

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.recipes.base import SGD, AdamW, Cosine


@dataclass(frozen=True)
@checked
class Plan:
    """The part of a recipe that the loop needs.

    Attributes:
        epochs: passes over the training images.
        optim: the optimiser.
        schedule: schedule of the learning rate.
        evaluate_every: epochs between two evaluations.
        parts: see `Recipe`.
    """

    epochs: int
    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    evaluate_every: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "evaluate_every", "parts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")

    def evaluates(self, epoch: int) -> bool:
        """Whether this epoch, counted from 1, is evaluated; each of the last ten is."""
        return epoch % self.evaluate_every == 0 or epoch > self.epochs - 10
