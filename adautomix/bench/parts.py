"""Suite `parts`: the time of a step by network, forward and backward.

The step's functions are wrapped in named ranges, and a few steps are profiled. An operation of the
forward pass belongs to the innermost range around it, one of the backward pass to the range of its
forward operation, which is found by autograd's sequence numbers.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from adautomix.bench.case import Case, Trial
from adautomix.bench.options import BenchOptions, Row
from adautomix.methods import Method
from adautomix.train import Training

RANGE = "part: "
MIXING, OPTIMISER, FOLLOWING = "mixing and losses", "optimiser", "teacher follows"
SUMS, REST = "sums of gradients", "data and the rest"
STEPS = 5
BACKWARD = "autograd::engine::evaluate_function: "
SUMMING = ("AccumulateGrad", "_EagerGradBackward")
"""Backward operations that only accumulate gradients."""


def parts(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each method, batch and part: seconds and share of a step."""
    for batch in options.batches:
        cases = [options.case(method, batch) for method in ("plain", *options.methods)]
        for case, found in measure([Trial(case, options.numerics) for case in cases]).items():
            total = sum(found.values())
            for part, seconds in found.items():
                yield {
                    "method": case.method,
                    "batch": batch,
                    "part": part,
                    "seconds": seconds,
                    "share": seconds / total,
                }


def measure(trials: Sequence[Trial[Case]]) -> dict[Case, dict[str, float]]:
    """Return the mean seconds of every part over a few steps of each trial, in alternation."""
    sums: dict[Case, Counter[str]] = {trial.case: Counter() for trial in trials}
    for trial in trials:
        name_ranges(trial.training)
        for _ in range(2):
            trial.step()
    for _ in range(STEPS):
        for trial in trials:
            sums[trial.case].update(_one_step(trial))
    return {
        case: {part: total / STEPS for part, total in found.items()} for case, found in sums.items()
    }


def _one_step(trial: Trial) -> dict[str, float]:
    """Return the seconds of the parts of one step: GPU time on CUDA, else CPU time."""
    cuda = torch.device(trial.numerics.device).type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    trial.numerics.wait()
    with profile(activities=activities) as profiler:
        started = time.perf_counter()
        trial.step()
        trial.numerics.wait()
        elapsed = time.perf_counter() - started
    found = attribute(profiler.events(), cuda=cuda)
    if not cuda:  # the time of Python between operations belongs to the rest
        found[REST] = max(elapsed - sum(found.values()) + found.get(REST, 0.0), 0.0)
    return found


def name_ranges(training: Training) -> None:
    """Wrap the step's functions, on these objects only, in ranges that a profile shows."""
    method = training.method
    for label, network in _networks(method).items():
        for name in ("forward", "forward_with_features", "forward_mixed_with_features"):
            if hasattr(network, name):
                _wrap(network, name, label)
    _wrap(method, "forward", MIXING)
    _wrap(method, "after_step", FOLLOWING)
    _wrap(training.optimiser, "step", OPTIMISER)
    _wrap(training.optimiser, "zero_grad", OPTIMISER)


def _networks(method: Method) -> dict[str, torch.nn.Module]:
    found: dict[str, torch.nn.Module] = {"classifier": method.classifier}
    if method.teacher is not None:
        found["teacher"] = method.teacher.network
    generator = getattr(method, "generator", None)
    if generator is not None:
        found["generator"] = generator
    return found


def _wrap(owner: object, name: str, label: str) -> None:
    inner: Callable = getattr(owner, name)

    @wraps(inner)
    def within(*arguments: Any, **options: Any) -> Any:
        with record_function(RANGE + label):
            return inner(*arguments, **options)

    setattr(owner, name, within)


def attribute(events: Iterable[FunctionEvent], *, cuda: bool = False) -> dict[str, float]:
    """Return the seconds of every part in a profile; an operation counts without its callees."""
    ordered = sorted(
        (e for e in events if e.device_type == torch.autograd.DeviceType.CPU),
        key=lambda e: (e.time_range.start, -e.time_range.end),
    )
    makers: dict[int, str] = {}  # the last operation with a sequence number is the recorded one
    for event in ordered:
        part = _range_of(event)
        if part is not None and event.sequence_nr >= 0 and _node_of(event) is None:
            makers[event.sequence_nr] = part
    found: dict[str, float] = defaultdict(float)
    for event in ordered:
        micro = event.self_device_time_total if cuda else event.self_cpu_time_total
        found[_part_of(event, makers)] += micro / 1e6
    return dict(found)


def _part_of(event: FunctionEvent, makers: dict[int, str]) -> str:
    node = _node_of(event)
    if node is not None:
        if any(name in node.name for name in SUMMING):
            return SUMS
        made_by = makers.get(node.sequence_nr, MIXING)
        return f"{made_by}, backward" if made_by in ("classifier", "teacher") else made_by
    part = _range_of(event)
    return REST if part is None else _forward(part)


def _forward(part: str) -> str:
    return f"{part}, forward" if part in ("classifier", "teacher") else part


def _node_of(event: FunctionEvent) -> FunctionEvent | None:
    """Return the node of the backward pass that an operation belongs to, or None."""
    return _nearest(event, BACKWARD)


def _range_of(event: FunctionEvent) -> str | None:
    """Return the innermost named range that contains an operation or is it, or None."""
    found = _nearest(event, RANGE)
    return None if found is None else found.name.removeprefix(RANGE)


def _nearest(event: FunctionEvent | None, prefix: str) -> FunctionEvent | None:
    while event is not None and not event.name.startswith(prefix):
        event = event.cpu_parent
    return event
