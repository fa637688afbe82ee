"""Manifold Mixup (Verma et al., 2019): Mixup of the images or of a stage's features."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.errors import InputError
from adautomix.fields import checked
from adautomix.losses import mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import Mixed, Mixup
from adautomix.mix.base import check_alpha
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class ManifoldMix:
    """h̃ = λ h_a + (1 − λ) h_b, λ ~ Beta(alpha, alpha), in a random layer h for each batch.

    Attributes:
        alpha: concentration of the Beta distribution; 2 as published.
        layers: number of possible layers, each of probability 1 / layers: 0 is the input image, k
            the output of stage k. 3 as published for CIFAR; 1 is Mixup.
        per: one λ per "batch" (as published) or per "sample".
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.
    """

    passes: ClassVar[float] = 3
    alpha: float = 2.0
    layers: int = 3
    per: str = "batch"
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "ManifoldMixMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return ManifoldMixMethod(as_backbone(classifier), self)


class ManifoldMixMethod(Method):
    """Training with `ManifoldMix`.

    The layer is chosen at random on the host and passed to `compute`, so that `compile_step` makes
    one graph for each layer.
    """

    def __init__(self, classifier: Backbone, config: ManifoldMix):
        super().__init__(classifier, config.momentum)
        self.stage_mix = StageMix(classifier, config.layers)
        self.rule = Mixup(config.alpha, config.per)
        self.layers = config.layers

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch (already mixed for layer 0), its partners and λ, and the layer."""
        mixed = self.rule(images, rng)
        layer = int(rng.numpy.integers(self.layers))
        shown = mixed.images if layer == 0 else images
        return shown, labels, mixed.partners, mixed.ratios, layer

    def compute(
        self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor, layer: int
    ) -> Losses:
        """Return the step's loss; for layer 0 the images are mixed already."""
        if layer == 0:
            logits = self.classifier(images)
        else:
            logits = self.stage_mix(self.classifier, images, partners, ratios, layer)
        loss = mixed_ce(logits, labels, partners, ratios)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Return Mixup of the images with the partners and λ of the step.

        It is what a step with layer 0 trains on. At other layers features are mixed in the same
        way, which no image shows.
        """
        return self.rule(images, rng)


def stages(classifier: Backbone) -> list[nn.Module]:
    """Return the stages of a timm model in order, without its stem.

    They are the modules in timm's `feature_info` that have submodules. In a plain vision
    transformer each block is a stage.
    """
    names = [entry["module"] for entry in getattr(classifier.model, "feature_info", [])]
    found = [classifier.model.get_submodule(name) for name in names if name != "stem"]
    return [module for module in found if next(module.children(), None) is not None]


def check_layers(classifier: Backbone, layers: int) -> None:
    """Raise InputError unless the model has `layers` − 1 stages after which to mix."""
    if layers < 1:
        raise InputError(f"layers counts the places to mix at and must be 1 or more, not {layers}.")
    found = len(stages(classifier)) if layers > 1 else 0
    if layers > found + 1:
        raise InputError(
            f"layers={layers} mixes after stage {layers - 1}, but timm names {found} stages in "
            f"{classifier.name}: use layers={found + 1} or fewer, or a timm model with more stages."
        )


class StageMix:
    """A forward pass of a classifier in which the output of one stage is mixed.

    A forward hook on each stage mixes its output, for any kind of model. The hooks stay registered
    and do nothing between calls, because hooks that are added and removed cannot be compiled.

    Args:
        classifier: its first `layers` − 1 stages get a hook.
        layers: see `ManifoldMix`.

    Raises:
        InputError: the model has too few stages.
    """

    def __init__(self, classifier: Backbone, layers: int):
        check_layers(classifier, layers)
        self.wanted: tuple[int, Tensor, Tensor] | None = None
        for layer in range(1, layers):
            stages(classifier)[layer - 1].register_forward_hook(_Hook(self, layer))

    def __call__(
        self,
        classifier: Backbone,
        images: Float[Tensor, "b c h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
        layer: int,
    ) -> Float[Tensor, "b k"]:
        """Return the logits when the output of stage `layer`, counted from 1, is mixed."""
        self.wanted = (layer, partners, ratios)
        try:
            return classifier(images)
        finally:
            self.wanted = None


class _Hook:
    """The hook; a class, not a closure, so that a deep copy of the method has its own hooks."""

    def __init__(self, mix: StageMix, layer: int):
        self.mix, self.layer = mix, layer

    def __call__(self, stage: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if self.mix.wanted is None or self.mix.wanted[0] != self.layer:
            return None
        return mix_rows(output, *self.mix.wanted[1:])


def mix_rows(
    features: Float[Tensor, "b ..."], partners: Int[Tensor, "b n"], ratios: Float[Tensor, "b n"]
) -> Float[Tensor, "b ..."]:
    """Return Σ_n λ_n h_n over the images of each set; h may have any axes after the first."""
    shares = ratios.to(features.dtype).reshape(*ratios.shape, *[1] * (features.ndim - 1))
    mixed = features[partners[:, 0]] * shares[:, 0]
    for n in range(1, partners.shape[1]):
        mixed = mixed + features[partners[:, n]] * shares[:, n]
    return mixed
