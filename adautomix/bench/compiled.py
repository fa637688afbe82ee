"""Suite `compiled`: graph breaks, compile time and gain of `torch.compile` for each method.

A graph break returns control to Python within the step; without one, the tensor part of the step is
a single graph.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch

from adautomix.bench.case import Case, Trial
from adautomix.bench.options import BenchOptions, Row
from adautomix.methods import METHODS, Losses
from adautomix.models import Net

SMALL = Net("resnet18", stem="cifar", width=8)


def compiled(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each method: graph breaks, and time and gain of those that are timed."""
    batch = options.batches[0]
    timed = ("plain", *options.methods)
    for method in timed if options.tiny else METHODS:
        row = {"method": method, "batch": batch, **breaks(method, options)}
        share = 1 / len(timed)
        yield row | (_timed(method, batch, options, share) if method in timed else {})


def breaks(method: str, options: BenchOptions) -> Row:
    """Return the number of graphs and breaks of a step, with reasons, on a small network."""
    trial = Trial(Case(method, batch=8, side=16, classes=5, net=SMALL), options.numerics)
    trained = trial.training.method
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    inner = trained.compute

    def noting(*given: Any, **named: Any) -> Losses:
        calls.append((given, named))
        return inner(*given, **named)

    trained.compute = noting
    trial.step()
    torch._dynamo.reset()
    given, named = calls[0]
    with trial.numerics.autocast():
        found = torch._dynamo.explain(inner)(*given, **named)
    torch._dynamo.reset()
    reasons = [str(each.reason).splitlines()[0] for each in found.break_reasons]
    return {"graphs": found.graph_count, "breaks": found.graph_break_count, "reasons": reasons}


def _timed(method: str, batch: int, options: BenchOptions, share: float) -> Row:
    """Return the time of the first compiled step, and the speed-up of later ones."""
    case = options.case(method, batch)
    eager, quick = Trial(case, options.numerics), Trial(case, options.numerics)
    quick.training.method.compile_step()
    started = time.perf_counter()
    quick.step()
    options.numerics.wait()
    first = time.perf_counter() - started
    timings = options.time({"eager": eager.step, "compiled": quick.step}, share)
    torch._dynamo.reset()
    return {
        "first_step_seconds": first,
        "seconds": timings.median("compiled"),
        "eager_seconds": timings.median("eager"),
        "speed_up": timings.ratio("eager", to="compiled"),
    }
