"""Manifold Mixup (Verma et al., 2019): Mixup of the images or of a hidden stage's features."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.checked import checked
from adautomix.errors import InputError
from adautomix.losses import mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.mix import Mixed, Mixup
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class ManifoldMix:
    """h̃ = λ h_a + (1 − λ) h_b, λ ~ Beta(alpha, alpha), in a layer h drawn anew for each batch.

    Attributes:
        alpha: concentration of the Beta distribution; 2 as published.
        layers: how many layers may be drawn, each with probability 1 / layers: 0 is the input
            image, k the output of stage k. 3 as published for CIFAR; 1 is Mixup.
        per: one λ per "batch" (as published) or per "sample".
        momentum: of the teacher that follows the classifier (it takes no part in training); None
            for no teacher.
    """

    passes: ClassVar[float] = 3
    alpha: float = 2.0
    layers: int = 3
    per: str = "batch"
    momentum: float | None = 0.999

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "ManifoldMixMethod":
        """The method to train; `side` and `seed` are not needed."""
        return ManifoldMixMethod(as_backbone(classifier), self)


class ManifoldMixMethod(Method):
    """See `ManifoldMix`.

    The layer is drawn on the host and is an argument of `compute`, so that `compile_step` makes one
    graph for each layer.
    """

    def __init__(self, classifier: Backbone, config: ManifoldMix):
        super().__init__(classifier, config.momentum)
        self.stage_mix = StageMix(classifier, config.layers)
        self.rule = Mixup(config.alpha, config.per)
        self.layers = config.layers

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """The batch, mixed already at layer 0, its partners and λ, and the layer."""
        mixed = self.rule(images, rng)
        layer = int(rng.numpy.integers(self.layers))
        shown = mixed.images if layer == 0 else images
        return shown, labels, mixed.partners, mixed.ratios, layer

    def compute(
        self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor, layer: int
    ) -> Losses:
        """The tensor part of the step; at layer 0 the images have been mixed already."""
        if layer == 0:
            logits = self.classifier(images)
        else:
            logits = self.stage_mix(self.classifier, images, partners, ratios, layer)
        loss = mixed_ce(logits, labels, partners, ratios)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """The partners and λ of the step, shown as Mixup of the images.

        That is what is trained on at layer 0. At the other layers the same mix is made of features,
        and no image shows it.
        """
        return self.rule(images, rng)


def stages(classifier: Backbone) -> list[nn.Module]:
    """The stages of a timm model from the input on, without its stem.

    timm's `feature_info` names the modules, and a stage is one that is made of others. In a plain
    vision transformer each block is a stage.
    """
    names = [entry["module"] for entry in getattr(classifier.model, "feature_info", [])]
    found = [classifier.model.get_submodule(name) for name in names if name != "stem"]
    return [module for module in found if next(module.children(), None) is not None]


def check_layers(classifier: Backbone, layers: int) -> None:
    """InputError unless the model has `layers` − 1 stages after which to mix."""
    if layers < 1:
        raise InputError(f"layers counts the places to mix at and must be 1 or more, not {layers}.")
    found = len(stages(classifier)) if layers > 1 else 0
    if layers > found + 1:
        raise InputError(
            f"layers={layers} mixes after stage {layers - 1}, but timm names {found} stages in "
            f"{classifier.name}: use layers={found + 1} or fewer, or a timm model with more stages."
        )


class StageMix:
    """Mixes what one stage of a classifier puts out, for the length of a call.

    A forward hook on each stage does it, whatever the kind of model. The hooks stay and are idle
    between calls: one that came and went could not be compiled.

    Args:
        classifier: whose first `layers` − 1 stages get a hook.
        layers: see `ManifoldMix`.
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
        """Logits where the output of stage `layer`, from 1, is mixed and the rest sees the mix."""
        self.wanted = (layer, partners, ratios)
        try:
            return classifier(images)
        finally:
            self.wanted = None


class _Hook:
    """A class, not a closure: a copy of the method gets hooks that obey the copy."""

    def __init__(self, mix: StageMix, layer: int):
        self.mix, self.layer = mix, layer

    def __call__(self, stage: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if self.mix.wanted is None or self.mix.wanted[0] != self.layer:
            return None
        return mix_rows(output, *self.mix.wanted[1:])


def mix_rows(
    features: Float[Tensor, "b ..."], partners: Int[Tensor, "b n"], ratios: Float[Tensor, "b n"]
) -> Float[Tensor, "b ..."]:
    """Σ_n λ_n h_n over the images of each set; h may have any axes after the first."""
    shares = ratios.to(features.dtype).reshape(*ratios.shape, *[1] * (features.ndim - 1))
    mixed = features[partners[:, 0]] * shares[:, 0]
    for n in range(1, partners.shape[1]):
        mixed = mixed + features[partners[:, n]] * shares[:, n]
    return mixed
