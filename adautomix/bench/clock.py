"""Timing of several tasks in alternation, in one process, so that disturbances affect all alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from tqdm import tqdm

from adautomix.device import Numerics

Task = Callable[[], object]

WARM_UP = 2
"""Rounds that are not counted: they allocate memory, select kernels and fill caches."""
FEWEST = 3
"""Counted rounds that a limit of time leaves."""


@dataclass(frozen=True)
class Timings:
    """Seconds of each task by round; round i of all tasks was run in direct succession."""

    seconds: Mapping[str, list[float]]

    def median(self, task: str) -> float:
        """Return the median over the rounds, in seconds."""
        return median(self.seconds[task])

    def fastest(self, task: str) -> float:
        """Return the minimum over the rounds, in seconds."""
        return min(self.seconds[task])

    def ratio(self, task: str, to: str) -> float:
        """Return the median over the rounds of the quotient of two tasks' seconds."""
        pairs = zip(self.seconds[task], self.seconds[to], strict=True)
        return median(mine / theirs for mine, theirs in pairs)


def interleaved(
    tasks: Mapping[str, Task],
    rounds: int,
    *,
    numerics: Numerics | None = None,
    burst: int = 1,
    limit: float | None = None,
) -> Timings:
    """Time several tasks in alternation, with a bar of the rounds on a terminal.

    Args:
        tasks: functions without arguments, by name.
        rounds: number of rounds; each runs every task.
        numerics: the device to wait for before and after a task; None for the CPU.
        burst: calls of a task in a round. On a GPU several calls are realistic, since in training
            the host runs ahead of the device. The seconds are those of one call.
        limit: seconds after which no round begins, once there are `FEWEST`; None for no limit.
    """
    numerics = numerics or Numerics()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in _rounds(rounds, limit):
        for name, task in tasks.items():
            numerics.wait()
            started = time.perf_counter()
            for _ in range(burst):
                task()
            numerics.wait()
            if number >= 0:
                seconds[name].append((time.perf_counter() - started) / burst)
    return Timings(seconds)


def _rounds(rounds: int, limit: float | None) -> Iterator[int]:
    """Yield the numbers of the rounds, those of the warm-up negative, until the limit."""
    started = time.perf_counter()
    for number in tqdm(range(-WARM_UP, rounds), unit="round", leave=False, disable=None):
        late = limit is not None and time.perf_counter() - started >= limit
        if late and number >= FEWEST:
            return
        yield number
