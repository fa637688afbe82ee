"""Runs that notebooks need while the book is built: which, copies of them, cost, and training."""

import ast
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adautomix.book.chapter import assignments
from adautomix.record import Run, adopted, is_copy, local, recorded
from adautomix.results.experiment import affordable
from adautomix.results.parameters import accept
from adautomix.results.registry import get

if TYPE_CHECKING:
    from adautomix.runs.job import Job

TYPICAL = 60.0
"""Expected seconds of a run like none that is recorded."""


@dataclass(frozen=True)
class Needs:
    """What a notebook needs, from its metadata {"adautomix": {"trains": …, "reads": …}}.

    Attributes:
        trains: experiment → its rows; None for those of the parameter `methods`, or all.
        reads: patterns of ids of further local runs that it shows where they are there.
        seconds: how long it takes, about, for the order of a first build; None for the usual.
    """

    trains: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    reads: Sequence[str] = ()
    seconds: float | None = None


def needs_of(nb: Any) -> Needs:
    """Return what a notebook (read as JSON) needs."""
    return Needs(**nb["metadata"].get("adautomix", {}))


def defaults_of(nb: Any) -> dict[str, Any]:
    """Return the parameters of a notebook (read as JSON) with the values of its own cell."""
    for cell in nb["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            return {name: ast.literal_eval(text) for name, text in assignments(source).items()}
    return {}


def jobs_of(needs: Needs, values: Mapping[str, Any]) -> list["Job"]:
    """Return the runs that a notebook with these parameters trains where they are missing."""
    found = []
    for name, rows in needs.trains.items():
        experiment = get(name)
        budget = affordable(experiment.family, values.get("budget", "quick"))
        seeds = accept("seeds", values.get("seeds", [values.get("seed", 0)]))
        wanted = rows if rows is not None else values.get("methods")
        found += [each.job for each in experiment.planned(budget, seeds, wanted)]
    return found


def take_over(ids: Iterable[str], *, live: bool) -> None:
    """Copy the runs that are recorded with weights to the local store; if `live`, remove copies."""
    for id in sorted(ids):
        run = local().find(id)
        if run is None and not live:
            adopted(id, local())
        elif run is not None and live and is_copy(run):
            shutil.rmtree(run.path)


def cost(job: "Job", times: Mapping[str, float]) -> float:
    """Return the expected seconds of a run: of the last build, or of the fastest recorded like it.

    The fastest, because most were recorded on a machine that did other things too.
    """
    if job.id() in times:
        return times[job.id()]
    data = job.recipe().data
    alike = [
        run for run in recorded().all() if (run.method, run.budget) == (job.method, job.budget)
    ]
    return min((_seconds(run) for run in alike if run.recipe["data"] == data), default=TYPICAL)


def _seconds(run: Run) -> float:
    """Return the processor's seconds of a run, or the clock's where those are not known."""
    return float(run.provenance.get("cpu_seconds") or run.provenance["seconds"])


def train_run(cwd: Path, job: "Job", device: str, data: str | None) -> None:
    """Make a run, without a progress bar. Errors as `adautomix.runs.runner.obtain`."""
    os.chdir(cwd)
    from adautomix.device import decide
    from adautomix.runs import runner

    runner.obtain(job, runner.RunOptions(decide(device), local(), data, progress=False))
