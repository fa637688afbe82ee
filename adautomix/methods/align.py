"""AlignMix (Venkataramanan et al., 2022): feature maps are aligned before they are mixed."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.losses import mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.methods.manifold import StageMix
from adautomix.mix import Mixed, Mixup
from adautomix.mix.base import check_alpha
from adautomix.models import Backbone
from adautomix.rng import StepRNG

OTHERWISE = ("input", "manifold")
MARGINALS = ("exact", "published")


@dataclass(frozen=True)
@checked
class AlignMix:
    """The last feature maps of two images are mixed after an optimal transport of positions.

    R, the optimal transport plan between the positions of A_a and of A_b, is found by Sinkhorn's
    iteration. With probability 1/2 A_b is aligned to A_a, else A_a to A_b; then both are mixed with
    λ ~ Beta(alpha, alpha). The remaining batches are mixed without alignment.

    Attributes:
        alpha: concentration of the Beta distribution; 2 as published.
        aligned: probability that a batch is aligned; 1/2 as published.
        otherwise: how the other batches are mixed: Mixup of the "input" (the authors'
            configuration), or "manifold" mixup of the first three layers (OpenMixup's).
        epsilon: weight of the plan's entropy, in units of the squared distance of two features.
        iterations: maximum number of Sinkhorn iterations.
        tolerance: the iteration stops changing once its step in the potential u, summed over
            positions in absolute value and averaged over the batch, is smaller; 0 for all
            iterations.
        marginals: "exact" makes the weights that form a feature sum to 1 even if the iteration has
            not converged; "published" uses the plan as it is.
        per: one λ per "batch" (as published) or per "sample".
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.

    Differs from the published code: there the marginals are those of the plan after 100 iterations,
    which are too few at the distances of real features. In the last stage of an untrained thin
    ResNet-18 (mean squared distance 90 against an epsilon of 0.1) the weights that form a feature
    then sum to between 0.5 and 4, and differ from 1 by 18 % on average. That is "published".
    """

    passes: ClassVar[float] = 3
    alpha: float = 2.0
    aligned: float = 0.5
    otherwise: str = "input"
    epsilon: float = 0.1
    iterations: int = 100
    tolerance: float = 0.1
    marginals: str = "exact"
    per: str = "batch"
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not 0 <= self.aligned <= 1:
            raise InputError(f"aligned is a probability, not {self.aligned}.")
        if self.otherwise not in OTHERWISE:
            raise unknown("value of otherwise", self.otherwise, OTHERWISE)
        if self.marginals not in MARGINALS:
            raise unknown("kind of marginals", self.marginals, MARGINALS)
        if self.epsilon <= 0:
            raise InputError(f"epsilon must be positive, not {self.epsilon}.")
        if self.iterations < 1:
            raise InputError(f"iterations must be 1 or more, not {self.iterations}.")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "AlignMixMethod":
        """Build the method to train; `side` and `seed` are not used."""
        return AlignMixMethod(as_backbone(classifier), self)


class AlignMixMethod(Method):
    """Training with `AlignMix`.

    The kind of mix and the direction are chosen at random on the host and passed to `compute`.
    """

    def __init__(self, classifier: Backbone, config: AlignMix):
        if not hasattr(classifier.model, "forward_features"):
            raise InputError(
                f"the model {classifier.name} has no forward_features, whose output AlignMix "
                "aligns: use a timm model."
            )
        self.layers = 3 if config.otherwise == "manifold" else 1
        super().__init__(classifier, config.momentum)
        self.stage_mix = StageMix(classifier, self.layers)
        self.rule = Mixup(config.alpha, config.per)
        self.config = config

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch (already mixed for layer 0), its partners and λ, and how to mix it."""
        mixed = self.rule(images, rng)
        how = self._how(rng)
        shown = mixed.images if how == 0 else images
        return shown, labels, mixed.partners, mixed.ratios, how

    def compute(
        self, images: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor, how: int | str
    ) -> Losses:
        """Return the step's loss.

        `how` is the layer to mix without alignment (0: the images are mixed already), or the
        direction of the alignment, "onto own" or "onto partner".
        """
        if isinstance(how, str):
            final = self.classifier.model.forward_features(images)
            logits = self.classifier.model.forward_head(self._align(final, partners, ratios, how))
        elif how == 0:
            logits = self.classifier(images)
        else:
            logits = self.stage_mix(self.classifier, images, partners, ratios, how)
        loss = mixed_ce(logits, labels, partners, ratios)
        return Losses.of(loss, mixed_ce=loss)

    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Return Mixup of the images with the partners and λ of the step.

        When features are mixed, no image shows what is trained on.
        """
        return self.rule(images, rng)

    def _how(self, rng: StepRNG) -> int | str:
        if rng.numpy.random() < self.config.aligned:
            return ("onto own", "onto partner")[rng.numpy.integers(2)]
        return int(rng.numpy.integers(self.layers))

    def _align(self, final: Tensor, partners: Tensor, ratios: Tensor, how: str) -> Tensor:
        if final.ndim != 4:
            raise InputError(
                f"AlignMix aligns the positions of a feature map, but {self.classifier.name} gives "
                f"features of shape {tuple(final.shape)}: use a convolutional network or Swin."
            )
        last = getattr(self.classifier.model, "output_fmt", "NCHW") == "NHWC"
        own, other = (
            (final[partners[:, n]] if last else final[partners[:, n]].movedim(1, -1)).flatten(1, 2)
            for n in (0, 1)
        )
        config = self.config
        plan = sinkhorn(own, other, config.epsilon, config.iterations, config.tolerance)
        exact = config.marginals == "exact"
        mixed = mix_aligned(own, other, plan, ratios, how, exact=exact)
        shape = final.shape if last else final.movedim(1, -1).shape
        mixed = mixed.reshape(shape)
        return mixed if last else mixed.movedim(-1, 1)


@torch.no_grad()
def sinkhorn(
    own: Float[Tensor, "b l d"],
    other: Float[Tensor, "b l d"],
    epsilon: float = 0.1,
    iterations: int = 100,
    tolerance: float = 0.0,
) -> Float[Tensor, "b l l"]:
    """Return log R for the plan R between two sets that minimises Σ R_ij |x_i − y_j|² − ε H(R).

    Rows belong to `own`, columns to `other`. Both marginals are 1/l; after finitely many iterations
    only that of the columns is exact. Computed in the log domain and in float32 at least, since ε
    is small compared with the distances, and without gradient.

    The published loop ends at the `tolerance`, which it reads from the device at each iteration;
    here all iterations run, and those after that point change nothing.
    """
    wide = torch.promote_types(own.dtype, torch.float32)
    cost = (
        torch.cdist(
            own.to(wide), other.to(wide), compute_mode="donot_use_mm_for_euclid_dist"
        ).square()
        / epsilon
    )
    share = -math.log(own.shape[1])
    u, v = torch.zeros_like(cost[:, :, 0]), torch.zeros_like(cost[:, 0])
    going = torch.ones((), dtype=torch.bool, device=own.device)
    for _ in range(iterations):
        new_u = share - (v[:, None, :] - cost).logsumexp(dim=2)
        new_v = share - (new_u[:, :, None] - cost).logsumexp(dim=1)
        step = epsilon * (new_u - u).abs().sum(dim=1).mean()
        u, v = torch.where(going, new_u, u), torch.where(going, new_v, v)
        going = going & (step >= tolerance)
    return u[:, :, None] + v[:, None, :] - cost


def mix_aligned(
    own: Float[Tensor, "b l d"],
    other: Float[Tensor, "b l d"],
    log_plan: Float[Tensor, "b l l"],
    ratios: Float[Tensor, "b 2"],
    how: str,
    *,
    exact: bool = True,
) -> Float[Tensor, "b l d"]:
    """Return λ A_a + (1 − λ) A_b after one of them has been aligned to the other.

    "onto own": A_b becomes l R A_b, at the positions of A_a; "onto partner": A_a becomes l Rᵀ A_a.
    With `exact`, R is first scaled so that the marginal in question is 1/l.
    """
    if exact:
        assignment = log_plan.softmax(dim=2 if how == "onto own" else 1).to(own.dtype)
    else:
        assignment = (log_plan.exp() * log_plan.shape[1]).to(own.dtype)
    own_share, other_share = ratios.to(own.dtype)[:, :, None, None].unbind(dim=1)
    if how == "onto own":
        return own_share * own + other_share * (assignment @ other)
    return own_share * (assignment.mT @ own) + other_share * other
