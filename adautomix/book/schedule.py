"""`run_all`: tasks that wait for one another, several at a time, with a line for each."""

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from adautomix.results.durations import duration

SILENCE = 60.0
"""Seconds without a line after which the tasks at work are named."""
Say = Callable[[str], None]
"""Function that shows one line."""
SAID_AT_ONCE: Say = partial(print, flush=True)


@dataclass(frozen=True)
class Task:
    """A piece of work of a build.

    Attributes:
        name: what its lines call it.
        seconds: expected duration.
        work: what a process of the pool calls.
        arguments: of `work`.
        after: names of the tasks that have to end before.
        urgent: whether it starts before every task that is not.
    """

    name: str
    seconds: float
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    after: frozenset[str] = frozenset()
    urgent: bool = False


@dataclass(frozen=True)
class Done:
    """What a task gave, and the seconds that it took."""

    value: Any
    seconds: float


def run_all(
    tasks: Sequence[Task], pool: Executor, jobs: int, *, say: Say = SAID_AT_ONCE, then: float = 0.0
) -> dict[str, Done]:
    """Run all tasks, `jobs` at a time; after a failure no other is started.

    Among the tasks that can start, the urgent ones go first, then those with the longest way to the
    end of the build.

    Args:
        tasks: in any order, each with a name of its own.
        pool: with at least `jobs` workers.
        jobs: tasks that run at the same time.
        say: shows a line when a task begins and ends, and after a minute without one.
        then: expected seconds of what follows the tasks; part of the estimates.

    Returns:
        What each task gave, by name.
    """
    build = _Build({task.name: task for task in tasks}, jobs, say, then)
    running: dict[Future[Any], str] = {}
    while build.waiting or running:
        for task in startable(build.waiting, build.unfinished)[: jobs - len(running)]:
            running[pool.submit(task.work, *task.arguments)] = task.name
            build.begin(task)
        ended, _ = wait(running, timeout=SILENCE, return_when=FIRST_COMPLETED)
        for future in ended:
            build.end(running.pop(future), future.result())
        if not ended:
            build.still()
    return build.done


def startable(waiting: Mapping[str, Task], unfinished: Iterable[str]) -> list[Task]:
    """Return the tasks that wait for none of the unfinished ones, the first to start first."""
    left, ranks = set(unfinished), ways(waiting)
    ready = [task for task in waiting.values() if not task.after & left]
    return sorted(ready, key=lambda task: (not task.urgent, -ranks[task.name]))


def ways(tasks: Mapping[str, Task]) -> dict[str, float]:
    """Return the seconds from the start of each task to the end of the longest chain after it."""
    found: dict[str, float] = {}

    def way(name: str) -> float:
        if name not in found:
            then = [way(other.name) for other in tasks.values() if name in other.after]
            found[name] = tasks[name].seconds + max(then, default=0.0)
        return found[name]

    return {name: way(name) for name in tasks}


def expected(waiting: Mapping[str, Task], running: Mapping[str, float], jobs: int) -> float:
    """Return the seconds until all tasks are done, if each takes what is expected.

    Args:
        waiting: tasks that have not begun.
        running: the seconds that each task at work still needs.
        jobs: tasks that run at the same time.
    """
    left, clock = dict(waiting), 0.0
    busy = [(seconds, name) for name, seconds in running.items()]
    heapq.heapify(busy)
    while left or busy:
        for task in startable(left, {*left, *(name for _, name in busy)})[: jobs - len(busy)]:
            heapq.heappush(busy, (clock + task.seconds, task.name))
            del left[task.name]
        clock, _ = heapq.heappop(busy)
    return clock


class _Build:
    """The state of a build, and the lines that it says."""

    def __init__(self, tasks: dict[str, Task], jobs: int, say: Say, then: float):
        self.waiting = dict(tasks)
        self.done: dict[str, Done] = {}
        self._all, self._jobs, self._say, self._then = tasks, jobs, say, then
        self._began: dict[str, float] = {}
        self._start = time.monotonic()

    @property
    def unfinished(self) -> set[str]:
        """The tasks that have not ended."""
        return {*self.waiting, *self._began}

    def begin(self, task: Task) -> None:
        """Note and say that a task has begun."""
        del self.waiting[task.name]
        self._began[task.name] = time.monotonic()
        self._line(f"{task.name} begins ({duration(task.seconds * self._pace())})")

    def end(self, name: str, value: Any) -> None:
        """Note and say that a task has ended."""
        seconds = time.monotonic() - self._began.pop(name)
        self.done[name] = Done(value, seconds)
        self._line(f"{name} is done, {seconds:.1f} s; {self._rest()}")

    def still(self) -> None:
        """Say what is at work."""
        self._line(f"at work: {', '.join(self._began)}; {self._rest()}")

    def _rest(self) -> str:
        """Return what is left to do, and how long it takes, at the pace so far."""
        pace, now = self._pace(), time.monotonic()
        running = {
            name: max(0.0, self._all[name].seconds * pace - (now - began))
            for name, began in self._began.items()
        }
        waiting = {n: replace(t, seconds=t.seconds * pace) for n, t in self.waiting.items()}
        left = expected(waiting, running, self._jobs) + self._then * pace
        return f"{len(running) + len(waiting)} left, {duration(left)}"

    def _pace(self) -> float:
        """Return by how much the tasks so far took longer than expected."""
        now = time.monotonic()
        late = {n: now - b for n, b in self._began.items() if now - b > self._all[n].seconds}
        spent = sum(each.seconds for each in self.done.values()) + sum(late.values())
        planned = sum(self._all[name].seconds for name in (*self.done, *late))
        return (SILENCE + spent) / (SILENCE + planned)  # a minute as expected before the first

    def _line(self, what: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - self._start), 60)
        self._say(f"{minutes:3d}:{seconds:02d}  {what}")
