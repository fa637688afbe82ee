"""DADA (Li et al., 2020): an augmentation policy is learned together with the classifier."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.losses import ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.methods.dada_ops import OPS, transform
from adautomix.models import Backbone
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class DADA:
    """Differentiable automatic data augmentation: w learns from images transformed by a policy d.

    d is trained to lower the loss on held-out images after the classifier's step. This is the
    paper's bi-level problem after one step of length ξ,

        L_val(w − ξ ∇_w L_train(w, d)) ≈ L_val(w) − ξ ∇_w L_train(w, d) · ∇_w L_val(w),

    so a transformation is good if the gradient of the transformed image is aligned with that of the
    held-out images.

    Attributes:
        ops: the operations to choose from, see `dada_ops.OPS`.
        slots: number of successive operations on an image; 2 as published.
        radius: step of the central difference that gives ∇L_train · v, v = ∇L_val / |∇L_val|; 0.01
            as published.
        momentum: ξ of the teacher, which is evaluated but takes no part in training; None for no
            teacher.

    In network passes (forward 1, backward 2, backward to the input only 1) a step costs 6.5 against
    3 for plain training: 3 for the classifier, 1.5 for v, 2 for the two ends of the difference.

    Differs from the published procedure: there d is searched for on a part of the data in 20
    epochs, and a second classifier is then trained with the result; here both are learned in the
    same run. The second, untransformed half of a batch is the held-out set for d, although the
    classifier learns from the whole batch. There d weighs 105 pairs of operations, each with
    probabilities and magnitudes of its own; here each slot chooses independently, which describes
    |ops|² pairs by |ops| numbers a slot. Operations are sampled for each image, not for each batch,
    so a plain score function with a leave-one-out baseline replaces RELAX and its learned control
    variate. The magnitude of a smooth operation gets its true derivative, not 1. Probabilities and
    magnitudes are kept in (0, 1) by a sigmoid, not by clamping. The published step uses Adam
    (0.005), here the run's optimiser; v has length 1, since Adam is invariant to the length.
    ∇L_val is taken at w, not after the step. Operations act on the range from the darkest to the
    brightest value of each channel in the batch, which is [0, 1] before normalisation if the batch
    contains black and white. Interpolation is bilinear, not nearest.
    """

    passes: ClassVar[float] = 6.5
    ops: tuple[str, ...] = OPS
    slots: int = 2
    radius: float = 0.01
    momentum: float | None = 0.999

    def __post_init__(self) -> None:
        if not self.ops:
            raise InputError(f"DADA chooses from one or more ops: {', '.join(OPS)}.")
        for name in self.ops:
            if name not in OPS:
                raise unknown("operation of DADA", name, OPS)
        if self.slots < 1:
            raise InputError(f"slots must be 1 or more, not {self.slots}.")
        if self.radius <= 0:
            raise InputError(f"radius must be positive, not {self.radius}.")

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "DADAMethod":
        """Build the method; `side` and `seed` are not used, as every policy starts the same."""
        return DADAMethod(as_backbone(classifier), self)


class Policy(nn.Module):
    """The policy d: the operation of each slot, its probability and its strength.

    Attributes:
        choice: logits of the operations, "slots ops"; their softmax is sampled for each image.
        chance: logit of the probability that the chosen operation is applied, "slots ops"; the
            initial probability is 1/2.
        strength: logit of the operation's level in [0, 1], "slots ops"; the initial level is 1/2,
            where shears, translations, rotations and factors change nothing.
    """

    def __init__(self, ops: tuple[str, ...], slots: int):
        super().__init__()
        self.choice, self.chance, self.strength = (
            nn.Parameter(torch.zeros(slots, len(ops))) for _ in range(3)
        )
        self.codes: Tensor
        codes = torch.tensor([OPS.index(name) for name in ops])
        self.register_buffer("codes", codes, persistent=False)

    def forward(
        self, images: Float[Tensor, "b c h w"], rng: StepRNG
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, " b"]]:
        """Return the transformed images and the log-probability of each one's random choices."""
        low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
        span = torch.where(high > low, high - low, 1.0)
        shown, touched = (images - low) / span, torch.zeros_like(images[:, 0, 0, 0]).bool()
        batch, device = len(images), images.device
        log_chance = torch.zeros(batch, device=device)
        for slot in range(len(self.choice)):
            among = self.choice[slot].log_softmax(dim=0)
            drawn = rng.uniform(0.0, 1.0, (4, batch), device)
            op = (drawn[0, :, None] >= among.exp().cumsum(dim=0)[:-1]).sum(dim=1)
            odds = self.chance[slot][op]
            applied = drawn[1] < odds.sigmoid()
            signs = rng.integers(0, 2, (batch,), device) * 2.0 - 1.0
            level = self.strength[slot][op].sigmoid()
            which = torch.where(applied, self.codes[op], -1)
            with torch.autocast(device.type, enabled=False):  # pixels and positions stay precise
                shown = transform(shown, which, level, signs, drawn[2:].T)
            touched = touched | applied
            log_chance = (
                log_chance + among[op] + nn.functional.logsigmoid(torch.where(applied, odds, -odds))
            )
        return torch.where(touched[:, None, None, None], shown * span + low, images), log_chance

    @torch.no_grad()
    def shares(self) -> Float[Tensor, "slots ops"]:
        """Return the expected share of the images that get each operation in each slot."""
        return self.choice.softmax(dim=1) * self.chance.sigmoid()


class DADAMethod(Method):
    """Training with `DADA`. The policy is the parameter group "generator"."""

    def __init__(self, classifier: Backbone, config: DADA):
        super().__init__(classifier, config.momentum)
        self.policy = Policy(config.ops, config.slots)
        self.config = config

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().param_groups(), "generator": list(self.policy.parameters())}

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the transformed batch, its labels and log-probabilities, and the direction v."""
        if len(images) < 4:
            raise InputError(
                f"DADA judges one half of the batch by the other and {len(images)} images are too "
                "few: use a batch of 4 or more."
            )
        shown, log_chance = self.policy(images, rng)
        half = len(images) // 2
        direction = self._direction(images[half:], labels[half:])
        return shown, labels, log_chance, direction

    def compute(
        self, images: Tensor, labels: Tensor, log_chance: Tensor, direction: dict[str, Tensor]
    ) -> Losses:
        """Return the step's losses from the transformed images and the held-out gradient.

        `influence` is −∇L_train · v for each image of the first half: the change of the held-out
        loss for a step on that image. The score term has the value 0 and the gradient of the
        expected influence with respect to choice and chance.
        """
        augmented = ce(self.classifier(images.detach()), labels).mean()
        half = len(images) // 2
        influence = self._influence(images[:half], labels[:half], direction)
        others = (influence.sum() - influence) / (half - 1)
        log_chance = log_chance[:half]
        score = (influence - others).detach() * (log_chance - log_chance.detach())
        total = augmented + influence.mean() + score.mean()
        return Losses.of(total, augmented_ce=augmented, influence=influence.mean())

    def _direction(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return v: the held-out loss's gradient at w, by trained parameter, of total norm 1."""
        own = self.classifier.named_parameters()
        weights = {n: p.detach().requires_grad_() for n, p in own if p.requires_grad}
        with torch.enable_grad():
            loss = ce(self._at(weights, images), labels).mean()
            found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        gradients = {n: g for n, g in zip(weights, found, strict=True) if g is not None}
        length = torch.stack([g.float().norm() for g in gradients.values()]).norm()
        return {n: g / length.clamp(min=1e-12) for n, g in gradients.items()}

    def _influence(self, images: Tensor, labels: Tensor, direction: dict[str, Tensor]) -> Tensor:
        """Return −∇_w L_ce(image) · v by a central difference, without autocast."""

        def moved(step: float) -> Tensor:
            own = self.classifier.named_parameters()
            weights = {n: p.detach() + step * direction[n] for n, p in own if n in direction}
            return ce(self._at(weights, images), labels)

        with torch.autocast(images.device.type, enabled=False):
            return (moved(-self.config.radius) - moved(self.config.radius)) / (
                2 * self.config.radius
            )

    def _at(self, weights: dict[str, Tensor], images: Tensor) -> Tensor:
        """Return ψ(images) at other weights; frozen ones and BatchNorm's statistics stay."""
        buffers = {name: b.clone() for name, b in self.classifier.named_buffers()}
        return functional_call(self.classifier, weights | buffers, (images,))
