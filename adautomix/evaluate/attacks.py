"""How often is the network wrong once it is attacked? See `adautomix.evaluate.attack`.

`per_class` takes the first so many images of each class; None takes all.
"""

from dataclasses import dataclass
from functools import partial

from adautomix.evaluate import AttackedError, attacked_error, fgsm, fgsm_released, pgd
from adautomix.evaluate.attack import EPSILON
from adautomix.evaluate.context import EvalContext, Values


@dataclass(frozen=True)
class FGSM:
    """One step of size `epsilon` in every pixel (Table 4)."""

    epsilon: float = EPSILON
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """error, clean_error and n."""
        attack = partial(fgsm, epsilon=self.epsilon)
        batches = context.pixels(self.per_class)
        return _values(attacked_error(context.on_pixels, batches, attack))


@dataclass(frozen=True)
class PGD:
    """`steps` steps of size `step`, never further than `epsilon` from the image; no random start.

    A stronger attack than FGSM: a network that withstands FGSM alone hides its gradient.
    """

    epsilon: float = EPSILON
    step: float = 2 / 255
    steps: int = 10
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """error, clean_error and n."""
        attack = partial(pgd, epsilon=self.epsilon, step=self.step, steps=self.steps)
        batches = context.pixels(self.per_class)
        return _values(attacked_error(context.on_pixels, batches, attack))


@dataclass(frozen=True)
class ReleasedFGSM:
    """What the released script calls FGSM; with `epsilon` 0 its clamp alone."""

    epsilon: float = EPSILON
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """error, clean_error and n."""
        attack = partial(fgsm_released, epsilon=self.epsilon)
        batches = context.normal(self.per_class)
        return _values(attacked_error(context.normalised, batches, attack))


def _values(found: AttackedError) -> Values:
    """For a record. None is left out there: its images all have a class."""
    return {"error": found.error, "clean_error": found.clean_error, "n": found.n}
