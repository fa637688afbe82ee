"""DADA (Li et al., 2020): an augmentation policy is learned together with the classifier."""

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.losses import ce
from adautomix.methods.base import Losses, Method, as_backbone
from adautomix.methods.dada_ops import OPS, transform
from adautomix.methods.openmixup import undisturbed
from adautomix.models import Backbone
from adautomix.rng import Device, StepRNG


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


class Drawn(NamedTuple):
    """The random numbers of a slot.

    Attributes:
        uniform: in [0, 1), for the operation, whether it is applied, and the centre of a cutout.
        signs: 0 or 1, for the direction of shears, translations and rotations.
    """

    uniform: Float[Tensor, "4 b"]
    signs: Int[Tensor, " b"]


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

    def draw(self, batch: int, rng: StepRNG, device: Device = "cpu") -> tuple[Drawn, ...]:
        """Return the random numbers of a batch of `batch` images."""
        return tuple(
            Drawn(rng.uniform(0.0, 1.0, (4, batch), device), rng.integers(0, 2, (batch,), device))
            for _ in range(len(self.choice))
        )

    def forward(
        self, images: Float[Tensor, "b c h w"], drawn: tuple[Drawn, ...]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, " b"]]:
        """Return the transformed images and the log-probability of each one's random choices."""
        low, high = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
        span = torch.where(high > low, high - low, 1.0)
        shown, touched = (images - low) / span, torch.zeros_like(images[:, 0, 0, 0]).bool()
        device = images.device
        log_chance = torch.zeros(len(images), device=device)
        for slot, (uniform, signs) in enumerate(drawn):
            among = self.choice[slot].log_softmax(dim=0)
            op = (uniform[0, :, None] >= among.exp().cumsum(dim=0)[:-1]).sum(dim=1)
            odds = self.chance[slot][op]
            applied = uniform[1] < odds.sigmoid()
            level = self.strength[slot][op].sigmoid()
            which = torch.where(applied, self.codes[op], -1)
            with torch.autocast(device.type, enabled=False):  # pixels and positions stay precise
                shown = transform(shown, which, level, signs * 2.0 - 1.0, uniform[2:].T)
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
    """Training with `DADA`. The policy is the parameter group "generator".

    Two copies of the classifier have the weights at the ends of the central difference. They are
    networks of their own because torch 2.11 aborts the process on CUDA in a backward pass through
    weights that `functional_call` has put into a network.
    """

    def __init__(self, classifier: Backbone, config: DADA):
        super().__init__(classifier, config.momentum)
        self.policy = Policy(config.ops, config.slots)
        self.config = config
        self.ends: tuple[Backbone, ...] = ()  # in a tuple, so that they are no part of the weights

    def _apply(self, *given: Any, **named: Any) -> "DADAMethod":
        """Move the networks, and make the copies anew there."""
        self.ends = ()
        return super()._apply(*given, **named)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().param_groups(), "generator": list(self.policy.parameters())}

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, its labels and random numbers; the ends are moved apart along v."""
        if len(images) < 4:
            raise InputError(
                f"DADA judges one half of the batch by the other and {len(images)} images are too "
                "few: use a batch of 4 or more."
            )
        half = len(images) // 2
        self.move_apart(self.direction(images[half:], labels[half:]))
        return images, labels, self.policy.draw(len(images), rng, images.device)

    def compute(self, images: Tensor, labels: Tensor, drawn: tuple[Drawn, ...]) -> Losses:
        """Return the step's losses from the transformed images.

        `influence` is −∇L_train · v for each image of the first half: the change of the held-out
        loss for a step on that image. The score term has the value 0 and the gradient of the
        expected influence with respect to choice and chance.
        """
        shown, log_chance = self.policy(images, drawn)
        augmented = ce(self.classifier(shown.detach()), labels).mean()
        half = len(images) // 2
        influence = self.influence(shown[:half], labels[:half])
        others = (influence.sum() - influence) / (half - 1)
        log_chance = log_chance[:half]
        score = (influence - others).detach() * (log_chance - log_chance.detach())
        total = augmented + influence.mean() + score.mean()
        return Losses.of(total, augmented_ce=augmented, influence=influence.mean())

    def direction(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return v: the held-out loss's gradient at w, by trained parameter, of total norm 1."""
        own = {n: p for n, p in self.classifier.named_parameters() if p.requires_grad}
        with torch.enable_grad(), undisturbed(self.classifier):
            loss = ce(self.classifier(images), labels).mean()
            found = torch.autograd.grad(loss, list(own.values()), allow_unused=True)
        gradients = {n: g for n, g in zip(own, found, strict=True) if g is not None}
        length = torch.stack([g.float().norm() for g in gradients.values()]).norm()
        return {n: g / length.clamp(min=1e-12) for n, g in gradients.items()}

    @torch.no_grad()
    def move_apart(self, direction: dict[str, Tensor]) -> None:
        """Give the ends the weights w ∓ radius · v, and the classifier's buffers and modes."""
        self.ends = self.ends or tuple(
            copy.deepcopy(self.classifier).requires_grad_(False) for _ in range(2)
        )
        for end, step in zip(self.ends, (-self.config.radius, self.config.radius), strict=True):
            torch._foreach_copy_(list(end.parameters()), list(self.classifier.parameters()))
            for buffer, own in zip(end.buffers(), self.classifier.buffers(), strict=True):
                buffer.copy_(own)
            moved: list[Tensor] = [w for name, w in end.named_parameters() if name in direction]
            torch._foreach_add_(moved, list(torch._foreach_mul(list(direction.values()), step)))
            for module, original in zip(end.modules(), self.classifier.modules(), strict=True):
                module.training = original.training

    def influence(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return −∇_w L_ce(image) · v by a central difference, without autocast.

        It is differentiable with respect to the images.
        """
        with torch.autocast(images.device.type, enabled=False):
            low, high = (ce(end(images), labels) for end in self.ends)
        return (low - high) / (2 * self.config.radius)
