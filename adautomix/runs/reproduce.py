"""A recorded run made once more from scratch: are the bits the same?"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from adautomix.device import Numerics, decide
from adautomix.errors import InputError, RecordError
from adautomix.record import Run
from adautomix.record.store import PICTURES
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.runner import execute
from adautomix.runs.weights import WEIGHTS, weights_of
from adautomix.train.weights_file import read_weights


@dataclass(frozen=True)
class Repetition:
    """A run and the same run made again.

    Attributes:
        run: as it is recorded.
        again: as it came out now.
        compared: what both have: "curve", "metrics", and perhaps "weights", "pictures".
        differences: where they differ, one sentence each; empty if every bit is the same.
    """

    run: Run
    again: Run
    compared: tuple[str, ...]
    differences: tuple[str, ...]


def repeat(run: Run, options: RunOptions) -> Repetition:
    """Trains what a record says once more, in its precision and with its number of threads.

    Args:
        run: the record.
        options: where to train; the store must be another one than the record's. An interrupted
            repetition there goes on, a finished one is made again. The numerics are the record's.

    Raises:
        InputError: the store is that of the record, or the record's device is not here.
        RecordError: this version of the package makes another run of that name, a file of the
            record is lost or damaged, or it is of a run that was gone on with elsewhere, which no
            one machine makes again.
        Interrupted: see `adautomix.runs.runner.execute`.
    """
    if options.store.path(run.id).resolve() == run.path.resolve():
        raise InputError(f"{run.path} is the record itself: repeat it in another folder.")
    if parts := run.provenance.get("segments"):
        raise RecordError(
            f"{run.id} was made in {len(parts)} parts, on other devices or by other code "
            "(`adautomix runs show` has them), so no single run is to have its bits."
        )
    job, recorded = job_of(run), _kept(run)
    if (options.store.path(run.id) / "run.json").exists():
        shutil.rmtree(options.store.path(run.id))
    with threads_of(run):
        again = execute(job, replace(options, numerics=numerics_of(run)))
    made = _kept(again)
    differences = {
        what: differing(recorded[what], made[what])
        for what, differing in COMPARED.items()
        if what in recorded and what in made
    }
    found = (f"{what}: {words}" for what, words in differences.items() if words)
    return Repetition(run, again, tuple(differences), tuple(found))


def job_of(run: Run) -> Job:
    """The job that makes a run of this id; RecordError if this version makes another of it."""
    job = Job("/".join(run.name.split("/")[:3]), run.budget, run.seed, run.changes)
    if job.id() != run.id:
        raise RecordError(
            f"this version of the package would make {job.id()} of {run.name}, not {run.id}: "
            f"use the commit of the record, {run.provenance.get('commit')}."
        )
    return job


def numerics_of(run: Run) -> Numerics:
    """Device, precision and compilation as the record names them."""
    said = run.provenance["precision"]
    kind = run.provenance["device"].partition(":")[0]
    return decide(kind, said.partition(" ")[0], "channels last" in said, "compiled" in said)


@contextmanager
def threads_of(run: Run) -> Iterator[None]:
    """Inside, torch has as many threads as made the run: another number, another rounding."""
    before = torch.get_num_threads()
    if counted := re.search(r"(\d+) threads$", run.provenance["device"]):
        torch.set_num_threads(int(counted[1]))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _kept(run: Run) -> dict[str, Any]:
    """What a run has to compare; weights and pictures where they were kept."""
    kept = {"curve": run.curve(), "metrics": run}
    if (run.path / WEIGHTS).exists():
        kept["weights"] = read_weights(weights_of(run))
    if run.has(PICTURES):
        kept["pictures"] = run.pictures()
    return kept


def _of_curves(old: pd.DataFrame, new: pd.DataFrame) -> str | None:
    """The first number that differs, line by line; the seconds always do."""
    old, new = (curve.drop(columns="seconds", errors="ignore") for curve in (old, new))
    if list(old) != list(new) or len(old) != len(new):
        return f"{old.shape[0]} lines of {', '.join(old)}; now {new.shape[0]} of {', '.join(new)}."
    differs = ~((old == new) | (old.isna() & new.isna()))
    rows, columns = np.nonzero(differs.to_numpy())
    if not len(rows):
        return None
    row, column = rows[0], old.columns[columns[0]]
    return (
        f"{len(rows)} of {differs.size} numbers differ, first in epoch {old['epoch'][row]} "
        f"{column}, {old[column][row]}, now {new[column][row]}."
    )


def _of_numbers(old: Run, new: Run) -> str | None:
    """The first final metric or extra that differs."""
    first, second = (
        pd.json_normalize({**r.metrics, "extras": r.extras}).iloc[0] for r in (old, new)
    )
    for name in [*first.index, *second.index.difference(first.index)]:
        if first.get(name) != second.get(name):
            return f"{name} is {first.get(name)}, now {second.get(name)}."
    return None


def _of_arrays(old: dict, new: dict) -> str | None:
    """The first array that differs in a bit."""
    if old.keys() != new.keys():
        return f"{', '.join(sorted(old.keys() ^ new.keys()))} are in one of the two alone."
    return next((f"{name} differs." for name in old if not _same(old[name], new[name])), None)


def _same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(np.asarray(a), np.asarray(b)))


COMPARED = {
    "curve": _of_curves,
    "metrics": _of_numbers,
    "weights": _of_arrays,
    "pictures": _of_arrays,
}
"""What is compared, and how."""
