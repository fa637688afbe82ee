"""`execute`: all that a build does before the last rendering, as tasks, and their execution."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import chdir
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adautomix.book.fresh import surroundings
from adautomix.book.live import (
    Needs,
    cost,
    defaults_of,
    jobs_of,
    needs_of,
    take_over,
    train_run,
)
from adautomix.book.pages import first_pages
from adautomix.book.place import Place
from adautomix.book.run import execute_notebook, replace, up_to_date
from adautomix.book.schedule import Done, Task, run_all
from adautomix.errors import AdAutoMixError, InputError
from adautomix.record import local

if TYPE_CHECKING:
    from adautomix.runs.job import Job

PAGES = "the pages"
FIRST = "the first pages"
USUAL = {"pages": 60.0, "notebook": 20.0}
"""Expected seconds of what no earlier build has timed."""
ALLOCATOR = {"MALLOC_TOP_PAD_": str(256 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
"""Settings of glibc's allocator: memory that a training step frees is kept for the next one."""


@dataclass(frozen=True)
class Chapter:
    """A notebook with the parameters that it is given."""

    notebook: Path
    given: dict[str, Any]

    @cached_property
    def _read(self) -> Any:
        return json.loads(self.notebook.read_text("utf-8"))

    @property
    def needs(self) -> Needs:
        """The runs that it needs."""
        return needs_of(self._read)

    @cached_property
    def values(self) -> dict[str, Any]:
        """All its parameters."""
        return defaults_of(self._read) | self.given

    @cached_property
    def jobs(self) -> list["Job"]:
        """The runs that it trains where they are missing."""
        return jobs_of(self.needs, self.values)

    @cached_property
    def reads(self) -> list[str]:
        """Patterns of the ids of the runs made here that it shows."""
        return [*(job.id() for job in self.jobs), *self.needs.reads]


def execute(
    place: Place,
    planned: list[tuple[Path, dict[str, Any]]],
    jobs: int,
    target: Path,
    budget: str,
    *,
    live: bool = False,
) -> None:
    """Bring the executed notebooks up to date, `jobs` tasks at a time.

    Runs that they need are copied from the recorded ones that have weights, unless `live`, and
    trained otherwise.

    The CPU cores are divided among the tasks, unless OMP_NUM_THREADS is set. If there are no pages
    yet, those made from records alone are rendered first.
    """
    if jobs < 1:
        raise InputError(f"jobs must be 1 or more, not {jobs}.")
    _prepare(place, jobs)
    with chdir(place.cwd):
        around, times = surroundings(place.data), _times(place).get(budget, {})
        chapters = [Chapter(*each) for each in planned]
        take_over({job.id() for chapter in chapters for job in chapter.jobs}, live=live)
        stale = [c for c in chapters if not up_to_date(place, *_wanted(c), around)]
        first = not (target / "index.html").exists() and any(c.needs.trains for c in stale)
        tasks = tasks_of(place, stale, around, times, target if first else None)
    if len(chapters) > len(stale):
        print(f"{len(chapters) - len(stale)} of {len(chapters)} notebooks are up to date.")
    done = _run(tasks, jobs, times.get(PAGES, USUAL["pages"])) if tasks else {}
    remember(place, budget, {name: each.seconds for name, each in done.items()})


def tasks_of(
    place: Place,
    stale: Sequence[Chapter],
    around: str,
    times: Mapping[str, float],
    target: Path | None,
) -> list[Task]:
    """Return the missing runs, each notebook after the runs that it shows, and the first pages.

    With a `target`, notebooks that train nothing come first, then the first pages are rendered to
    it; those that show runs made meanwhile are executed again.
    """
    runs = {job.id(): (job, chapter.values) for chapter in stale for job in chapter.jobs}
    missing = {id: each for id, each in runs.items() if local().find(id) is None}
    tasks = [
        Task(f"run {id}", cost(job, times), train_run, (place.cwd, job, *_where(values)))
        for id, (job, values) in missing.items()
    ]
    early = [c for c in stale if not c.needs.trains] if target else []
    for chapter in stale:
        after = [f"run {id}" for id in missing if any(fnmatch(id, p) for p in chapter.reads)]
        name = chapter.notebook.stem
        what = (execute_notebook, (place, *_wanted(chapter), around))
        seconds = times.get(name, chapter.needs.seconds or USUAL["notebook"])
        if chapter in early:
            tasks.append(Task(name, seconds, *what, urgent=True))
        if chapter not in early or after:
            own = [name] if chapter in early else []
            again = " again" if own else ""
            tasks.append(Task(name + again, seconds, *what, after=frozenset([*after, *own])))
    if target:
        seconds = times.get(FIRST, USUAL["pages"])
        before = frozenset(chapter.notebook.stem for chapter in early)
        tasks.append(Task(FIRST, seconds, first_pages, (place, target), before, urgent=True))
    return tasks


def remember(place: Place, budget: str, seconds: Mapping[str, float]) -> None:
    """Keep how long each task took, for the estimates of the next build."""
    times = _times(place)
    times.setdefault(budget, {}).update(seconds)
    replace(place.work, {"times.json": json.dumps(times, indent=1).encode()})


def _times(place: Place) -> dict[str, dict[str, float]]:
    """Return budget → task → seconds, of earlier builds."""
    try:
        return dict(json.loads((place.work / "times.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def _wanted(chapter: Chapter) -> tuple[Path, dict[str, Any], list[str]]:
    return chapter.notebook, chapter.given, chapter.reads


def _where(values: Mapping[str, Any]) -> tuple[str, str | None]:
    return values.get("device", "auto"), values.get("data")


def _prepare(place: Place, jobs: int) -> None:
    """Set the environment of the processes that do the work.

    Where Python is told to write no bytecode, each kernel would compile torch anew, which takes
    longer than importing it: a folder of the build keeps it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    for name, value in ALLOCATOR.items():
        os.environ.setdefault(name, value)
    if sys.dont_write_bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(place.work / "bytecode"))


def _pool(jobs: int) -> Executor:
    """Return a pool of processes; in threads, nbclient would leave event loops open."""
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def _run(tasks: list[Task], jobs: int, then: float) -> dict[str, Done]:
    """Run the tasks in a pool of processes."""
    pool = _pool(jobs)
    try:
        return run_all(tasks, pool, jobs, then=then)
    except BrokenExecutor as error:
        raise AdAutoMixError(
            "a process that ran notebooks died: give it more memory or jobs=1, and in a script "
            'of your own call build() under `if __name__ == "__main__":`.'
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
