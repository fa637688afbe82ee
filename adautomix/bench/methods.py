"""Suite `methods`: what a step of every method costs beside one of plain training."""

from adautomix.bench.conditions import Conditions, Row
from adautomix.bench.steps import rows
from adautomix.methods import METHODS

BATCH = 64


def methods(conditions: Conditions) -> list[Row]:
    """One row a method, each with its own N, at a batch of 64 images; see the suite `steps`."""
    batch = conditions.batches[0] if conditions.tiny else BATCH
    names = [name for name in METHODS if name != "plain"]
    every = {name: conditions.case(name, batch) for name in ("plain", *names)}
    return rows(every, conditions)
