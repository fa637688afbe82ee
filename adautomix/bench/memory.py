"""Peak memory of a training, without what torch and Python need anyway."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import torch

from adautomix.bench.case import Case, Trial
from adautomix.device import Numerics
from adautomix.models import Net
from adautomix.record import provenance

STEPS = 3
"""Number of steps: the optimiser's state exists after the first, so the second has the peak."""


Change = Callable[[Trial], None]
"""Function that changes a trial before its first step; it must be picklable, hence no lambda."""


def peak_mib(case: Case, numerics: Numerics, change: Change | None = None) -> float | None:
    """Measure the peak memory of a training's first steps in MiB; None if it is not reported.

    On CUDA it is the maximum allocated by torch minus what was allocated before. On a CPU it is the
    increase of a new process's peak resident memory since before the networks are built. That peak
    never decreases, so each case has its own process, forked from one that has only imported torch.
    """
    if torch.device(numerics.device).type == "cuda":
        before = torch.cuda.memory_allocated(numerics.device)
        torch.cuda.reset_peak_memory_stats(numerics.device)
        _train(case, numerics, change)
        return (torch.cuda.max_memory_allocated(numerics.device) - before) / provenance.MIB
    if provenance.peak_memory_mib() is None:
        return None
    return in_new_process(_rise, case, numerics, change, torch.get_num_threads())


def in_new_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process forked from one that has only imported torch."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(1) as fresh:
        return fresh.apply(function, arguments)


def load_libraries(numerics: Numerics) -> None:
    """Take steps of a tiny training, so that what torch loads is not counted later."""
    thin = Net("resnet18", stem="cifar", width=8)
    _train(Case("plain", batch=2, side=8, classes=2, net=thin), numerics)


def peak_so_far(numerics: Numerics) -> float | None:
    """Return the peak memory of this process in MiB, on a GPU torch's; None if not reported."""
    if torch.device(numerics.device).type == "cuda":
        return torch.cuda.max_memory_allocated(numerics.device) / provenance.MIB
    return provenance.peak_memory_mib()


def _rise(case: Case, numerics: Numerics, change: Change | None, threads: int) -> float | None:
    """Return the increase of this process's peak memory by a training; call in a new process."""
    torch.set_num_threads(threads)
    load_libraries(numerics)
    before = peak_so_far(numerics)
    _train(case, numerics, change)
    after = peak_so_far(numerics)
    return None if before is None or after is None else after - before


def _train(case: Case, numerics: Numerics, change: Change | None = None) -> None:
    trial = Trial(case, numerics)
    if change is not None:
        change(trial)
    for _ in range(STEPS):
        trial.step()
