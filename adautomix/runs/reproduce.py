"""Repetition of a recorded run from scratch, and a bitwise comparison of the results."""

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
    """A recorded run and its repetition.

    Attributes:
        run: the recorded run.
        again: the repetition.
        compared: what was compared: "curve", "metrics", and, if both have them, "weights" and
            "pictures".
        differences: one sentence for each difference; empty if every bit is the same.
    """

    run: Run
    again: Run
    compared: tuple[str, ...]
    differences: tuple[str, ...]


def repeat(run: Run, options: RunOptions) -> Repetition:
    """Train a recorded run again, with its precision and number of threads, and compare.

    Args:
        run: the recorded run.
        options: where to train; the store must not be the record's. An interrupted repetition there
            is resumed, a finished one is made again. The numerics are the record's.

    Raises:
        InputError: the store is that of the record, or this machine lacks the record's device.
        RecordError: this version of the package gives a run of that name another id, a file of the
            record is missing or damaged, or the run was resumed on another machine or with other
            code, so it cannot be repeated in one piece.
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
        skip = "unreadable" in run.provenance
        again = execute(job, replace(options, numerics=numerics_of(run), skip_unreadable=skip))
    made = _kept(again)
    differences = {
        what: differing(recorded[what], made[what])
        for what, differing in COMPARED.items()
        if what in recorded and what in made
    }
    found = (f"{what}: {words}" for what, words in differences.items() if words)
    return Repetition(run, again, tuple(differences), tuple(found))


def job_of(run: Run) -> Job:
    """Return the job of a run; RecordError if this version of the package gives it another id."""
    job = Job("/".join(run.name.split("/")[:3]), run.budget, run.seed, run.changes)
    if job.id() != run.id:
        raise RecordError(
            f"this version of the package would make {job.id()} of {run.name}, not {run.id}: "
            f"use the commit of the record, {run.provenance.get('commit')}."
        )
    return job


def numerics_of(run: Run) -> Numerics:
    """Return the numerics (device, precision, layout, compilation) that the record names."""
    said = run.provenance["precision"]
    kind = run.provenance["device"].partition(":")[0]
    return decide(kind, said.partition(" ")[0], "channels last" in said, "compiled" in said)


@contextmanager
def threads_of(run: Run) -> Iterator[None]:
    """Set torch's number of threads to that of the run, since it affects rounding."""
    before = torch.get_num_threads()
    if counted := re.search(r"(\d+) threads$", run.provenance["device"]):
        torch.set_num_threads(int(counted[1]))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _kept(run: Run) -> dict[str, Any]:
    """Return what can be compared: curve, metrics and, if they exist, weights and pictures."""
    kept = {"curve": run.curve(), "metrics": run}
    if (run.path / WEIGHTS).exists():
        kept["weights"] = read_weights(weights_of(run))
    if run.has(PICTURES):
        kept["pictures"] = run.pictures()
    return kept


def _of_curves(old: pd.DataFrame, new: pd.DataFrame) -> str | None:
    """Describe the first number that differs, row by row, apart from the seconds; None if none."""
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
    """Describe the first final metric or extra that differs; None if none."""
    first, second = (
        pd.json_normalize({**r.metrics, "extras": r.extras}).iloc[0] for r in (old, new)
    )
    for name in [*first.index, *second.index.difference(first.index)]:
        if first.get(name) != second.get(name):
            return f"{name} is {first.get(name)}, now {second.get(name)}."
    return None


def _of_arrays(old: dict, new: dict) -> str | None:
    """Describe the first array that differs; None if none."""
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
"""What is compared → function that describes the first difference."""
