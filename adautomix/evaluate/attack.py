"""White-box adversarial attacks: FGSM and PGD in the ℓ∞ ball (Sec. 4.3, Table 4).

An attack takes a predict function, images and their true labels, and returns adversarial images. It
is untargeted, changes neither the network nor its gradients, and treats each image independently of
the batch. Budgets are in units of pixels in [0, 1]. Labels are as for `accuracy`; an image of label
−100 gets a gradient of 0.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from adautomix.data.labels import LEFT_OUT
from adautomix.errors import InputError
from adautomix.evaluate import checks
from adautomix.evaluate.checked_predict import CheckedPredict, checked_predict, ranks
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.predict import Predict
from adautomix.rng import StepRNG

EPSILON = 8 / 255
Attack = Callable[[Predict, Tensor, Tensor], Tensor]
"""Type of `fgsm`, `pgd` and `fgsm_released`; `functools.partial` sets other budgets."""


class AttackedError(NamedTuple):
    """Error under an attack and error on the clean images.

    Attributes:
        error, clean_error: fraction of the n images that is misclassified, attacked and clean.
        n: number of images with a label.
        left_out: number of images left out, since their label is −100.
    """

    error: float
    clean_error: float
    n: int
    left_out: int = 0


def fgsm(
    predict: Predict,
    pixels: Float[Tensor, "b c h w"],
    labels: Tensor,
    epsilon: float = EPSILON,
) -> Float[Tensor, "b c h w"]:
    """Return x + ε sign(∇_x CE(predict(x), y)), clamped to [0, 1] (Goodfellow et al., 2015).

    Args:
        predict: pixels to logits, e.g. `NormalizedModel`; a module is attacked in evaluation mode.
        pixels: in [0, 1]; InputError otherwise.
        labels: the true classes.
        epsilon: the largest change of a pixel, in [0, 1].
    """
    _require_pixels(pixels, epsilon)
    with checked_predict(predict) as checked:
        return (pixels + epsilon * _uphill(checked, pixels, labels)).clamp(0, 1)


def pgd(
    predict: Predict,
    pixels: Float[Tensor, "b c h w"],
    labels: Tensor,
    epsilon: float = EPSILON,
    step: float = 2 / 255,
    steps: int = 10,
    start: StepRNG | None = None,
) -> Float[Tensor, "b c h w"]:
    """Take FGSM steps, each followed by a projection to the ball (PGD; Madry et al., 2018).

    Args:
        predict, pixels, labels, epsilon: as for `fgsm`.
        step: change of a pixel in one step.
        steps: number of steps.
        start: random numbers for a uniform start in the ball; None starts at the image.
    """
    _require_pixels(pixels, epsilon)
    if not step > 0 or steps < 1:
        raise InputError(f"step must be positive and steps 1 or more, not {step} and {steps}.")
    low, high = (pixels - epsilon).clamp(min=0), (pixels + epsilon).clamp(max=1)
    attacked = pixels
    if start is not None:
        shift = start.uniform(-epsilon, epsilon, pixels.shape, pixels.device)
        attacked = (pixels + shift.to(pixels.dtype)).clamp(low, high)
    with checked_predict(predict) as checked:
        for _ in range(steps):
            attacked = (attacked + step * _uphill(checked, attacked, labels)).clamp(low, high)
    return attacked


def fgsm_released(
    network: Predict,
    normalised: Float[Tensor, "b c h w"],
    labels: Tensor,
    epsilon: float = EPSILON,
) -> Float[Tensor, "b c h w"]:
    """Return what the released script calls FGSM; use it only to compare with Table 4.

    Differs from the published attack, as the released code does, in two ways:

    - ε is added to normalised images, so it is ε · std in pixels, about a fifth of the stated ε;
    - they are then clamped to [0, 1] as if they were pixels: a value below the channel's mean
      becomes the mean, and one more than a standard deviation above it is cut, whatever ε is. 63 %
      of standard normal values change by more than ε. The error mostly measures this clamp.

    Args:
        network: *normalised* images to logits; a module is attacked in evaluation mode.
        normalised: images minus the mean, divided by std.
        labels: the true classes.
        epsilon: added in normalised units.
    """
    _require_images(normalised)
    with checked_predict(network) as checked:
        return (normalised + epsilon * _uphill(checked, normalised, labels)).clamp(0, 1)


def attacked_error(predict: Predict, batches: Iterable, attack: Attack = fgsm) -> AttackedError:
    """Compute the error under an attack and on the clean images.

    Args:
        predict: pixels in [0, 1] to logits (for `fgsm_released`: normalised images to logits).
        batches: (pixels, labels) pairs of any size; for the labels see `accuracy`.
        attack: e.g. `fgsm`, or `partial(pgd, steps=20, start=rng_for(0, 0, stream="evaluate"))`.

    Raises:
        InputError: see `accuracy`; or no images.
    """
    parts = [torch.zeros(4, dtype=torch.int64)]
    with checked_predict(predict) as checked, torch.no_grad():
        for pixels, labels in checked.pairs(batches):
            checks.check_images(pixels)
            clean = checked(pixels, labels)
            attacked = checked(attack(predict, pixels, clean.labels), labels)
            kept = clean.labels != LEFT_OUT
            wrong = [((ranks(each) > 0) & kept).sum() for each in (attacked, clean)]
            parts.append(torch.stack([*wrong, kept.sum(), (~kept).sum()]))
    error, clean_error, n, left_out = torch.stack(parts[1:] or parts).sum(dim=0).tolist()
    if n == 0:
        raise InputError(
            "there are no images to attack: the batches are empty, or all labels are −100."
        )
    return AttackedError(error / n, clean_error / n, n, left_out)


def _uphill(
    checked: CheckedPredict, images: Float[Tensor, "b c h w"], labels: Tensor
) -> Float[Tensor, "b c h w"]:
    """Return the sign of the gradient of each image's cross-entropy, -1, 0 or 1.

    The losses are summed, not averaged, so that an image's gradient does not depend on its batch.
    """
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        found = checked(images, labels)
        loss = F.cross_entropy(found.logits, found.labels, ignore_index=LEFT_OUT, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient.sign()


def _require_images(images: Tensor) -> None:
    """Raise InputError unless the images are finite and there is at least one."""
    checks.check_finite(images)
    if not images.numel():
        raise InputError("there are no images to attack: the batch is empty.")


def _require_pixels(pixels: Float[Tensor, "b c h w"], epsilon: float) -> None:
    """Raise InputError unless pixels and epsilon are in [0, 1]; normalised images are not."""
    _require_images(pixels)
    low, high = torch.stack(pixels.aminmax()).tolist()
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"the images run from {low:.3g} to {high:.3g}; attacks take pixels in [0, 1]: "
            "wrap the network in NormalizedModel and leave the images unnormalised."
        )
    if not 0 <= epsilon <= 1:
        raise InputError(
            f"epsilon must lie in [0, 1], not be {epsilon}: it counts as the pixels do, e.g. 8/255."
        )


@dataclass(frozen=True)
class FGSM:
    """The evaluation "fgsm": error under FGSM of size `epsilon` (Table 4).

    Attributes:
        epsilon: largest change of a pixel in [0, 1].
        per_class: attack the first `per_class` images of each class; None for all.
    """

    epsilon: float = EPSILON
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """Return error, clean_error and n."""
        attack = partial(fgsm, epsilon=self.epsilon)
        batches = context.pixels(self.per_class)
        return _values(attacked_error(context.on_pixels, batches, attack))


@dataclass(frozen=True)
class PGD:
    """The evaluation "pgd": error under `steps` steps of size `step` within `epsilon`.

    It starts at the image. The attack is stronger than FGSM: a network that withstands only FGSM
    merely masks its gradient.
    """

    epsilon: float = EPSILON
    step: float = 2 / 255
    steps: int = 10
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """Return error, clean_error and n."""
        attack = partial(pgd, epsilon=self.epsilon, step=self.step, steps=self.steps)
        batches = context.pixels(self.per_class)
        return _values(attacked_error(context.on_pixels, batches, attack))


@dataclass(frozen=True)
class ReleasedFGSM:
    """The evaluation "fgsm_released": see `fgsm_released`; `epsilon` 0 leaves only its clamp."""

    epsilon: float = EPSILON
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """Return error, clean_error and n."""
        attack = partial(fgsm_released, epsilon=self.epsilon)
        batches = context.normal(self.per_class)
        return _values(attacked_error(context.normalised, batches, attack))


def _values(found: AttackedError) -> Values:
    """Return the values for a record, where every image has a class."""
    return {"error": found.error, "clean_error": found.clean_error, "n": found.n}
