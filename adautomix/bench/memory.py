"""The memory that a training needs at its peak, beside what torch and Python hold anyway."""

import multiprocessing
from collections.abc import Callable

import torch

from adautomix.bench.case import Case, Trial
from adautomix.device import Numerics
from adautomix.models import Net
from adautomix.record import provenance

STEPS = 3
"""The optimiser's velocities exist after the first step, and the peak after the second."""


Change = Callable[[Trial], None]
"""What is changed of a trial before its first step; a function of a module, not a lambda."""


def peak_mib(case: Case, numerics: Numerics, change: Change | None = None) -> float | None:
    """Peak memory of the first steps of a training, in MiB; None where the system does not say.

    CUDA: what torch's allocator handed out at most, less what it held before. CPU: by how much
    the peak of the resident memory of a fresh process rises, from before the players are built.
    That peak never falls, so each case has a process of its own, forked from one that has done
    nothing but import torch.
    """
    if torch.device(numerics.device).type == "cuda":
        before = torch.cuda.memory_allocated(numerics.device)
        torch.cuda.reset_peak_memory_stats(numerics.device)
        _train(case, numerics, change)
        return (torch.cuda.max_memory_allocated(numerics.device) - before) / provenance.MIB
    if provenance.peak_memory_mib() is None:
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(1) as fresh:
        return fresh.apply(_rise, (case, numerics, change, torch.get_num_threads()))


def _rise(case: Case, numerics: Numerics, change: Change | None, threads: int) -> float | None:
    """In a fresh process: the rise of its peak."""
    torch.set_num_threads(threads)
    thin = Net("resnet18", stem="cifar", width=8)
    _train(Case("plain", batch=2, side=8, classes=2, net=thin), numerics)  # loads libraries
    before = provenance.peak_memory_mib()
    _train(case, numerics, change)
    after = provenance.peak_memory_mib()
    return None if before is None or after is None else after - before


def _train(case: Case, numerics: Numerics, change: Change | None = None) -> None:
    trial = Trial(case, numerics)
    if change is not None:
        change(trial)
    for _ in range(STEPS):
        trial.step()
