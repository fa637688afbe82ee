"""Runs that stopped on their way, seen through their newest checkpoint."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import safe_open

from adautomix import recipes
from adautomix.errors import RecordError
from adautomix.jobs import Job
from adautomix.record import Run, Store
from adautomix.record._files import replace_all
from adautomix.train import checkpoint

CHECKPOINTS = "checkpoints"
JOB = "job.json"


def note(job: Job, folder: Path) -> None:
    """Leaves beside the checkpoints in `folder` what is being trained, for `find`.

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
        replace_all(folder, {JOB: json.dumps(document, indent=1).encode()})
    except OSError as error:
        raise RecordError(
            f"cannot write {folder / JOB} ({error.strerror}): make room or choose another folder."
        ) from error


def find(prefix: str, store: Store) -> Run | None:
    """The one unfinished run whose id starts with `prefix`, as it was at its newest checkpoint.

    Its `path` is the checkpoint, its metrics name the predictors and have no numbers. None without
    such a run or without a checkpoint of it.

    Raises:
        RecordError: several unfinished runs start so, or the one is damaged.
    """
    found = [
        folder
        for folder in sorted(store.root.glob(f"*/{CHECKPOINTS}"))
        if folder.parent.name.startswith(prefix)
        and (folder / JOB).is_file()
        and checkpoint.latest(folder) is not None
    ]
    if not found:
        return None
    if len(found) > 1:
        ids = ", ".join(folder.parent.name for folder in found)
        raise RecordError(f"several unfinished runs in {store.root} start with {prefix!r}: {ids}.")
    newest = checkpoint.latest(found[0])
    try:
        document = json.loads((found[0] / JOB).read_text(encoding="utf-8"))
        with safe_open(newest / checkpoint.WEIGHTS, "pt") as weights:
            names = tuple(weights.keys())
        metrics = {
            predictor: {}
            for predictor, prefix in checkpoint.PREFIXES.items()
            if any(name.startswith(prefix) for name in names)
        }
        rest = {"metrics": metrics, "evaluations": [], "extras": {}, "path": newest}
        return Run(id=found[0].parent.name, **document, **rest)
    except (*checkpoint.UNWRITABLE, TypeError, ValueError) as error:
        raise RecordError(
            f"cannot read the unfinished run in {found[0].parent} ({error}): train it again."
        ) from error


@contextmanager
def snapshot(prefix: str, store: Store) -> Iterator[Run | None]:
    """What `find` finds, in a copy of its own: who trains it on replaces the checkpoint."""
    with TemporaryDirectory(prefix="adautomix-") as folder:
        while (run := find(prefix, store)) is not None:
            with suppress(FileNotFoundError):  # replaced just now: there is a newer one
                for name in (checkpoint.WEIGHTS, checkpoint.STATE):
                    shutil.copy(run.path / name, folder)
                run = replace(run, path=Path(folder))
                break
        yield run


def step_of(run: Run) -> int:
    """How many steps an unfinished run has behind it."""
    state = json.loads((run.path / checkpoint.STATE).read_text(encoding="utf-8"))
    return int(state["step"])
