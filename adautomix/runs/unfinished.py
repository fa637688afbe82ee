"""Unfinished runs, read from their newest checkpoint."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import safe_open

from adautomix import recipes
from adautomix.errors import RecordError, first_line
from adautomix.record import Run, Store, _document
from adautomix.record.run import CHECKPOINTS
from adautomix.runs.job import Job
from adautomix.storage import seals
from adautomix.storage.files import replace_all
from adautomix.storage.seals import SEAL
from adautomix.train import checkpoint
from adautomix.train.weights_file import PREFIXES

JOB = "job.json"
NOTED = ("name", "recipe", "budget", "seed", "provenance")
"""Fields of `JOB`, as in run.json."""


def note(job: Job, folder: Path) -> None:
    """Write the job's name, recipe, budget and seed beside the checkpoints in `folder`.

    Raises:
        RecordError: the folder cannot be written.
    """
    document = {
        "name": job.recorded_name(),
        "recipe": recipes.to_dict(job.recipe()),
        "budget": job.budget,
        "seed": job.seed,
        "provenance": {"command": job.command()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(seals.sealed(document, JOB), indent=1).encode()
        replace_all(folder, {JOB: content})
    except OSError as error:
        raise RecordError(
            f"cannot write {folder / JOB} ({error.strerror}): make room or choose another folder."
        ) from error


def find(prefix: str, store: Store) -> Run | None:
    """Return the one unfinished run whose id starts with `prefix`, at its newest checkpoint.

    Its `path` is the checkpoint; its `metrics` have the predictors but no values. None if there is
    no such run with a checkpoint.

    Raises:
        RecordError: the prefix fits several unfinished runs, or the run is damaged.
    """
    folder = _folder(prefix, store)
    return None if folder is None else checkpoint.newest(folder, _seen)


@contextmanager
def snapshot(prefix: str, store: Store) -> Iterator[Run | None]:
    """Yield the run of `find` from a copy, as a process that trains it may replace its files."""
    folder = _folder(prefix, store)
    with TemporaryDirectory(prefix="adautomix-") as copy:

        def look(newest: Path) -> Run:
            run = _seen(newest)
            try:
                for name in (checkpoint.WEIGHTS, checkpoint.STATE):
                    shutil.copy(newest / name, copy)
            except OSError as error:
                raise RecordError(
                    f"cannot copy {newest} to {copy} ({error.strerror}): make room there."
                ) from error
            return replace(run, path=Path(copy))

        yield None if folder is None else checkpoint.newest(folder, look)


def step_of(run: Run) -> int:
    """Return the number of steps an unfinished run has done."""
    return checkpoint.read_state(run.path).step


def _folder(prefix: str, store: Store) -> Path | None:
    """Return the checkpoints' folder of the one unfinished run of that prefix; None if none."""
    found = [
        folder
        for folder in sorted(store.root.glob(f"*/{CHECKPOINTS}"))
        if folder.parent.name.startswith(prefix)
        and (folder / JOB).is_file()
        and checkpoint.latest(folder) is not None
    ]
    if len(found) > 1:
        ids = ", ".join(folder.parent.name for folder in found)
        raise RecordError(f"several unfinished runs in {store.root} start with {prefix!r}: {ids}.")
    return found[0] if found else None


def _seen(newest: Path) -> Run:
    """Return the unfinished run of a checkpoint; RecordError if it is damaged."""
    folder = newest.parent
    try:
        state = checkpoint.read_state(newest)
        document = _checked(json.loads((folder / JOB).read_text(encoding="utf-8")))
        with safe_open(newest / checkpoint.WEIGHTS, "pt") as weights:
            names = tuple(weights.keys())
        document |= {"schema": _document.SCHEMA, "id": folder.parent.name, "evaluations": []}
        begun: dict[str, Any] = {
            p: {} for p, start in PREFIXES.items() if any(n.startswith(start) for n in names)
        }
        document |= {"metrics": begun, "extras": {}}
        if problem := next(_document.problems(document), None):
            raise ValueError(problem)
    except Exception as error:  # a damaged file can raise almost anything
        raise RecordError(
            f"cannot read the unfinished run in {folder.parent} ({first_line(error)}): "
            "train it again."
        ) from error
    fields = {key: document[key] for key in _document.REQUIRED}
    return Run(**fields, path=newest, sha256=state.sha256)


def _checked(document: Any) -> dict[str, Any]:
    """Return the content of `JOB` without its seal; ValueError if it was changed."""
    if not isinstance(document, dict):
        raise ValueError(f"{JOB} is no JSON object")
    if SEAL in document and (problem := next(seals.faults(document, JOB), None)):
        raise ValueError(f"{JOB}: {problem}")
    for stranger in document.keys() - {*NOTED, SEAL}:
        raise ValueError(f"{JOB} has a strange field {stranger!r}")
    return {key: value for key, value in document.items() if key != SEAL}
