"""The training loop, one for all methods, and `Training`, the state of a run."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from adautomix import processes
from adautomix.data.loaders import Batch, Batches
from adautomix.device import Numerics
from adautomix.errors import DivergenceError, InputError, NotFiniteError
from adautomix.methods import Losses, Method
from adautomix.rng import rng_for, seed_layers
from adautomix.train.captured import CapturedStep
from adautomix.train.optimiser import clip_gradients, make_optimiser, set_learning_rates
from adautomix.train.plan import Plan
from adautomix.train.recorder import recorder_for
from adautomix.train.timer import Timer

Evaluate = Callable[[Method], dict[str, float]]
"""Function that evaluates a method and returns columns of the curve: {"classifier_top1": 0.81}."""


CHECKED_EVERY = 50
"""Steps between two checks that the losses are finite; a check makes the host wait for the device.
"""


Row = dict[str, int | float]
"""A row of the curve: epoch, step, seconds, lr, train_<term>, then the columns of `Evaluate`."""


class Step(NamedTuple):
    """Event: a step is done."""

    step: int
    losses: Losses


class Epoch(NamedTuple):
    """Event: an epoch is done; `row` is its row of the curve."""

    epoch: int
    step: int
    row: Row


class Training:
    """The state of a run: networks, optimiser, step, times and curve.

    Args:
        method: the networks; moved to the device.
        plan: epochs, optimiser and schedule.
        steps_per_epoch: number of batches of an epoch.
        numerics: device and precision.
        seed: of everything random in the steps.

    Among several processes (`adautomix.processes`) each has a training of its own and its share of
    every batch.

    Raises:
        InputError: no steps, or fewer steps than the warm-up has.
    """

    def __init__(
        self,
        method: Method,
        plan: Plan,
        steps_per_epoch: int,
        *,
        numerics: Numerics,
        seed: int = 0,
    ):
        if steps_per_epoch < 1:
            raise InputError("the loader's length is 0: give it at least one batch of images.")
        self.method = numerics.place(method).train()
        self.plan, self.numerics, self.seed = plan, numerics, seed
        self.steps_per_epoch = steps_per_epoch
        self.total = plan.epochs * steps_per_epoch
        self.schedule = plan.schedule.in_steps(steps_per_epoch)
        if self.schedule.warmup > self.total:
            raise InputError(
                f"a warm-up of {self.schedule.warmup} steps is longer than the run of {self.total} "
                "steps: give a shorter warmup, or more epochs."
            )
        self.optimiser = make_optimiser(method, plan.optim, fused="cuda" in numerics.device)
        if numerics.compile:
            method.compile_step()
        self.forward = processes.wrapped(method, partly=len(method.updates) > 1)
        self.captured = CapturedStep(method, numerics, *recorder_for(numerics))
        self.step = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.stepping = 0.0  # of `seconds`, those of the steps with their batches
        self.waiting = 0.0  # of `stepping`, the seconds until the batches were there
        self.curve: list[Row] = []
        # The caller sets `run`, `segments` and `notes`, and checkpoints keep them.
        self.run = ""  # id of the run
        self.segments: list[dict[str, Any]] = []  # provenance of each part of a resumed run
        self.sums: dict[str, Tensor] = {}  # of the loss terms since the last epoch
        self.notes: dict[str, Tensor] = {}  # further tensors, e.g. mixed images

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return self.step // self.steps_per_epoch

    def update(self, batch: Batch) -> Losses:
        """Take one step of Algorithm 1: all its updates, then the update of the teacher.

        Returns the total of the last update and the terms of all updates.
        """
        images, labels = self.numerics.layout(batch.images), batch.labels
        set_learning_rates(self.optimiser, self.schedule, self.step, self.total)
        terms: dict[str, Tensor] = {}
        for update in self.method.updates:
            losses = self._gradients(images, labels, update)
            if self.plan.optim.clip is not None:
                clip_gradients(self.optimiser, self.plan.optim.clip)
            self.optimiser.step()
            if self.captured.bound is None:
                self.optimiser.zero_grad(set_to_none=True)
            for name, term in losses.terms.items():
                terms.setdefault(name, term)  # the value in the first update that computes it
        self.step += 1
        terms = {name: term.float() for name, term in terms.items()}
        processes.agree(self.method, list(terms.values()))
        self.method.after_step(self.step / self.total)
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + term
        return Losses(losses.total, terms)

    @property
    def way(self) -> str:
        """How the updates were computed since the training was made or resumed, for its record."""
        if self.plan.parts > 1:
            return "eager (a batch is divided into parts)"
        if self.forward is not self.method:
            return f"eager (the method is wrapped in {type(self.forward).__name__})"
        return str(self.captured)

    def _gradients(self, images: Tensor, labels: Tensor, update: str) -> Losses:
        """Compute the gradients of an update, captured where possible, and return its losses."""
        alone = self.plan.parts == 1 and self.forward is self.method
        if not (alone and self.captured.takes(images)):
            self.captured.make_way()
            return self._backward(images, labels, update)
        self._seed_layers(processes.rank())
        rng = rng_for(self.seed, self.step, processes.rank())
        return self.captured.losses(images, labels, rng, update)

    def _seed_layers(self, rank: int) -> None:
        """Seed torch's global generators, which dropout and stochastic depth use."""
        rng = rng_for(self.seed, self.step, rank, "layers")
        seed_layers(rng.entropy(), self.numerics.device)

    def _backward(self, images: Tensor, labels: Tensor, update: str) -> Losses:
        """Add up the gradients of the parts of a batch; return its losses, means over the parts.

        Each part is mixed within itself, with the random numbers of a process of its own: two parts
        in one process are as one part in each of two.
        """
        total = images.new_zeros(())
        terms: dict[str, Tensor] = {}
        chunks = images.chunk(self.plan.parts), labels.chunk(self.plan.parts)
        for part, (some, theirs) in enumerate(zip(*chunks, strict=True)):
            rank = processes.rank() * self.plan.parts + part
            self._seed_layers(rank)
            rng, share = rng_for(self.seed, self.step, rank), len(some) / len(images)
            with processes.holding_back(self.forward, part + 1 < len(chunks[0])):
                with self.numerics.autocast():
                    losses = self.forward(some, theirs, rng, update)
                (share * losses.total).backward()
            total = total + share * losses.total.detach()
            for name, term in losses.terms.items():
                terms[name] = terms.get(name, torch.zeros_like(term)) + share * term
        return Losses(total, terms)

    def charge(self, timer: Timer) -> None:
        """Add a timer's times to those of this run."""
        self.seconds += timer.seconds
        self.cpu_seconds += timer.cpu_seconds

    @property
    def waiting_share(self) -> float | None:
        """Share of a step until its batch is there; None before the first step.

        On a GPU it is the host that waits; the device may still work on the step before.
        """
        return self.waiting / self.stepping if self.stepping else None

    def measure(self, evaluate: Evaluate) -> dict[str, float]:
        """Return `evaluate(method)`; DivergenceError if the logits are not finite."""
        try:
            return evaluate(self.method)
        except NotFiniteError as error:
            self.check_finite()  # an error that names the loss is more useful
            raise self._diverged("a logit in the evaluation") from error

    def close_epoch(self, measured: dict[str, float]) -> Row:
        """Append the row of the completed epoch to the curve and return it.

        It has the mean loss terms, the learning rate and the columns in `measured`. Raises
        DivergenceError if a loss is not finite.
        """
        means = {f"train_{k}": float(v) / self.steps_per_epoch for k, v in self.sums.items()}
        self.check_finite(means)
        self.check_finite({k: v for k, v in measured.items() if k.endswith("_loss")})
        self.sums = {}
        lr = self.optimiser.param_groups[0]["lr"]
        row = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds, "lr": lr}
        self.curve.append({**row, **means, **measured})
        return self.curve[-1]

    def check_finite(self, sums: Mapping[str, Tensor | float] | None = None) -> None:
        """Raise DivergenceError if a sum of a loss term since the last epoch is not finite."""
        sums = self.sums if sums is None else sums
        bad = [name for name, value in sums.items() if not math.isfinite(value)]
        if bad:
            names = ", ".join(name.removeprefix("train_") for name in bad)
            raise self._diverged(names, several=len(bad) > 1)

    def check_weights(self) -> None:
        """Raise DivergenceError if a parameter or buffer is not finite; reads all of them."""
        for name, tensor in self.method.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise self._diverged(f"the weight {name}")

    def _diverged(self, what: str, *, several: bool = False) -> DivergenceError:
        precise = self.numerics.precision == "fp32"
        remedy = f"lower the learning rate (now {self.plan.optim.lr:g})"
        if not precise:
            remedy += " or use precision fp32"
        if self.step <= self.steps_per_epoch:
            remedy += ", or look for NaN or infinity in the images"
        return DivergenceError(
            f"training diverged by step {self.step} of {self.total}, {what} "
            f"{'are' if several else 'is'} not finite: {remedy}."
        )


def train(
    training: Training, batches: Batches, evaluate: Evaluate | None = None
) -> Iterator[Step | Epoch]:
    """Train to the end of the plan, yielding after every step and every epoch.

    The caller may stop at any yield: `training` is then in a state between two steps, which can be
    saved and resumed. Records, progress bars and time limits are the caller's task.

    Raises:
        InputError: the source yields another number of batches than its length.
        DivergenceError: a loss or a logit is not finite.
    """
    length = training.steps_per_epoch
    while (closed := len(training.curve)) < training.plan.epochs:
        timer = Timer()
        done = training.step - closed * length
        for batch in batches.epoch(closed, skip=done):
            if done == length:
                raise _wrong_length(f"went on after {length}", length)
            training.waiting += timer.seconds
            losses = training.update(batch)
            done += 1
            if training.step % CHECKED_EVERY == 0:
                training.check_finite()
            training.stepping += timer.seconds
            training.charge(timer)
            yield Step(training.step, losses)
            timer = Timer()
        if done < length:
            raise _wrong_length(f"ended its epoch after {done}", length)
        measured = {}
        if evaluate is not None and training.plan.evaluates(training.epoch):
            training.check_finite()  # a model that has diverged cannot be evaluated
            measured = training.measure(evaluate)
        training.numerics.wait()  # work still queued on a GPU belongs to this epoch's time
        training.charge(timer)
        yield Epoch(training.epoch, training.step, training.close_epoch(measured))


def _wrong_length(did: str, length: int) -> InputError:
    return InputError(
        f"the loader {did} of {length} batches: its length, or how=How(steps=…), must be the "
        "number of batches that it yields in every epoch."
    )
