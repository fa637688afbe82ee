"""Suite `methods`: the cost of a step of every method compared with plain training."""

from collections.abc import Iterator

from adautomix.bench.options import BenchOptions, Row
from adautomix.bench.steps import rows
from adautomix.methods import METHODS

BATCH = 64


def methods(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each method, with its default N, at batch 64; see the suite `steps`."""
    batch = options.batches[0] if options.tiny else BATCH
    names = [name for name in METHODS if name != "plain"]
    every = {name: options.case(name, batch) for name in ("plain", *names)}
    return rows(every, options)
