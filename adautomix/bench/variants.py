"""Suite `variants`: gain of changes of AdAutoMix's step that do not affect its mathematics.

The lower bound of 4.0× assumes that network passes of one kind cost the same. Some variants make
passes cheaper: the teacher is not trained, so its BatchNorm can be folded into its convolutions. A
variant is measured here before it becomes the default or is rejected.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor, nn

from adautomix.bench.case import Case, Trial
from adautomix.bench.memory import Change, peak_mib
from adautomix.bench.options import BenchOptions, Row
from adautomix.device import Numerics
from adautomix.errors import InputError
from adautomix.methods import adautomix
from adautomix.models import BackboneOutput, Teacher
from adautomix.train.optimiser import make_optimiser

AS_IS = "as is"
METHOD = "adautomix"
Network = TypeVar("Network", bound=nn.Module)


def variants(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each batch and variant: seconds, ratio to plain, gain, memory."""
    for batch in options.batches:
        yield from _of_batch(options, batch)


def _of_batch(options: BenchOptions, batch: int) -> Iterator[Row]:
    usual, case = options.numerics, options.case(METHOD, batch)
    made: dict[str, tuple[Case, Numerics, Change | None]] = {
        "plain": (options.case("plain", batch), usual, None),
        AS_IS: (case, usual, None),
    }
    made |= {name: (case, numerics, None) for name, numerics in _numerics(usual).items()}
    changes = CHANGES | (ON_CUDA if options.cuda else {})
    made |= {name: (case, usual, change) for name, change in changes.items()}
    trials = {name: _trial(*what) for name, what in made.items()}
    share = 1 / len(options.batches)
    timings = options.time({name: trial.step for name, trial in trials.items()}, share)
    for name in trials:
        yield {
            "variant": name,
            "batch": batch,
            "seconds": timings.median(name),
            "fastest": timings.fastest(name),
            "ratio": timings.ratio(name, to="plain"),
            "gain": 1 - timings.ratio(name, to=AS_IS),
            "memory_mib": peak_mib(*made[name]),
        }


def _trial(case: Case, numerics: Numerics, change: Change | None) -> Trial:
    trial = Trial(case, numerics)
    if change is not None:
        change(trial)
    return trial


def _numerics(usual: Numerics) -> dict[str, Numerics]:
    """Return variants with another memory format or precision than the usual numerics."""
    other = "fp32" if usual.precision == "bf16" else "bf16"
    return {
        "channels first" if usual.channels_last else "channels last": replace(
            usual, channels_last=not usual.channels_last
        ),
        f"all in {other}": replace(usual, precision=other, why="variant"),
    }


def folded_teacher(trial: Trial) -> None:
    """Fold the teacher's BatchNorms into its convolutions, again after each step."""
    teacher = _teacher(trial)
    folded, refresh = fold(teacher.network)
    _instead(teacher, forward_with_features=folded.forward_with_features, forward=folded.forward)
    inner = trial.training.method.after_step

    def after_step(progress: float) -> None:
        inner(progress)
        refresh()

    _instead(trial.training.method, after_step=after_step)


def fold(network: Network) -> tuple[Network, Callable[[], None]]:
    """Copy a network and fold each BatchNorm, in evaluation mode, into the convolution before it.

    Returns the copy, and a function that updates it from the present weights of `network`.
    """
    folded = copy.deepcopy(network)
    pairs: list[tuple[nn.Conv2d, Any, Any]] = []
    for theirs, mine in zip(network.modules(), list(folded.modules()), strict=True):
        for name, module in theirs.named_children():
            if not list(module.children()):
                setattr(mine, name, module)  # shared, except for the pairs
        for (first, conv), (second, norm) in pairwise(theirs.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                target = copy.deepcopy(conv)
                target.bias = nn.Parameter(torch.zeros_like(norm.weight), requires_grad=False)
                setattr(mine, first, target)
                setattr(mine, second, nn.Identity())
                pairs.append((conv, norm, target))

    @torch.no_grad()
    def refresh() -> None:
        for conv, norm, target in pairs:
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            torch.mul(conv.weight, scale[:, None, None, None], out=target.weight)
            target.bias.copy_(norm.bias - norm.running_mean * scale)

    refresh()
    return folded, refresh


def teacher_in_bf16(trial: Trial) -> None:
    """Compute only the teacher in bf16."""
    teacher = _teacher(trial)
    network, kind = teacher.network, torch.device(trial.numerics.device).type

    def forward_with_features(images: Tensor) -> BackboneOutput:
        with torch.autocast(kind, torch.bfloat16):
            seen = network.forward_with_features(images)
        return BackboneOutput(seen.logits.to(images.dtype), seen.features.to(images.dtype))

    def forward(images: Tensor) -> Tensor:
        with torch.autocast(kind, torch.bfloat16):
            return network(images).to(images.dtype)

    _instead(teacher, forward_with_features=forward_with_features, forward=forward)


def compiled_teacher(trial: Trial) -> None:
    """Compile only the teacher."""
    teacher = _teacher(trial)
    network = teacher.network
    forward_with_features, forward = (
        torch.compile(f, dynamic=False) for f in (network.forward_with_features, network.forward)
    )
    _instead(teacher, forward_with_features=forward_with_features, forward=forward)


def gradients_at_the_end(trial: Trial) -> None:
    """Compute all gradients in one backward pass, so that all activations are kept until then."""
    inner = trial.step

    def step() -> None:
        with patch.object(adautomix, "eager_grad", lambda compute, _: compute()):
            inner()

    _instead(trial, step=step)


def fused_optimiser(trial: Trial) -> None:
    """Update all weights by a fused optimiser kernel, the default on CUDA."""
    training = trial.training
    training.optimiser = make_optimiser(training.method, training.plan.optim, fused=True)


def chosen_algorithms(trial: Trial) -> None:
    """Let cuDNN time its convolution algorithms for these shapes and use the fastest."""
    inner = trial.step

    def step() -> None:
        with torch.backends.cudnn.flags(benchmark=True):
            inner()

    _instead(trial, step=step)


CHANGES: dict[str, Change] = {
    "folded teacher": folded_teacher,
    "teacher in bf16": teacher_in_bf16,
    "compiled teacher": compiled_teacher,
    "fused optimiser": fused_optimiser,
    "all gradients at the end": gradients_at_the_end,
}
ON_CUDA: dict[str, Change] = {"cuDNN's fastest algorithms": chosen_algorithms}


def _teacher(trial: Trial) -> Teacher:
    teacher = trial.training.method.teacher
    if teacher is None:
        raise InputError("the method of this trial has no teacher to change.")
    return teacher


def _instead(owner: object, **functions: Callable[..., Any]) -> None:
    """From now on the object has these functions in the place of its methods."""
    for name, function in functions.items():
        setattr(owner, name, function)
