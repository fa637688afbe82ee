"""ME-ADA (Zhao et al., 2020): training on adversarial images of high loss and entropy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.data.labels import Labels
from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.models import Backbone, evaluating
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class MEADA:
    """Maximum-entropy adversarial data augmentation: the classifier is trained on x and on x_adv.

    x_adv is computed from x by gradient ascent on

        L_ce(ψ_W(x_adv), y) + eta · H(ψ_W(x_adv)) − gamma · mean_d (z(x_adv) − z(x))²,

    with H the entropy of the prediction and z the pooled features before the last layer.

    Attributes:
        eta: weight of the entropy; 10 as in the published run on CIFAR-10 (the default of its
            code is 1).
        gamma: weight of the distance in feature space; 1 as published.
        rate: step size of the ascent for one image, in units of normalised images. The published
            20, for a batch mean over 128 images divided by a standard deviation of 0.5, changes a
            pixel by 0.5² · 20 / 128 = 0.039 for a gradient of 1 per pixel value; 1 does the same
            (0.2² = 0.04) for images divided by CIFAR's standard deviation 0.2.
        steps: number of ascent steps; 15 as published, where x_adv is computed only twice in a run.
            The default is 5, because here it is computed for every batch. In network passes
            (forward 1, backward 2, backward to the input only 1) a training step costs
            6 + 2 · steps.
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.

    Differs from the published procedure: there adversarial images of the whole training set are
    computed at two epochs (10 and 20 of 100) and appended to it for the rest of the run, which
    makes two thirds of the images adversarial in the end. Here they are computed for each batch
    with the present classifier and make up half of the images; crop and flip are applied before the
    ascent, not again after it. x_adv is clamped to the darkest and brightest value of each channel
    in the batch, because the method does not know mean and standard deviation of the normalisation,
    and is not rounded to 8 bits. The distance is the mean over the features, as in the published
    code, for which gamma was chosen; the paper has half the sum.
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
        """6 for training on twice the images, and 2 for each step of the ascent."""
        return 6 + 2 * self.steps

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "MEADAMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return MEADAMethod(as_backbone(classifier), self)


class MEADAMethod(Method):
    """Training with `MEADA`."""

    def __init__(self, classifier: Backbone, config: MEADA):
        if not hasattr(classifier.model, "forward_features"):
            raise InputError(
                f"the model {classifier.name} has no forward_features, from which ME-ADA takes its "
                "semantic distance: use a timm model."
            )
        super().__init__(classifier, config.momentum)
        self.config = config

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, its adversarial images and the labels; nothing is random."""
        return images, self.moved(images, labels), labels

    def compute(self, images: Tensor, moved: Tensor, labels: Tensor) -> Losses:
        """Return the step's losses, from one forward pass of clean and adversarial images."""
        clean, adversarial = self.classifier(torch.cat([images, moved])).chunk(2)
        terms = {"ce": ce(clean, labels).mean(), "adversarial_ce": ce(adversarial, labels).mean()}
        return Losses.of((terms["ce"] + terms["adversarial_ce"]) / 2, **terms)

    def moved(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return x_adv of each image for the present classifier, in evaluation mode as published.

        The classifier does not change and its parameters get no gradient.
        """
        with evaluating(self.classifier):
            found = ascend(self._forward_with_features, images, labels, self.config)
        low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
        return found.clamp(low, high)

    def _forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and the pooled features before the last layer."""
        model = self.classifier.model
        final = model.forward_features(images)
        return model.forward_head(final), model.forward_head(final, pre_logits=True)


def objective(
    logits: Float[Tensor, "b k"],
    features: Float[Tensor, "b d"],
    start: Float[Tensor, "b d"],
    labels: Labels,
    config: MEADA,
) -> Float[Tensor, " b"]:
    """Return the ascent's objective for each image: loss + eta · entropy − gamma · distance."""
    log_probability = logits.log_softmax(dim=1)
    entropy = -(log_probability.exp() * log_probability).sum(dim=1)
    distance = (features - start).square().mean(dim=1)
    return ce(logits, labels) + config.eta * entropy - config.gamma * distance


def ascend(
    see: Callable[[Tensor], tuple[Tensor, Tensor]],
    images: Float[Tensor, "b c h w"],
    labels: Labels,
    config: MEADA,
) -> Float[Tensor, "b c h w"]:
    """Return `images` after `config.steps` steps of gradient ascent, independent for each image.

    Args:
        see: function from images to (logits, features); its parameters get no gradient.
        images: start of the ascent.
        labels: of the images.
        config: step size and weights of the objective.
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
