"""Suite `steps`: the cost of a step of each method compared with plain training.

`floor` is a lower bound of the ratio: network passes in units of one forward pass, divided by 3 of
plain training. `counted_floor` uses the operations of all convolutions and matrix products instead.
`ratio` is measured: the median over rounds of a method's seconds divided by plain training's.
"""

from adautomix.bench.case import Case, Trial
from adautomix.bench.memory import peak_mib
from adautomix.bench.options import BenchOptions, Row
from adautomix.methods import METHODS

PLAIN = "plain"
NS = (2, 3, 5, 8)
"""Values of N for AdAutoMix; Table 10 has 2 to 5."""


def steps(options: BenchOptions) -> list[Row]:
    """Return a row for each batch and method, and for several N of AdAutoMix."""
    return [row for batch in options.batches for row in _of_batch(options, batch)]


def _of_batch(options: BenchOptions, batch: int) -> list[Row]:
    cases = {"plain": options.case(PLAIN, batch)}
    for method in options.methods:
        several = NS if method == "adautomix" and batch >= max(NS) else (None,)
        for n in several:
            cases[f"{method} {n}"] = options.case(method, batch, n)
    return rows(cases, options)


def rows(cases: dict[str, Case], options: BenchOptions) -> list[Row]:
    """Return a row for each case; the case "plain" is the reference of the ratios."""
    trials = {name: Trial(case, options.numerics) for name, case in cases.items()}
    timings = options.time({name: trial.step for name, trial in trials.items()})
    flops = {name: trial.flops() for name, trial in trials.items()}
    del trials
    memory = {name: peak_mib(case, options.numerics) for name, case in cases.items()}
    return [
        {
            "method": case.method,
            "batch": case.batch,
            "n": getattr(case.config, "n", None),
            "units": case.config.passes,
            "floor": case.config.passes / METHODS[PLAIN].passes,
            "counted_floor": flops[name] / flops["plain"],
            "ratio": timings.ratio(name, to="plain"),
            "seconds": timings.median(name),
            "fastest": timings.fastest(name),
            "gflop": flops[name] / 1e9,
            "memory_mib": memory[name],
            "memory_ratio": _quotient(memory[name], memory["plain"]),
        }
        for name, case in cases.items()
    ]


def _quotient(mine: float | None, plain: float | None) -> float | None:
    return mine / plain if mine is not None and plain else None
