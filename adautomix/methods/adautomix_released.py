"""AdAutoMix as the authors' released code computes it; compare with `adautomix.py`."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix import losses as loss
from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.methods.adautomix import check_opponent, reverse
from adautomix.methods.base import Losses, Method, as_backbone, check_teacher
from adautomix.methods.eager_grad import eager_grad
from adautomix.methods.openmixup import (
    OwnStatistics,
    TwoHeads,
    forward_mixed_with_features,
    statistics_rate,
    undisturbed,
    waiting_momentum_at,
)
from adautomix.mix import Mixed, MixGenerator, blend, interpolate
from adautomix.mix.base import batch_shape
from adautomix.models import Teacher
from adautomix.rng import StepRNG, initial_weights

CHOICES = {
    "signs": ("released", "paper"),
    "margin_test": ("released", "openmixup"),
    "statistics": ("own", "averaged"),
}


@dataclass(frozen=True)
@checked
class AdAutoMixReleased:
    """Hyper-parameters of the released AdAutoMix; defaults as configured for CIFAR-100, ResNet-18.

    Attributes:
        n: N, the number of images in one mixed image.
        random_n: sample N from {2, ..., n} at each step, as configured for Swin-T and CUB-200.
        alpha: weight of L_mce; the one-hot loss has 1 − α. Unused for N = 2.
        beta: β, weight of the teacher's loss on adversarial steps; its cosine has 1 − β.
        adversary: weight of the classifier's loss in the generator's objective; 0 as released.
        signs: signs of the generator's objective, "released" or "paper" (Eq. 15).
        concentration: of the Beta distribution from which λ is computed.
        lam_margin, margin_test: when the classifier gets constant masks; see `beyond_margin`.
        momentum, momentum_end: ξ of the teacher; see `waiting_momentum_at`.
        statistics: BatchNorm statistics of the teacher: its "own", or the classifier's "averaged".
        embed_ratio, upsampling, init: see `MixGenerator`.

    Differs from the paper:

    - The classifier's loss is absent from the generator's objective, which comes through the
      teacher alone (the masks that the classifier sees are constants): `adversary=0`.
    - On even steps, from 0, the generator minimises −β L_amce(ψ_Ŵ) + (1 − β) L_cosine: the signs
      are opposite to Eq. 15. On odd steps it minimises + L_amce(ψ_Ŵ), without β and cosine.
      Over two steps that is (1 − β)(L_amce(ψ_Ŵ) + L_cosine). The mean total of the first 50 steps
      of the authors' log of 800 epochs, 11.18, fits these signs (11.11 to 11.17 with logits near 0
      and a cosine of 0.82 to 1) and not the opposite sign of the cosine (10.5).
    - One optimiser step updates both networks; only that change of sign alternates (T1, T2).
    - L_cosine compares logits; the paper does not say what it compares.
    - L_ace is plain cross-entropy of the batch, without λ, through a head of its own; L_amce and
      L_mce use the other head of a shared backbone. The head of L_ace is the one evaluated.
    - For N = 2 the classifier minimises L_amce + cross-entropy, without L_mce and α.
    - Classifier and generator use different mixed images, from different permutations.
    - For N > 2 all partners are random permutations: the image itself need not be in its set, and
      an image can be mixed with itself. For N = 2 the first partner is the image itself.
    - One λ serves a whole batch. For N = 2 it is a Beta variate, one for each network. For N > 2, N
      Beta variates are divided by their sum: not uniform on the simplex, but nearer to 1/N (for
      N = 3 a standard deviation of 0.180, not 0.236).
    - The classifier's masks are the constants λ where λ_1 is near 0 or 1 (`beyond_margin`): in 3 %
      of the batches for N = 3. Of more than three masks, three are replaced.
    - The generator does not get λ (`embed_ratio=False`; in the configurations of CIFAR-100 and
      Tiny-ImageNet), has a ReLU on q and k, and takes the softmax over images after upsampling.
    - Only the teacher's parameters are averaged. It runs in training mode and collects running
      statistics of its own, to which clean images contribute 82 % for N = 3. ξ is 0.999 for the
      first tenth of the run, jumps to 0.9990244 and ends at 0.999999.
    - The reported network is the teacher: 82.32 %, the classifier 75.02 % in the authors' log.
    - The learning rate falls only to half of its peak; that is set in the recipe,
      `Cosine(final_fraction=0.5)`.

    Differs from the released code: the teacher gets each clean image once; there, N more times,
    which only makes its running statistics change faster. This is reproduced exactly if the teacher
    has no dropout. The head of L_ace keeps its initial weights (there, N(0, 0.01)). The tenth and
    the cosine of ξ count this step as done; there, only the steps before it. A recipe's learning
    rate changes at every step; there, once an epoch.
    """

    n: int = 3
    random_n: bool = False
    alpha: float = 0.5
    beta: float = 0.3
    adversary: float = 0.0
    signs: str = "released"
    concentration: float = 1.0
    lam_margin: float = 0.03
    margin_test: str = "released"
    momentum: float = 0.999
    momentum_end: float = 0.999999
    statistics: str = "own"
    embed_ratio: bool = False
    upsampling: str = "bilinear"
    init: float = 0.01

    def __post_init__(self) -> None:
        if self.n < 2:
            raise InputError(f"AdAutoMix mixes n = 2 or more images, not {self.n}.")
        check_teacher(self.momentum)
        for name in ("alpha", "beta", "lam_margin", "momentum_end"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must lie in [0, 1], not {getattr(self, name)}.")
        check_opponent(self.adversary, self.concentration)
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)

    @property
    def passes(self) -> float:
        """12, or 9 for N = 2, which a random N is in one of n − 1 steps on average."""
        pairs = float(self.n == 2) if not self.random_n else 1 / (self.n - 1)
        return 12 - 3 * pairs

    def build(
        self, classifier: nn.Module, side: int, *, seed: int = 0
    ) -> "AdAutoMixReleasedMethod":
        """Build the method for images of `side` × `side` pixels; see `AdAutoMix.build`."""
        backbone = as_backbone(classifier)
        with initial_weights(seed, network=1):
            generator = RectifiedGenerator(
                backbone.feature_shape(side).channels,
                embed_ratio=self.embed_ratio,
                upsampling=self.upsampling,
                order="upsample-softmax",
                init=self.init,
            )
            two_heads = TwoHeads(backbone, side)
        return AdAutoMixReleasedMethod(two_heads, generator, self)


class Sets(NamedTuple):
    """The images of each set and their ratios λ."""

    partners: Int[Tensor, "b n"]
    ratios: Float[Tensor, "b n"]


class AdAutoMixReleasedMethod(Method):
    """The released training step: the generator's loss is the teacher's, not the classifier's.

    Steps of even number are adversarial. Network passes cost 12 units for N > 2 and 9 for N = 2
    (forward 1, backward 2, backward to the input only 1); in the released code, which gives the
    clean images to the teacher repeatedly, 12 + N and 9 + N.
    """

    teacher: Teacher

    def __init__(self, classifier: TwoHeads, generator: MixGenerator, config: AdAutoMixReleased):
        super().__init__(classifier, momentum=None)
        kind = OwnStatistics if config.statistics == "own" else Teacher
        self.teacher = kind(classifier, config.momentum)
        self.generator = generator
        self.config = config

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().param_groups(), "generator": list(self.generator.parameters())}

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, the sets of both networks, and whether the step is adversarial."""
        _, _, step, _ = rng.key
        return images, labels, *self._sets(images, rng), step % 2 == 0

    def compute(
        self, images: Tensor, labels: Tensor, theirs: Sets, mine: Sets, adversarial: bool
    ) -> Losses:
        """Return the step's losses; `theirs` are the generator's sets, `mine` the classifier's."""
        n, size = theirs.partners.shape[1], images.shape[-2:]
        with torch.no_grad(), statistics_rate(self.teacher, lambda m: clean_rate(m, n)):
            clean = forward_mixed_with_features(self.teacher.network, images)
        terms, total = self._classifier_terms(images, labels, clean.features, mine)

        masks = self.generator(clean.features, *theirs, size)
        with statistics_rate(self.teacher, lambda m: mixed_rate(m, n)):
            mixed = blend(images, theirs.partners, masks)
            view = forward_mixed_with_features(self.teacher.network, mixed).logits
        terms["teacher_amce"] = loss.amce(view, labels, *theirs)
        terms["cosine"] = loss.cosine(view, clean.logits, *theirs)
        if self.config.signs == "paper":
            weights = self.config.beta, self.config.beta - 1
        elif adversarial:
            weights = -self.config.beta, 1 - self.config.beta
        else:
            weights = 1.0, 0.0
        total = total + weights[0] * terms["teacher_amce"] + weights[1] * terms["cosine"]
        return Losses.of(total, **terms)

    @torch.no_grad()
    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images as the classifier's; for N > 2 the first may be another image."""
        _, mine = self._sets(images, rng)
        with undisturbed(self):
            features = forward_mixed_with_features(self.teacher.network, images).features
            masks = self._masks_for_classifier(features, mine, images.shape[-2:])
        return Mixed(blend(images, mine.partners, masks), *mine, masks)

    def after_step(self, progress: float) -> None:
        """Update the teacher's average of the classifier."""
        momentum = waiting_momentum_at(progress, self.teacher.base, self.config.momentum_end)
        self.teacher.follow(self.classifier, momentum)

    def _classifier_terms(
        self, images: Tensor, labels: Tensor, features: Tensor, mine: Sets
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the classifier's losses, in the released order, on which BatchNorm depends."""
        adversary, alpha = self.config.adversary, self.config.alpha
        weights = list(self.classifier.parameters())
        clean = eager_grad(lambda: loss.ce(self.classifier(images), labels).mean(), weights)
        pairs = mine.partners.shape[1] == 2
        if not pairs:
            straight = interpolate(images, *mine)
            mce = eager_grad(lambda: loss.mce(self._logits(straight), labels, *mine), weights)
        with torch.set_grad_enabled(torch.is_grad_enabled() and adversary != 0):
            masks = self._masks_for_classifier(features, mine, images.shape[-2:])
            mixed = reverse(blend(images, mine.partners, masks), adversary)
        amce = loss.amce(self._logits(mixed), labels, *mine)
        if pairs:
            return {"amce": amce, "ce": clean}, amce + clean
        return {"amce": amce, "mce": mce, "ce": clean}, amce + alpha * mce + (1 - alpha) * clean

    def _logits(self, mixed: Tensor) -> Tensor:
        """Return the logits of the classifier's head for mixed images."""
        return forward_mixed_with_features(self.classifier, mixed).logits

    def _masks_for_classifier(self, features: Tensor, mine: Sets, size: torch.Size) -> Tensor:
        """Return the generator's masks, or constants λ; of more than three, three are replaced."""
        masks = self.generator(features, *mine, size)
        ratios, margin = mine.ratios, self.config.lam_margin
        constant = beyond_margin(ratios, margin, self.config.margin_test)[:, None]
        constant = constant & (torch.arange(ratios.shape[1], device=ratios.device) < 3)
        return torch.where(constant[:, :, None, None], ratios[:, :, None, None], masks)

    def _sets(self, images: Tensor, rng: StepRNG) -> tuple[Sets, Sets]:
        """Return the generator's and the classifier's sets."""
        (batch, *_), device, n = batch_shape(images, rng), images.device, self.config.n
        if self.config.random_n:
            n = int(rng.integers(2, n + 1, ()))
        drawn = rng.beta(self.config.concentration, (n,), device)
        if n == 2:
            first = torch.arange(batch, device=device)
            pairs = [torch.stack([first, rng.permutation(batch, device)], dim=1) for _ in "gc"]
            shares = [torch.stack([own, 1 - own]).expand(batch, 2) for own in drawn]
            return Sets(pairs[0], shares[0]), Sets(pairs[1], shares[1])
        ratios = (drawn / drawn.sum()).expand(batch, n)
        partners = [
            torch.stack([rng.permutation(batch, device) for _ in range(n)], dim=1) for _ in "gc"
        ]
        return Sets(partners[0], ratios), Sets(partners[1], ratios)


class RectifiedGenerator(MixGenerator):
    """The released generator: a ReLU on q and k, which the authors' toolbox adds by default."""

    def project(
        self, features: Tensor, partners: Tensor, ratios: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return q_n, k_n and v_n; q_n and k_n are at least 0."""
        q, k, v = super().project(features, partners, ratios)
        return q.relu(), k.relu(), v


def beyond_margin(ratios: Float[Tensor, "b n"], margin: float, test: str = "released") -> Tensor:
    """Return which sets get constant masks λ: those whose first λ is within `margin` of 0 or 1.

    "openmixup" is the port of the released code to the authors' toolbox, in which, for N > 2, the
    second comparison is inverted: it is true of nearly all batches, so the classifier gets constant
    masks and the generator has no influence on it.
    """
    first = ratios[:, 0]
    if ratios.shape[1] == 2:
        return (first <= margin) | (1 - first <= margin)
    if test == "openmixup":
        return (first <= margin) | (1 - first > margin)
    return (first <= margin) | (1 - first < margin)


def mixed_rate(momentum: float, n: int) -> float:
    """Return the mixed images' weight in BatchNorm's statistics after a step; see `clean_rate`."""
    return momentum * (1 - momentum) ** n


def clean_rate(momentum: float, n: int) -> float:
    """Return the BatchNorm momentum with which one clean pass replaces the N + 1 of the release.

    There the teacher gets the clean images, then the mixed ones, then the clean ones N times in
    other orders, all with BatchNorm's momentum m. The old statistics then have weight
    (1 − m)^(N+2), the mixed images m (1 − m)^N. Two passes with these two rates give the same.
    """
    return 1 - (1 - momentum) ** (n + 2) / (1 - mixed_rate(momentum, n))
