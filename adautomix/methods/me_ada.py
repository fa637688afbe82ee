"""ME-ADA (Zhao et al., 2020): training on images that were moved to raise loss and entropy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.checked import checked
from adautomix.errors import InputError
from adautomix.losses import ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.models import Backbone, evaluating
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class MEADA:
    """Maximum-entropy adversarial data augmentation: the classifier is trained on x and on x_adv.

    x_adv is reached from x by gradient ascent on

        L_ce(ψ_W(x_adv), y) + eta · H(ψ_W(x_adv)) − gamma · mean_d (z(x_adv) − z(x))²,

    H the entropy of the prediction and z the pooled features before the last layer.

    Attributes:
        eta: weight of the entropy; 10 as in the published run on CIFAR-10 (the default of its
            code is 1).
        gamma: weight of the distance in feature space; 1 as published.
        rate: step of the ascent on the objective of one image, in the units of normalised images.
            The published 20 for a batch mean over 128 images of standard deviation 0.5 moves a
            pixel by 0.5² · 20 / 128 = 0.039 for a gradient of 1 per pixel value; 1 does the same
            (0.2² = 0.04) where images are divided by the standard deviation 0.2 of CIFAR.
        steps: of the ascent; 15 as published, where x_adv is computed only twice in a run. 5 is the
            cheaper default, because here it is computed for every batch. In network passes (forward
            1, backward 2, backward to the input only 1) a step of training costs 6 + 2 steps.
        momentum: of the teacher that follows the classifier (it takes no part in training); None
            for no teacher.

    Differs from the published procedure: there the whole training set is moved at two epochs (10
    and 20 of 100) and what results is appended to it for the rest of the run, two thirds
    adversarial images in the end. Here each batch is moved against the classifier of the moment and
    makes up half of what is trained on; crop and flip come before the ascent, not after it too.
    x_adv is clamped to the darkest and brightest value of each channel in the batch, because the
    method does not know mean and standard deviation of the normalisation, and is not rounded to
    8 bits. The distance is the mean over the features, as in the published code, for which gamma
    was chosen; the published text has half the sum.
    """

    eta: float = 10.0
    gamma: float = 1.0
    rate: float = 1.0
    steps: int = 5
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        for name in ("eta", "gamma"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if self.rate <= 0:
            raise InputError(f"the rate of the ascent must be positive, not {self.rate}.")
        if self.steps < 1:
            raise InputError(f"steps must be 1 or more, not {self.steps}.")

    @property
    def passes(self) -> int:
        """Training on twice the images, and forward and backward to the input for each step."""
        return 6 + 2 * self.steps

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "MEADAMethod":
        """The method to train; `side` and `seed` are not needed."""
        return MEADAMethod(as_backbone(classifier), self)


class MEADAMethod(Method):
    """See `MEADA`."""

    def __init__(self, classifier: Backbone, config: MEADA):
        if not hasattr(classifier.model, "forward_features"):
            raise InputError(
                f"the model {classifier.name} has no forward_features, from which ME-ADA takes its "
                "semantic distance: use a timm model."
            )
        super().__init__(classifier, config.momentum)
        self.config = config

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """The batch, and what the adversary makes of it; nothing is drawn."""
        return images, self.moved(images, labels), labels

    def compute(self, images: Tensor, moved: Tensor, labels: Tensor) -> Losses:
        """The tensor part of the step after the ascent; one forward of both halves."""
        clean, adversarial = self.classifier(torch.cat([images, moved])).chunk(2)
        terms = {"ce": ce(clean, labels).mean(), "adversarial_ce": ce(adversarial, labels).mean()}
        return Losses.of((terms["ce"] + terms["adversarial_ce"]) / 2, **terms)

    def moved(self, images: Tensor, labels: Tensor) -> Tensor:
        """x_adv of each image against the classifier as it is, in evaluation mode as published.

        No gradient is left in the classifier, and nothing in it changes.
        """
        with evaluating(self.classifier):
            found = ascend(self._forward_with_features, images, labels, self.config)
        low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
        return found.clamp(low, high)

    def _forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and the pooled features before the last layer."""
        model = self.classifier.model
        final = model.forward_features(images)
        return model.forward_head(final), model.forward_head(final, pre_logits=True)


def objective(
    logits: Float[Tensor, "b k"],
    features: Float[Tensor, "b d"],
    start: Float[Tensor, "b d"],
    labels: Int[Tensor, " b"],
    config: MEADA,
) -> Float[Tensor, " b"]:
    """What the adversary raises, one number an image: loss + eta · entropy − gamma · distance."""
    log_probability = logits.log_softmax(dim=1)
    entropy = -(log_probability.exp() * log_probability).sum(dim=1)
    distance = (features - start).square().mean(dim=1)
    return ce(logits, labels) + config.eta * entropy - config.gamma * distance


def ascend(
    see: Callable[[Tensor], tuple[Tensor, Tensor]],
    images: Float[Tensor, "b c h w"],
    labels: Int[Tensor, " b"],
    config: MEADA,
) -> Float[Tensor, "b c h w"]:
    """`images` after `config.steps` steps of gradient ascent on the objective, each by itself.

    Args:
        see: logits and features of a batch; what it reads takes no gradient.
        images: where the ascent starts.
        labels: of the images.
        config: step and weights of the objective.
    """
    images = images.detach()
    shift, start = torch.zeros_like(images), None
    with torch.enable_grad():
        for _ in range(config.steps):
            shift = shift.detach().requires_grad_()
            logits, features = see(images + shift)
            start = features.detach() if start is None else start
            value = objective(logits, features, start, labels, config).sum()
            (gradient,) = torch.autograd.grad(value, shift)
            shift = shift + config.rate * gradient
    return (images + shift).detach()
