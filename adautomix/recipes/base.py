"""`Recipe`, all hyper-parameters of a run except its seed, with optimisers and schedule."""

import math
from dataclasses import dataclass, field, replace

from adautomix.data.augment import Augment, Geometry
from adautomix.data.labels import Targets
from adautomix.errors import InputError
from adautomix.fields import added, checked
from adautomix.methods import AdAutoMixReleased, MethodConfig, Plain
from adautomix.models import Net


@dataclass(frozen=True)
@checked
class SGD:
    """Stochastic gradient descent (A.3).

    Attributes:
        lr: peak learning rate of the classifier.
        momentum: decay of the velocity.
        weight_decay: on every parameter of both networks, as in the paper's open-source toolbox.
        generator_lr: the generator's own peak rate (γ of Eq. 16); None for the classifier's.
        clip: longest gradient, of all networks together; a longer one is scaled to it. None for no
            limit, as in the paper.
    """

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    generator_lr: float | None = None
    clip: float | None = added(before=None)

    def __post_init__(self) -> None:
        _check_rates(self)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in [0, 1), not {self.momentum}.")


@dataclass(frozen=True)
@checked
class AdamW:
    """AdamW, for Swin and ConvNeXt (A.3).

    Attributes:
        lr: peak learning rate of the classifier.
        betas: decay rates of the two moments.
        weight_decay: decoupled weight decay, on every parameter of both networks.
        generator_lr: the generator's own peak rate; None for the classifier's.
        clip: longest gradient; see `SGD`.
    """

    lr: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    generator_lr: float | None = None
    clip: float | None = added(before=None)

    def __post_init__(self) -> None:
        _check_rates(self)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas must lie in [0, 1), not {self.betas}.")


def _check_rates(optim: "SGD | AdamW") -> None:
    """Raise InputError for a negative rate or weight decay, or no gradient at all."""
    for name in ("lr", "weight_decay", "generator_lr"):
        value = getattr(optim, name)
        if value is not None and value < 0:
            raise InputError(f"{name} must be 0 or more, not {value}.")
    if optim.clip is not None and optim.clip <= 0:
        raise InputError(f"clip must be positive, or null for no limit, not {optim.clip}.")


@dataclass(frozen=True)
@checked
class Cosine:
    """Cosine schedule of the learning rate, from its peak to a fraction of it, updated every step.

    Attributes:
        final_fraction: final learning rate as a fraction of the peak; 0 anneals to zero, 0.5 is the
            released configuration of AutoMix and AdAutoMix on CIFAR-100 (0.1 to 0.05). Called
            `floor` in records.
        warmup: number of steps of linear increase at the start.
        warmup_epochs: epochs of it, in addition to `warmup`.
        generator_final_fraction: the generator's own final fraction; None for the classifier's.

    Differs from the released code: there the learning rate changes once an epoch.
    """

    final_fraction: float = 0.0
    warmup: int = 0
    warmup_epochs: int = added(before=0)
    generator_final_fraction: float | None = added(before=None)

    def __post_init__(self) -> None:
        for name in ("final_fraction", "generator_final_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name} must lie in [0, 1], not {value}.")
        for name in ("warmup", "warmup_epochs"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}.")

    def in_steps(self, steps_per_epoch: int) -> "Cosine":
        """Return the same schedule with all of its warm-up counted in steps."""
        warmup = self.warmup + self.warmup_epochs * steps_per_epoch
        return replace(self, warmup=warmup, warmup_epochs=0)

    def factor(self, step: int, total: int, player: str = "classifier") -> float:
        """Return the learning rate at `step`, from 0, of `total`, as a fraction of the peak.

        `player` is the network, "classifier" or "generator". Epochs of warm-up are for `in_steps`.
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, total - self.warmup)
        falling = (1 + math.cos(math.pi * progress)) / 2
        own = self.generator_final_fraction if player == "generator" else None
        final = self.final_fraction if own is None else own
        return final + (1 - final) * falling


def schedule_of(method: MethodConfig) -> Cosine:
    """Return the schedule of a method: to 0, or for the released AdAutoMix to half the peak.

    The latter is the authors' configuration.
    """
    return Cosine(final_fraction=0.5 if isinstance(method, AdAutoMixReleased) else 0.0)


@dataclass(frozen=True)
@checked
class Recipe:
    """All hyper-parameters of a run except its seed.

    Attributes:
        data: name of a dataset of the catalogue, or of some of its classes.
        net: the backbone.
        method: the hyper-parameters of the training method.
        optim: the optimiser.
        schedule: schedule of the learning rate.
        epochs: passes over the training images.
        batch: images of a step, over all processes.
        augment: the side at which images are seen, and crop and flip in training.
        per_class: use only the first `per_class` training images of each class; None for the
            split's default.
        evaluate_every: epochs between two evaluations; each of the last ten epochs is always
            evaluated.
        evaluate_on: the evaluated split: "test", or "validation" to choose hyper-parameters.
        targets: label smoothing and class weights.
        parts: equal parts of a batch that are computed one after the other, for less memory; the
            step is taken with the mean of their gradients. Partners are drawn, and BatchNorm's
            statistics taken, within a part, so another number of parts is another training.
    """

    data: str
    net: Net = field(default_factory=Net)
    method: MethodConfig = field(default_factory=Plain)
    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    epochs: int = 200
    batch: int = 100
    augment: Geometry = field(default_factory=Augment)
    per_class: int | None = None
    evaluate_every: int = 1
    evaluate_on: str = "test"
    targets: Targets = added(before=Targets())
    parts: int = added(before=1)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "evaluate_every", "parts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if self.batch % self.parts or (self.parts > 1 and self.batch < 2 * self.parts):
            raise InputError(
                f"a batch of {self.batch} cannot be divided into {self.parts} equal parts of two "
                "images or more: give another batch, or other parts."
            )
