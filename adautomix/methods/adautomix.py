"""AdAutoMix by the paper's equations (Sec. 3.3, Algorithm 1), in one backward pass a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from adautomix import losses as loss
from adautomix.errors import InputError, unknown
from adautomix.fields import added, checked
from adautomix.methods.base import Losses, Method, as_backbone, check_teacher
from adautomix.methods.eager_grad import eager_grad
from adautomix.mix import Mixed, MixGenerator, blend, interpolate
from adautomix.mix.base import batch_shape
from adautomix.models import Backbone, Teacher
from adautomix.models.backbone import BackboneOutput
from adautomix.rng import StepRNG, initial_weights

UPDATES = ("both", "classifier", "generator")
"""What an update changes: both networks, the classifier alone, or the generator alone."""
TERMS = ("mce", "ace", "teacher_amce", "cosine")
"""The terms of Eq. 14 and Eq. 15 that Tables 5 and 8 add to the first, L_amce(ψ_W(x_mix))."""
Terms = dict[str, Tensor]
"""Losses by name; 0 for one that is left out."""


@dataclass(frozen=True)
@checked
class AdAutoMix:
    """Hyper-parameters of AdAutoMix; the defaults are the paper's (A.2) where it gives them.

    Attributes:
        n: N, the number of images in one mixed image.
        alpha: α, weight of L_mce; L_ace has 1 − α (Eq. 10, 14).
        beta: β, weight of the teacher's cross-entropy; its cosine has 1 − β (Eq. 11, 15).
        adversary: weight of the classifier's loss in the generator's objective. 1 is exactly
            Eq. 15; the default, a weaker adversary, was chosen on a validation split.
        concentration: of the Dirichlet distribution of λ; Table 9 calls it the λ ratio.
        momentum: ξ of the teacher at the start; it rises to 1 on a cosine (A.2).
        embed_ratio, upsampling, order, init: see `MixGenerator`.
        classifier_updates: T1 of Algorithm 1, updates of the classifier per batch.
        generator_updates: T2 of Algorithm 1, updates of the generator per batch.
        without: those of `TERMS` that are left out, with the network passes that only they need;
            the weights of the others stay. All four left out is the "Base" of Tables 5 and 8.

    Differs from the paper: in the paper the classifier's loss has no `adversary`, i.e. the weight
    is 1. With 1, and one learning rate for both networks, the masks became independent of λ
    (numbers in the book's log). The paper does not give λ's distribution, the generator's initial
    weights, T1 and T2; the defaults are ours.
    """

    n: int = 3
    alpha: float = 0.5
    beta: float = 0.3
    adversary: float = 0.3
    concentration: float = 1.0
    momentum: float = 0.999
    embed_ratio: bool = True
    upsampling: str = "bilinear"
    order: str = "softmax-upsample"
    init: float = 0.01
    classifier_updates: int = 1
    generator_updates: int = 1
    without: tuple[str, ...] = added(before=())

    def __post_init__(self) -> None:
        if self.n < 2:
            raise InputError(f"AdAutoMix mixes n = 2 or more images, not {self.n}.")
        check_teacher(self.momentum)
        for name in ("alpha", "beta"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must lie in [0, 1], not {getattr(self, name)}.")
        check_opponent(self.adversary, self.concentration)
        for name in ("classifier_updates", "generator_updates"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        for term in self.without:
            if term not in TERMS:
                raise unknown("term that can be left out", term, TERMS)
        if len(set(self.without)) < len(self.without):
            raise InputError(f"without names a term twice: {', '.join(self.without)}.")

    @property
    def passes(self) -> int:
        """12 with all terms; each update of the classifier alone adds 10, of the generator 5.

        L_mce and L_ace cost 3 each, the teacher's two terms 2 together.
        """
        classifier = 3 * len({"mce", "ace"} - set(self.without))
        teacher = 2 if {"teacher_amce", "cosine"} - set(self.without) else 0
        alone = (4 + classifier) * (self.classifier_updates - 1)
        return 4 + classifier + teacher + alone + (3 + teacher) * (self.generator_updates - 1)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "AdAutoMixMethod":
        """Build the method to train, for images of `side` × `side` pixels.

        Args:
            classifier: a timm model, or a `Backbone` to choose another tap.
            side: height and width of the images, to measure the tap.
            seed: of the generator's initial weights.
        """
        backbone = as_backbone(classifier)
        with initial_weights(seed, network=1):
            generator = MixGenerator(
                backbone.feature_shape(side).channels,
                embed_ratio=self.embed_ratio,
                upsampling=self.upsampling,
                order=self.order,
                init=self.init,
            )
        return AdAutoMixMethod(backbone, generator, self)


def check_opponent(adversary: float, concentration: float) -> None:
    """Raise InputError for a negative `adversary` or a `concentration` that is not positive."""
    if adversary < 0:
        raise InputError(f"adversary must be 0 or more, not {adversary}.")
    if concentration <= 0:
        raise InputError(f"concentration must be positive, not {concentration}.")


class AdAutoMixMethod(Method):
    """The min-max game of Eq. 11: classifier ψ_W against generator G_θ, with the teacher ψ_Ŵ.

    Algorithm 1 computes the losses once and updates both networks from them. Both gradients are
    thus taken at the same point, and one backward pass of Eq. 14 − Eq. 15 computes both. The
    teacher's parameters get no gradient; its two terms reach only the generator. With T1 = T2 = 1,
    network passes cost 12 units (forward 1, backward 2, backward to the input only 1) against 3 for
    plain training: teacher on clean images 1, teacher on mixed images 1 + 1, classifier on mixed,
    interpolated and clean images 3 × 3.
    """

    teacher: Teacher

    def __init__(self, classifier: Backbone, generator: MixGenerator, config: AdAutoMix):
        super().__init__(classifier, config.momentum)
        self.generator = generator
        self.config = config
        # T1 - 1 updates of the classifier alone, one of both, T2 - 1 of the generator alone
        # (Algorithm 1, l. 7-12)
        self.updates = (
            *["classifier"] * (config.classifier_updates - 1),
            "both",
            *["generator"] * (config.generator_updates - 1),
        )

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().param_groups(), "generator": list(self.generator.parameters())}

    def computing(self, update: str) -> Callable[..., Losses]:
        """Return the tensor part of an update: of "both" networks, "classifier" or "generator"."""
        if update not in UPDATES:
            raise unknown("update", update, UPDATES)
        alone = {"classifier": self.classifier_update, "generator": self.generator_update}
        return alone.get(update, self.compute)

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, its sets of N partners and their λ."""
        return images, labels, *self._sets(images, rng)

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor) -> Losses:
        """Return Eq. 14, minimised by the classifier, minus Eq. 15, maximised by the generator.

        L_amce(ψ_W(x_mix)) is in both equations but is computed once, in Eq. 14. The first term of
        Eq. 15, adversary · L_amce, exists only as a gradient: `reverse(mixed)` multiplies what
        comes back from L_amce by −adversary, so that the generator ascends it.
        """
        alpha, beta, sets = self.config.alpha, self.config.beta, (labels, partners, ratios)
        clean, mixed = self._mix(images, partners, ratios)
        w = self._classifier_terms(images, reverse(mixed, self.config.adversary), *sets)
        t = self._teacher_terms(clean.logits, mixed, *sets)
        eq_14 = w["amce"] + alpha * w["mce"] + (1 - alpha) * w["ace"]
        eq_15 = (1 - beta) * t["cosine"] - beta * t["teacher_amce"]  # adversary · amce: `reverse`
        return Losses.of(eq_14 - eq_15, **self._kept(w | t))

    def classifier_update(
        self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Losses:
        """Return Eq. 14 for an update of the classifier alone (T1 > 1); x_mix is a constant."""
        alpha = self.config.alpha
        _, mixed = self._mix(images, partners, ratios)
        w = self._classifier_terms(images, mixed.detach(), labels, partners, ratios)
        eq_14 = w["amce"] + alpha * w["mce"] + (1 - alpha) * w["ace"]
        return Losses.of(eq_14, **self._kept(w))

    def generator_update(
        self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Losses:
        """Return −Eq. 15 for an update of the generator alone (T2 > 1); the classifier is fixed."""
        beta, sets = self.config.beta, (labels, partners, ratios)
        clean, mixed = self._mix(images, partners, ratios)
        amce = loss.amce(self._classifier_as_is(mixed), *sets)
        t = self._teacher_terms(clean.logits, mixed, *sets)
        rest = (1 - beta) * t["cosine"] - beta * t["teacher_amce"]
        return Losses.of(-(self.config.adversary * amce + rest), amce=amce, **self._kept(t))

    def _mix(
        self, images: Tensor, partners: Tensor, ratios: Tensor
    ) -> tuple[BackboneOutput, Tensor]:
        """Return ψ_Ŵ of the clean images, and x_mix = Σ_n x_n ⊙ P'_n, P' = G_θ(z, λ) (Eq. 8)."""
        with torch.no_grad():
            clean = self.teacher.forward_with_features(images)
        masks = self.generator(clean.features, partners, ratios, images.shape[-2:])
        return clean, blend(images, partners, masks)

    def _classifier_terms(
        self, images: Tensor, mixed: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Terms:
        """Return the losses of Eq. 14: of ψ_W on x_mix, on Σ_n λ_n x_n, and on the clean images."""
        sets = labels, partners, ratios
        straight = interpolate(images, partners, ratios)
        weights = list(self.classifier.parameters())
        terms = {"amce": loss.amce(self.classifier(mixed), *sets)}
        for name, term in {
            "mce": lambda: loss.mce(self.classifier(straight), *sets),
            "ace": lambda: loss.ace(self.classifier(images), *sets),
        }.items():
            kept = name not in self.config.without
            terms[name] = eager_grad(term, weights) if kept else mixed.new_zeros(())
        return terms

    def _teacher_terms(
        self, clean: Tensor, mixed: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Terms:
        """Return the teacher's losses of Eq. 15: L_amce(ψ_Ŵ(x_mix)) and L_cosine."""
        kept = {"teacher_amce", "cosine"} - set(self.config.without)
        none = mixed.new_zeros(())
        terms = {"teacher_amce": none, "cosine": none}
        view = self.teacher(mixed) if kept else none
        if "teacher_amce" in kept:
            terms["teacher_amce"] = loss.amce(view, labels, partners, ratios)
        if "cosine" in kept:
            terms["cosine"] = loss.cosine(view, clean, partners, ratios)
        return terms

    def _kept(self, terms: Terms) -> Terms:
        """Return the terms that are not left out."""
        return {name: term for name, term in terms.items() if name not in self.config.without}

    @torch.no_grad()
    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images with the generator's present weights (Eq. 8)."""
        partners, ratios = self._sets(images, rng)
        features = self.teacher.forward_with_features(images).features
        masks = self.generator(features, partners, ratios, images.shape[-2:])
        return Mixed(blend(images, partners, masks), partners, ratios, masks)

    def _sets(self, images: Tensor, rng: StepRNG) -> tuple[Tensor, Tensor]:
        (batch, *_), config = batch_shape(images, rng), self.config
        partners = rng.partners(batch, config.n, images.device)
        ratios = rng.ratios(batch, config.n, config.concentration, images.device)
        return partners, ratios

    def _classifier_as_is(self, images: Tensor) -> Tensor:
        """Return ψ_W(images), differentiable for the images alone; ψ_W's buffers do not change."""
        frozen = {name: p.detach() for name, p in self.classifier.named_parameters()}
        frozen |= {name: b.clone() for name, b in self.classifier.named_buffers()}
        return functional_call(self.classifier, frozen, (images,))


class Reverse(torch.autograd.Function):
    """Gradient reversal: the identity, whose gradient is multiplied by −scale."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradient, None


def reverse(images: Tensor, scale: float = 1.0) -> Tensor:
    """Return `images` unchanged; the gradient passed back is multiplied by −scale."""
    return Reverse.apply(images, scale)
