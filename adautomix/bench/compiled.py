"""Suite `compiled`: what `torch.compile` makes of each method's step, and what that costs.

A graph break sends the step back to Python in its middle; where there is none, the tensor part of
the step is one graph.
"""

import time

import torch

from adautomix.bench.case import Case, Trial
from adautomix.bench.conditions import Conditions, Row
from adautomix.methods import METHODS
from adautomix.models import Net

SMALL = Net("resnet18", stem="cifar", width=8)


def compiled(conditions: Conditions) -> list[Row]:
    """One row a method: graph breaks of all, compile time and gain of those that are timed."""
    batch = conditions.batches[0]
    timed = ("plain", *conditions.methods)
    rows = []
    for method in timed if conditions.tiny else METHODS:
        row = {"method": method, "batch": batch, **breaks(method, conditions)}
        rows.append(row | (_timed(method, batch, conditions) if method in timed else {}))
    return rows


def breaks(method: str, conditions: Conditions) -> Row:
    """How many graphs the tensor part of a step falls into, and why, on a small network."""
    trial = Trial(Case(method, batch=8, side=16, classes=5, net=SMALL), conditions.numerics)
    players, calls = trial.training.method, []
    inner = players.compute

    def noting(*arguments, **options):
        calls.append((arguments, options))
        return inner(*arguments, **options)

    players.compute = noting
    trial.step()
    torch._dynamo.reset()
    arguments, options = calls[0]
    with trial.numerics.autocast():
        found = torch._dynamo.explain(inner)(*arguments, **options)
    torch._dynamo.reset()
    reasons = [str(each.reason).splitlines()[0] for each in found.break_reasons]
    return {"graphs": found.graph_count, "breaks": found.graph_break_count, "reasons": reasons}


def _timed(method: str, batch: int, conditions: Conditions) -> Row:
    """The first compiled step, and the ratio of a step uncompiled to one compiled."""
    case = conditions.case(method, batch)
    eager, quick = Trial(case, conditions.numerics), Trial(case, conditions.numerics)
    quick.training.method.compile_step()
    started = time.perf_counter()
    quick.step()
    conditions.numerics.wait()
    first = time.perf_counter() - started
    timings = conditions.time({"eager": eager.step, "compiled": quick.step})
    torch._dynamo.reset()
    return {
        "first_step_seconds": first,
        "seconds": timings.median("compiled"),
        "eager_seconds": timings.median("eager"),
        "speed_up": timings.ratio("eager", to="compiled"),
    }
