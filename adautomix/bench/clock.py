"""Timing: several things in turn, in one process, so that all meet the same disturbances."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from adautomix.device import Numerics

Task = Callable[[], object]

WARM_UP = 2
"""Turns that are not counted: they allocate, choose kernels and fill caches."""


@dataclass(frozen=True)
class Timings:
    """Seconds of each task, turn by turn; turn i of every task ran next to turn i of the others."""

    seconds: Mapping[str, list[float]]

    def median(self, task: str) -> float:
        """The middle of the turns."""
        return median(self.seconds[task])

    def fastest(self, task: str) -> float:
        """The least disturbed turn."""
        return min(self.seconds[task])

    def ratio(self, task: str, to: str) -> float:
        """How many times as long as another task: the median over turns of their quotient."""
        pairs = zip(self.seconds[task], self.seconds[to], strict=True)
        return median(mine / theirs for mine, theirs in pairs)


def interleaved(
    tasks: Mapping[str, Task], turns: int, *, numerics: Numerics | None = None, burst: int = 1
) -> Timings:
    """Runs every task `burst` times in its turn, turn after turn, and times each turn.

    The device is waited for before and after a turn. On a GPU a burst of several steps shows what
    a training sees, where the host runs ahead. The seconds are those of one run of a task.
    """
    numerics = numerics or Numerics()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(-WARM_UP, turns):
        for name, task in tasks.items():
            numerics.wait()
            started = time.perf_counter()
            for _ in range(burst):
                task()
            numerics.wait()
            if turn >= 0:
                seconds[name].append((time.perf_counter() - started) / burst)
    return Timings(seconds)
