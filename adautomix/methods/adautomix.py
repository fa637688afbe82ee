"""AdAutoMix by the paper's equations (Sec. 3.3, Algorithm 1): two players, one backward pass."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from adautomix import losses as loss
from adautomix.checked import checked
from adautomix.errors import InputError, unknown
from adautomix.methods.base import Losses, Method, as_backbone, check_batch, check_teacher
from adautomix.methods.eager_grad import eager_grad
from adautomix.mix import Mixed, MixGenerator, blend, interpolate
from adautomix.mix.base import batch_shape
from adautomix.models import Backbone, Teacher
from adautomix.models.backbone import BackboneOutput
from adautomix.rng import StepRNG, initial_weights

UPDATES = ("both", "classifier", "generator")
"""Whom an update of a step moves."""
Sum = tuple[Tensor, dict[str, Tensor]]
"""A weighted sum of losses, and the losses by name."""


@dataclass(frozen=True)
@checked
class AdAutoMix:
    """Hyper-parameters of AdAutoMix; the defaults are the paper's (A.2) where it gives them.

    Attributes:
        n: N, how many images form one mixed image.
        alpha: α, weight of L_mce; L_ace has 1 − α (Eq. 14).
        beta: β, weight of the teacher's cross-entropy; its cosine has 1 − β (Eq. 15).
        adversary: weight of the classifier's loss in the generator's objective. 1 is Eq. 15 to the
            letter; the default is a milder opponent, found on a validation split.
        concentration: of the Dirichlet that λ comes from; Table 9 calls it the λ ratio.
        momentum: ξ of the teacher at the start; it rises to 1 on a cosine (A.2).
        embed_ratio, upsampling, order, init: see `MixGenerator`.
        classifier_updates: T1 of Algorithm 1, updates of the classifier per batch.
        generator_updates: T2 of Algorithm 1, updates of the generator per batch.

    Differs from the paper: `adversary` is not in it, where it is 1. At 1, and one learning rate for
    both players, the masks came to ignore λ (the book's log has the numbers). λ's distribution, the
    initial weights of the generator and T1, T2 are not given there; the defaults are ours.
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

    @property
    def passes(self) -> int:
        """12; updates of the classifier alone add 10 each, of the generator alone 5 each."""
        return 12 + 10 * (self.classifier_updates - 1) + 5 * (self.generator_updates - 1)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "AdAutoMixMethod":
        """The method to train, for images of `side` × `side` pixels.

        Args:
            classifier: a timm model, or a `Backbone` where another tap is wanted.
            side: height and width of the images, to measure the tap.
            seed: of the generator's initial weights.
        """
        backbone = as_backbone(classifier)
        with initial_weights(seed, player=1):
            generator = MixGenerator(
                backbone.feature_shape(side).channels,
                embed_ratio=self.embed_ratio,
                upsampling=self.upsampling,
                order=self.order,
                init=self.init,
            )
        return AdAutoMixMethod(backbone, generator, self)


def check_opponent(adversary: float, concentration: float) -> None:
    """InputError for a weight or a law of λ that neither reading of AdAutoMix can have."""
    if adversary < 0:
        raise InputError(f"adversary must be 0 or more, not {adversary}.")
    if concentration <= 0:
        raise InputError(f"concentration must be positive, not {concentration}.")


class AdAutoMixMethod(Method):
    """The game of Eq. 11: classifier ψ_W against generator G_θ, before the teacher ψ_Ŵ.

    Algorithm 1 computes the losses once and updates both players from them, so both gradients are
    taken at the same point and one backward pass yields both: of Eq. 14 less Eq. 15. The teacher's
    parameters take no gradient; its two terms reach only the generator. With T1 = T2 = 1, network
    passes cost 12 units (forward 1, backward 2, backward to the input only 1) against 3 for plain
    training: teacher on clean 1, teacher on mixed 1 + 1, classifier on mixed, interpolated and
    clean images 3 × 3.
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

    def forward(self, images: Tensor, labels: Tensor, rng: StepRNG, update: str = "both") -> Losses:
        """The losses of an update of "both" players, of "classifier" or of "generator" alone."""
        labels = check_batch(images, labels, rng)
        if update not in UPDATES:
            raise unknown("update", update, UPDATES)
        step = {"both": self.compute, "classifier": self.eq_14, "generator": self.eq_15}[update]
        return step(*self.prepare(images, labels, rng))

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """The batch, its sets of N partners and their λ."""
        return images, labels, *self._sets(images, rng)

    def compute(self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor) -> Losses:
        """Eq. 14 for the classifier to descend, less Eq. 15 for the generator to ascend.

        One L_amce(ψ_W(x_mix)) serves both. It stands in Eq. 14; the first term of Eq. 15,
        adversary · L_amce, is its gradient at `reverse(mixed)`, which turns the sign and scales.
        """
        clean, mixed = self._mix(images, partners, ratios)
        seen = reverse(mixed, self.config.adversary)
        eq_14, ours = self._classifier_sum(images, seen, labels, partners, ratios)
        eq_15, theirs = self._teacher_sum(clean.logits, mixed, labels, partners, ratios)
        return Losses.of(eq_14 - eq_15, **ours, **theirs)

    def eq_14(self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor) -> Losses:
        """The classifier's update alone (T1 > 1): the mixed image is a constant."""
        _, mixed = self._mix(images, partners, ratios)
        total, terms = self._classifier_sum(images, mixed.detach(), labels, partners, ratios)
        return Losses.of(total, **terms)

    def eq_15(self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor) -> Losses:
        """The generator's update alone (T2 > 1): the classifier stays as it is."""
        clean, mixed = self._mix(images, partners, ratios)
        amce = loss.amce(self._classifier_as_is(mixed), labels, partners, ratios)
        rest, terms = self._teacher_sum(clean.logits, mixed, labels, partners, ratios)
        return Losses.of(-(self.config.adversary * amce + rest), amce=amce, **terms)

    def _mix(
        self, images: Tensor, partners: Tensor, ratios: Tensor
    ) -> tuple[BackboneOutput, Tensor]:
        """ψ_Ŵ of the clean images, and x_mix = Σ_n x_n ⊙ P'_n with P' = G_θ(z, λ) (Eq. 8)."""
        with torch.no_grad():
            clean = self.teacher.forward_with_features(images)
        masks = self.generator(clean.features, partners, ratios, images.shape[-2:])
        return clean, blend(images, partners, masks)

    def _classifier_sum(
        self, images: Tensor, mixed: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Sum:
        """Eq. 14: L_amce(ψ_W(x_mix)) + α L_mce(ψ_W(Σ_n λ_n x_n)) + (1 − α) L_ace(ψ_W(x))."""
        alpha, sets = self.config.alpha, (labels, partners, ratios)
        straight = interpolate(images, partners, ratios)
        weights = list(self.classifier.parameters())
        amce = loss.amce(self.classifier(mixed), *sets)
        mce = eager_grad(lambda: loss.mce(self.classifier(straight), *sets), weights)
        ace = eager_grad(lambda: loss.ace(self.classifier(images), *sets), weights)
        return amce + alpha * mce + (1 - alpha) * ace, {"amce": amce, "mce": mce, "ace": ace}

    def _teacher_sum(
        self, clean: Tensor, mixed: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Sum:
        """Eq. 15 after its first term: −β L_amce(ψ_Ŵ(x_mix)) + (1 − β) L_cosine."""
        beta, view = self.config.beta, self.teacher(mixed)
        amce = loss.amce(view, labels, partners, ratios)
        cosine = loss.cosine(view, clean, partners, ratios)
        return (1 - beta) * cosine - beta * amce, {"teacher_amce": amce, "cosine": cosine}

    @torch.no_grad()
    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """What the generator makes of these images now (Eq. 8)."""
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
        """ψ_W(images) with a gradient for the images alone; nothing in ψ_W takes any or changes."""
        frozen = {name: p.detach() for name, p in self.classifier.named_parameters()}
        frozen |= {name: b.clone() for name, b in self.classifier.named_buffers()}
        return functional_call(self.classifier, frozen, (images,))


class Reverse(torch.autograd.Function):
    """The identity whose gradient is turned and scaled (gradient reversal)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * gradient, None


def reverse(images: Tensor, scale: float = 1.0) -> Tensor:
    """`images` unchanged; gradients that come back are multiplied by −scale."""
    return Reverse.apply(images, scale)
