"""The training loop: one for all methods."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from adautomix.checked import checked
from adautomix.data.loaders import Batch, Batches
from adautomix.device import Numerics
from adautomix.errors import DivergenceError, InputError, NotFiniteError
from adautomix.methods import Losses, Method
from adautomix.recipes.base import SGD, AdamW, Cosine
from adautomix.rng import rng_for
from adautomix.train.optimiser import make_optimiser, set_learning_rates
from adautomix.train.timer import Timer

Evaluate = Callable[[Method], dict[str, float]]
"""Measures a method and returns columns of the curve, e.g. {"classifier_top1": 0.81}."""


CHECKED_EVERY = 50
"""Steps from one look at the losses to the next: to look, the host waits for the device."""


Row = dict[str, int | float]
"""A line of the curve: epoch, step, seconds, lr, train_<term>, then what was measured."""


class Step(NamedTuple):
    """One step is done."""

    step: int
    losses: Losses


class Epoch(NamedTuple):
    """One epoch is done; `row` is its line of the curve."""

    epoch: int
    step: int
    row: Row


@dataclass(frozen=True)
@checked
class Plan:
    """How long and with what a method is optimised; the part of a recipe that the loop needs."""

    epochs: int
    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    evaluate_every: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "evaluate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")

    def evaluates(self, epoch: int) -> bool:
        """Whether this epoch (from 1) is evaluated: every so often, and each of the last ten."""
        return epoch % self.evaluate_every == 0 or epoch > self.epochs - 10


class Training:
    """A run in progress: all that a step changes, and the step.

    Args:
        method: the players; moved to the device.
        plan: how long, and with what optimiser.
        steps_per_epoch: length of the source of batches.
        numerics: device and precision.
        seed: of everything random in the steps.
        rank: this process among several.

    Raises:
        InputError: no steps, or fewer than the warm-up has.
    """

    def __init__(
        self,
        method: Method,
        plan: Plan,
        steps_per_epoch: int,
        *,
        numerics: Numerics,
        seed: int = 0,
        rank: int = 0,
    ):
        if steps_per_epoch < 1:
            raise InputError("the loader's length is 0: give it at least one batch of images.")
        self.method = numerics.place(method).train()
        self.plan, self.numerics, self.seed, self.rank = plan, numerics, seed, rank
        self.steps_per_epoch = steps_per_epoch
        self.total = plan.epochs * steps_per_epoch
        if plan.schedule.warmup > self.total:
            raise InputError(
                f"a warm-up of {plan.schedule.warmup} steps is longer than the run of {self.total} "
                "steps: give a shorter warmup, or more epochs."
            )
        self.optimiser = make_optimiser(method, plan.optim, fused="cuda" in numerics.device)
        if numerics.compile:
            method.compile_step()
        self.forward: nn.Module = method
        self.step = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.curve: list[Row] = []
        self.run = ""  # whose steps these are, for checkpoints to say: the consumer's own too
        self.segments: list[dict[str, Any]] = []  # who made the steps; the consumer's own too
        self.sums: dict[str, Tensor] = {}
        self.notes: dict[str, Tensor] = {}  # the consumer's own; checkpoints keep both

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return self.step // self.steps_per_epoch

    def update(self, batch: Batch) -> Losses:
        """One step of Algorithm 1: draw, forward, backward, update; the teacher follows.

        Returns the total of the last update and the terms of all.
        """
        images, labels = self.numerics.layout(batch.images), batch.labels
        set_learning_rates(self.optimiser, self.plan.schedule.factor(self.step, self.total))
        terms: dict[str, Tensor] = {}
        for update in self.method.updates:
            # dropout and stochastic depth take torch's global numbers: a function of the step too
            torch.manual_seed(rng_for(self.seed, self.step, self.rank, "layers").entropy())
            with self.numerics.autocast():
                losses = self.forward(
                    images, labels, rng_for(self.seed, self.step, self.rank), update
                )
            losses.total.backward()
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            for name, term in losses.terms.items():
                terms.setdefault(name, term)  # of several updates, as the first of them found it
        self.step += 1
        self.method.after_step(self.step / self.total)
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + term.float()
        return Losses(losses.total, terms)

    def charge(self, timer: Timer) -> None:
        """Adds what a timer shows to the time of this run."""
        self.seconds += timer.seconds
        self.cpu_seconds += timer.cpu_seconds

    def measure(self, evaluate: Evaluate) -> dict[str, float]:
        """What `evaluate` finds of the method; DivergenceError if its logits are not numbers."""
        try:
            return evaluate(self.method)
        except NotFiniteError as error:
            self.check_finite()  # a loss says more
            raise self._diverged("a logit in the evaluation") from error

    def close_epoch(self, measured: dict[str, float]) -> Row:
        """The line of the curve for the epoch just done: mean terms, rate, what was measured."""
        means = {f"train_{k}": float(v) / self.steps_per_epoch for k, v in self.sums.items()}
        self.check_finite(means)
        self.check_finite({k: v for k, v in measured.items() if k.endswith("_loss")})
        self.sums = {}
        lr = self.optimiser.param_groups[0]["lr"]
        row = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds, "lr": lr}
        self.curve.append({**row, **means, **measured})
        return self.curve[-1]

    def check_finite(self, sums: Mapping[str, Tensor | float] | None = None) -> None:
        """DivergenceError if a loss term since the last epoch is not a number."""
        sums = self.sums if sums is None else sums
        bad = [name for name, value in sums.items() if not math.isfinite(value)]
        if bad:
            raise self._diverged(", ".join(name.removeprefix("train_") for name in bad))

    def check_weights(self) -> None:
        """DivergenceError if a parameter or buffer is not a number; reads all of them."""
        for name, tensor in self.method.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise self._diverged(f"the weight {name}")

    def _diverged(self, what: str) -> DivergenceError:
        precise = self.numerics.precision == "fp32"
        return DivergenceError(
            f"training diverged by step {self.step} of {self.total}, {what} is not finite: "
            f"lower the learning rate (now {self.plan.optim.lr:g})"
            f"{'' if precise else ' or use precision fp32'}."
        )


def train(
    training: Training, batches: Batches, evaluate: Evaluate | None = None
) -> Iterator[Step | Epoch]:
    """Runs to the end of the plan, yielding after every step and every epoch.

    The consumer may stop at any yield: the state of `training` is then that of a step boundary, to
    be saved and gone on from. Records, progress bars and time limits are the consumer's.
    """
    length = training.steps_per_epoch
    while (closed := len(training.curve)) < training.plan.epochs:
        timer = Timer()
        done = training.step - closed * length
        for batch in batches.epoch(closed, skip=done):
            if done == length:
                raise _wrong_length(f"went on after {length}", length)
            losses = training.update(batch)
            done += 1
            if training.step % CHECKED_EVERY == 0:
                training.check_finite()
            training.charge(timer)
            yield Step(training.step, losses)
            timer = Timer()
        if done < length:
            raise _wrong_length(f"ended its epoch after {done}", length)
        measured = {}
        if evaluate is not None and training.plan.evaluates(training.epoch):
            training.check_finite()  # of a model that has diverged nothing can be measured
            measured = training.measure(evaluate)
        training.numerics.wait()  # what a GPU still has to do is time of this epoch
        training.charge(timer)
        yield Epoch(training.epoch, training.step, training.close_epoch(measured))


def _wrong_length(did: str, length: int) -> InputError:
    return InputError(
        f"the loader {did} of {length} batches: its length must be the number of batches it yields."
    )
