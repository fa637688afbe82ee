"""Whether an executed notebook is up to date: a digest of all that it was made from."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from adautomix.record import local
from adautomix.record._where import PACKAGE
from adautomix.record.provenance import cpu_name

OWN_SETTINGS = "ADAUTOMIX_"
"""Beginning of the environment variables that the package reads."""


def digest(value: object) -> str:
    """Return the SHA-256 of a value as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def of_files(paths: Iterable[Path], below: Path) -> dict[str, str]:
    """Return the digest of each file by its path below a folder, in order."""
    return {
        path.relative_to(below).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path.is_file() and "__pycache__" not in path.parts
    }


def surroundings(data: Path) -> str:
    """Return the digest of what every chapter is made from: package, data, versions, processor."""
    installed = {f"{each.name} {each.version}" for each in distributions()}
    return digest(
        [
            of_files([*PACKAGE.rglob("*.py"), *PACKAGE.glob("figures/slider.*")], PACKAGE),
            of_files(data.rglob("*"), data),
            sorted(installed),
            cpu_name(),
            os.environ.get("OMP_NUM_THREADS"),
            {name: text for name, text in os.environ.items() if name.startswith(OWN_SETTINGS)},
        ]
    )


def key_of(notebook: Path, values: Mapping[str, Any], read: Sequence[str], around: str) -> str:
    """Return the digest of all that an executed notebook depends on.

    Args:
        notebook: the source.
        values: the parameters given.
        read: patterns of the ids of runs made here that it shows. Of a run, only what training
            wrote counts: an evaluation that is added is a function of it.
        around: see `surroundings`.
    """
    runs = [
        (run.id, run.metrics, run.provenance)
        for run in (local().all() if read else ())
        if any(fnmatch(run.id, pattern) for pattern in read)
    ]
    source = hashlib.sha256(notebook.read_bytes()).hexdigest()
    return digest([source, dict(values), runs, around])
