"""Attacks with a full view of the network: FGSM and PGD in the ℓ∞ ball (Sec. 4.3, Table 4).

An attack takes a predict function, images and their true labels, and returns the images it makes of
them. It is untargeted, changes neither the network nor its gradients, and treats each image alone,
so the size of the batch does not matter. Budgets are in units of pixels in [0, 1].
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.draw import Draw
from adautomix.errors import InputError
from adautomix.evaluate.predict import Predict
from adautomix.models import evaluating

EPSILON = 8 / 255
Attack = Callable[[Predict, Tensor, Tensor], Tensor]
"""`fgsm`, `pgd` or `fgsm_released`, with `functools.partial` for other budgets."""


class AttackedError(NamedTuple):
    """Shares of misclassified images in [0, 1], attacked and as they were, and how many images."""

    error: float
    clean_error: float
    n: int


def fgsm(
    predict: Predict,
    pixels: Float[Tensor, "b c h w"],
    labels: Int[Tensor, " b"],
    epsilon: float = EPSILON,
) -> Float[Tensor, "b c h w"]:
    """x + ε sign(∇_x CE(predict(x), y)), clamped to [0, 1] (Goodfellow et al., 2015).

    Args:
        predict: pixels to logits, e.g. `OnPixels`; a module is attacked in evaluation mode.
        pixels: in [0, 1]; InputError otherwise.
        labels: the true classes.
        epsilon: the largest change of a pixel.
    """
    _require_pixels(pixels, epsilon)
    return (pixels + epsilon * _uphill(predict, pixels, labels)).clamp(0, 1)


def pgd(
    predict: Predict,
    pixels: Float[Tensor, "b c h w"],
    labels: Int[Tensor, " b"],
    epsilon: float = EPSILON,
    step: float = 2 / 255,
    steps: int = 10,
    start: Draw | None = None,
) -> Float[Tensor, "b c h w"]:
    """FGSM in small steps, each followed by a projection to the ball (Madry et al., 2018).

    Args:
        predict, pixels, labels, epsilon: as for `fgsm`.
        step: the change of a pixel in one step.
        steps: how many.
        start: draws a start uniformly from the ball; without it, the image itself.
    """
    _require_pixels(pixels, epsilon)
    if not step > 0 or steps < 1:
        raise InputError(f"step must be positive and steps 1 or more, not {step} and {steps}.")
    low, high = (pixels - epsilon).clamp(min=0), (pixels + epsilon).clamp(max=1)
    attacked = pixels
    if start is not None:
        shift = start.uniform(-epsilon, epsilon, pixels.shape, pixels.device)
        attacked = (pixels + shift.to(pixels.dtype)).clamp(low, high)
    for _ in range(steps):
        attacked = (attacked + step * _uphill(predict, attacked, labels)).clamp(low, high)
    return attacked


def fgsm_released(
    network: Predict,
    normalised: Float[Tensor, "b c h w"],
    labels: Int[Tensor, " b"],
    epsilon: float = EPSILON,
) -> Float[Tensor, "b c h w"]:
    """The released script's FGSM, which is not one: for comparison with Table 4 alone.

    Differs from the published attack, as the released code does, in two ways:

    - ε is added to normalised images, so it is ε · std in pixels, about a fifth of what is said;
    - they are then clamped to [0, 1] as if they were pixels: what is darker than the channel's mean
      becomes the mean, what is more than one standard deviation brighter is cut, whatever ε is. Of
      standard normal values 63 % move by more than ε. The error mostly measures this clamp.

    Args:
        network: *normalised* images to logits; a module is attacked in evaluation mode.
        normalised: images less the mean, divided by std.
        labels: the true classes.
        epsilon: added in normalised units.
    """
    return (normalised + epsilon * _uphill(network, normalised, labels)).clamp(0, 1)


def attacked_error(
    predict: Predict, batches: Iterable[tuple[Tensor, Tensor]], attack: Attack = fgsm
) -> AttackedError:
    """How many images are misclassified once attacked, and how many are anyway.

    Args:
        predict: pixels in [0, 1] to logits (for `fgsm_released`: normalised images to logits).
        batches: (pixels, labels) pairs of any size; InputError when there is none.
        attack: e.g. `fgsm`, or `partial(pgd, steps=20, start=draw_for(0, 0, stream="evaluate"))`.
    """
    clean = attacked = torch.zeros((), dtype=torch.int64)
    n = 0
    with evaluating(predict), torch.no_grad():
        for pixels, labels in batches:
            changed = attack(predict, pixels, labels)
            clean = clean + (predict(pixels).argmax(dim=1) != labels).sum()
            attacked = attacked + (predict(changed).argmax(dim=1) != labels).sum()
            n += len(labels)
    if n == 0:
        raise InputError("there are no images to attack: the batches are empty.")
    return AttackedError(int(attacked) / n, int(clean) / n, n)


def _uphill(
    predict: Predict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """The sign of the gradient of each image's cross-entropy, -1, 0 or 1.

    The losses are summed, not averaged, so that an image's gradient does not depend on its batch.
    """
    images = images.detach().requires_grad_()
    with evaluating(predict), torch.enable_grad():
        loss = F.cross_entropy(predict(images), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient.sign()


def _require_pixels(pixels: Float[Tensor, "b c h w"], epsilon: float) -> None:
    """Pixels in [0, 1] and a radius: normalised images would be clamped to grey."""
    if not pixels.numel():
        raise InputError("there are no images to attack: the batch is empty.")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"the images run from {low:.3g} to {high:.3g}; attacks take pixels in [0, 1]: "
            "wrap the network in OnPixels and leave the images unnormalised."
        )
    if not 0 <= epsilon <= 1:
        raise InputError(
            f"epsilon must lie in [0, 1], not be {epsilon}: it counts as the pixels do, e.g. 8/255."
        )
