"""Time in which a CUDA GPU works during a step; the rest of the step it waits for the host."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch.profiler import ProfilerActivity, profile

from adautomix.device import Numerics

STEPS = 5
"""Profiled steps, of which the mean is taken."""


def busy_seconds(step: Callable[[], object], numerics: Numerics) -> float | None:
    """Return the seconds of a step in which a kernel or a copy runs; None on another device."""
    if torch.device(numerics.device).type != "cuda":
        return None
    step()
    numerics.wait()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for _ in range(STEPS):
            step()
        numerics.wait()
    return covered(profiler.events()) / STEPS


@runtime_checkable
class Event(Protocol):
    """What is read of a `FunctionEvent` of torch's profiler; times are in microseconds."""

    time_range: Any
    device_type: Any
    is_user_annotation: bool | None


def covered(events: Iterable[Event]) -> float:
    """Return the seconds that the events of the GPU cover; what runs side by side counts once."""
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == torch.autograd.DeviceType.CUDA and not event.is_user_annotation
    )
    total, reached = 0.0, float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total / 1e6
