"""Suite `methods`: what a step of every method costs beside one of plain training."""

from adautomix.bench.options import BenchOptions, Row
from adautomix.bench.steps import rows
from adautomix.methods import METHODS

BATCH = 64


def methods(options: BenchOptions) -> list[Row]:
    """One row a method, each with its own N, at a batch of 64 images; see the suite `steps`."""
    batch = options.batches[0] if options.tiny else BATCH
    names = [name for name in METHODS if name != "plain"]
    every = {name: options.case(name, batch) for name in ("plain", *names)}
    return rows(every, options)
