"""Suite `steps`: the cost of a step of each method compared with plain training.

`floor` is a lower bound of the ratio: network passes in units of one forward pass, divided by 3 of
plain training. `counted_floor` uses the operations of all convolutions and matrix products instead.
`ratio` is measured: the median over rounds of a method's seconds divided by plain training's. On a
CUDA GPU `gpu_seconds` is the time of a step in which the GPU works, `busy` its share of `seconds`.
"""

from collections.abc import Iterator

from adautomix.bench.case import Case, Trial
from adautomix.bench.gpu import busy_seconds
from adautomix.bench.memory import peak_mib
from adautomix.bench.options import BenchOptions, Row
from adautomix.methods import METHODS

PLAIN = "plain"
NS = (2, 3, 5, 8)
"""Values of N for AdAutoMix; Table 10 has 2 to 5."""


def steps(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each batch and method, and for several N of AdAutoMix."""
    for batch in options.batches:
        yield from _of_batch(options, batch)


def _of_batch(options: BenchOptions, batch: int) -> Iterator[Row]:
    cases = {"plain": options.case(PLAIN, batch)}
    for method in options.methods:
        several = NS if method == "adautomix" and batch >= max(NS) else (None,)
        for n in several:
            cases[f"{method} {n}"] = options.case(method, batch, n)
    return rows(cases, options, share=1 / len(options.batches))


def rows(cases: dict[str, Case], options: BenchOptions, share: float = 1.0) -> Iterator[Row]:
    """Yield a row for each case; the case "plain", the first, is the reference of the ratios.

    `share` is the part of the suite's time that they may take.
    """
    trials = {name: Trial(case, options.numerics) for name, case in cases.items()}
    timings = options.time({name: trial.step for name, trial in trials.items()}, share)
    flops = {name: trial.flops() for name, trial in trials.items()}
    works = {name: busy_seconds(trial.step, options.numerics) for name, trial in trials.items()}
    del trials
    plain_memory = None
    for name, case in cases.items():
        memory = peak_mib(case, options.numerics)
        plain_memory = memory if name == "plain" else plain_memory
        yield {
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
            "memory_mib": memory,
            "memory_ratio": _quotient(memory, plain_memory),
            **_gpu(works[name], timings.median(name)),
        }


def _gpu(work: float | None, seconds: float) -> Row:
    """Return the two columns of a GPU; none on another device."""
    return {} if work is None else {"gpu_seconds": work, "busy": work / seconds}


def _quotient(mine: float | None, plain: float | None) -> float | None:
    return mine / plain if mine is not None and plain else None
