"""`Store`, a folder of recorded runs: each is a folder `<id>/` with run.json and curve.csv.

`recorded()` is the store that came with the package, `local()` the user's own.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from adautomix.data.catalog import info
from adautomix.errors import InputError, RecordError
from adautomix.record import _document, _files
from adautomix.record._document import FILE, SEAL
from adautomix.record._where import resource
from adautomix.record.run import (
    CHECKPOINTS,
    CURVE,
    PICTURES,
    REMEDY,
    WEIGHTS,
    Document,
    Run,
)
from adautomix.storage import seals
from adautomix.storage.files import replace_all


@dataclass(frozen=True)
class Store:
    """A folder of runs. A sub-folder without run.json is an unfinished run and is ignored."""

    root: Path

    def path(self, id: str) -> Path:
        """Return the folder of the run `id`, which need not exist; InputError for a bad id."""
        if not _document.IDENTIFIER.fullmatch(id):
            raise InputError(
                f"{id!r} is no run id; one looks like plain-photodigits-quick-s0-1a2b3c4d."
            )
        return self.root / id

    def find(self, id: str) -> Run | None:
        """Return the run of exactly this id, or None; RecordError if it cannot be read."""
        folder = self.path(id)
        document = _read(folder / FILE)
        return None if document is None else _run(document, folder)

    def all(self) -> list[Run]:
        """Return all runs, sorted by id."""
        return [run for id in self._ids() if (run := self.find(id)) is not None]

    def match(self, prefix: str) -> Run:
        """Return the one run whose id starts with `prefix`; a full id matches only itself.

        Raises RecordError if none or several match.
        """
        ids = list(self._ids())
        found = [prefix] if prefix in ids else [id for id in ids if id.startswith(prefix)]
        if len(found) == 1 and (run := self.find(found[0])) is not None:
            return run
        shown = found or ids
        listing = ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if shown[10:] else "")
        if found:
            raise RecordError(f"{len(found)} runs start with {prefix!r}, name one: {listing}.")
        raise RecordError(
            f"no run in {self.root} starts with {prefix!r}; there: {listing or 'no run at all'}."
        )

    def write(
        self,
        document: Document,
        curve: pd.DataFrame | Sequence[Mapping[str, object]],
        files: Mapping[str, bytes] | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> Run:
        """Write a run; it replaces an earlier run of the same id and that run's evaluations.

        Args:
            document: content of run.json, without digests; `evaluations` and `extras` are optional.
            curve: the training curve, one row for each epoch.
            files: further files by name, such as mixed.npz.
            beside: digests of files that are in the folder already, such as the weights.

        Raises:
            RecordError: a document or curve that is not valid, or a folder that cannot be written.
        """
        document = {"schema": _document.SCHEMA, "evaluations": [], "extras": {}} | document
        _refuse(document, _document.problems(document))
        contents = dict(files or {}) | {CURVE: _curve_bytes(document, curve)}
        digests = {name: seals.of_bytes(content) for name, content in contents.items()}
        document = _sealed(document, {**(beside or {}), **digests})
        contents[FILE] = _dump(document, document["id"])
        folder = self.path(document["id"])
        with _files.writing(folder):
            replace_all(folder, contents, vouching=FILE)
        return _run(_document.parse(contents[FILE]), folder)

    def publish(self, run: Run, *, weights: bool = False) -> Run:
        """Copy a run of another store into this one, with its weights only if `weights`.

        Mixed images are copied only if the dataset is embedded and may be redistributed.

        Raises:
            RecordError: the run has no commit, or the source files differed from it, so it cannot
                be reproduced; or the copy cannot be written.
        """
        if run.provenance.get("commit") is None or run.provenance.get("dirty"):
            raise RecordError(
                f"the run {run.id} cannot be made again, since its source is no commit: "
                "commit the changes and run it once more."
            )
        folder, document = self.path(run.id), _read(run.path / FILE)
        if document is None:
            raise _unusable(run.path / FILE, "it is lost")
        contents, digests = {}, dict(document.get(SEAL, {}))
        if info(run.data).embedded and run.has(PICTURES):
            contents[PICTURES] = run.content(PICTURES)
        elif digests.pop(PICTURES, None):
            document = _sealed(document, digests)
        if weights:
            contents[WEIGHTS] = run.content(WEIGHTS)
        contents |= {CURVE: run.content(CURVE), FILE: _dump(document, run.id)}
        with _files.writing(folder):
            replace_all(folder, contents, vouching=FILE)
            if not weights:
                (folder / WEIGHTS).unlink(missing_ok=True)  # of an earlier record of this id
        return self.match(run.id)

    def adopt(self, run: Run) -> Run:
        """Copy a run of another store into this one as it is, with its weights if it has them.

        Raises:
            RecordError: a file is not the one that was recorded, or the copy cannot be written.
        """
        document = _read(run.path / FILE)
        if document is None:
            raise _unusable(run.path / FILE, "it is lost")
        there = [name for name in (CURVE, PICTURES, WEIGHTS) if (run.path / name).exists()]
        contents = {name: run.content(name) for name in there} | {FILE: _dump(document, run.id)}
        with _files.writing(folder := self.path(run.id)):
            replace_all(folder, contents, vouching=FILE)
        return self.match(run.id)

    def append_evaluation(self, id: str, entry: Document) -> Run:
        """Add an entry {name, predictor, settings, values, provenance} and return the new run.

        An earlier entry of the same name, predictor and settings is replaced.
        """
        folder = self.path(id)
        _refuse({"id": id}, _document.evaluation_problems(entry))
        entry = _document.parse(_dump(entry, id))
        if _read(folder / FILE) is None:
            raise RecordError(f"no run {id} in {self.root}: train it before evaluating it.")
        with _files.writing(folder):
            document = _read(folder / FILE) or {}
            kept = [old for old in document["evaluations"] if _topic(old) != _topic(entry)]
            document["evaluations"] = [*kept, _document.sealed_evaluation(entry, id)]
            content = _dump(document, id)
            replace_all(folder, {FILE: content})
        return _run(_document.parse(content), folder)

    def _ids(self) -> Iterator[str]:
        """Yield the ids of the finished runs, sorted."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise RecordError(f"cannot list the runs in {self.root}: {error.strerror}.") from error
        for name in names:
            if _document.IDENTIFIER.fullmatch(name) and (self.root / name / FILE).is_file():
                yield name


def recorded(folder: str = "runs") -> Store:
    """Return a store that came with the package: data/runs of a checkout, or the wheel's copy.

    The folder "bf16" has runs of recipes of "runs", under the same ids, in another precision.
    """
    return Store(resource(folder))


def local() -> Store:
    """Return the user's own store: the folder that ADAUTOMIX_RUNS names, else ./runs."""
    return Store(Path(os.environ.get("ADAUTOMIX_RUNS") or "runs"))


def adopted(id: str, store: Store) -> Run | None:
    """Return a copy, in `store`, of the recorded run `id` that has weights.

    None without one, or where `store` has the run unfinished. Errors are those of `Store.adopt`.
    """
    run = recorded().find(id)
    if run is None or not (run.path / WEIGHTS).exists() or (store.path(id) / CHECKPOINTS).exists():
        return None
    return store.adopt(run)


def is_copy(run: Run) -> bool:
    """Whether a run is a recorded one, or a copy of it (see `Store.adopt`), and not made anew."""
    original = recorded().find(run.id)
    return original is not None and original.provenance == run.provenance


def _read(path: Path) -> Document | None:
    """Read and check a run.json; None if there is none, RecordError if it cannot be used."""
    try:
        content = path.read_bytes()
        document = _document.parse(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"it is not JSON ({error})") from error
    seen = path, sha256(content).digest()
    if seen not in _CHECKED:
        _check(document, path)
        _CHECKED.add(seen)
    return document


_CHECKED: set[tuple[Path, bytes]] = set()
"""Records of this path and content that were checked: a chapter reads all of them many times."""


def _check(document: Any, path: Path) -> None:
    """Raise RecordError for a document that cannot be used."""
    if _document.is_newer(document):
        raise RecordError(
            f"{path}: made by a newer adautomix (schema {document['schema']}, this one reads "
            f"{_document.SCHEMA}); upgrade adautomix."
        )
    if problem := next(_document.problems(document), None):
        raise _unusable(path, problem)
    if document["id"] != path.parent.name:
        raise _unusable(path, f"its id is {document['id']!r}, unlike its folder")
    if problem := next(_document.damage(document), None):
        raise _unusable(path, problem)


def _unusable(path: Path, problem: str) -> RecordError:
    """Return the error for a run.json that exists but cannot be used."""
    return RecordError(f"{path}: {problem}; {REMEDY}.")


def _run(document: Document, folder: Path) -> Run:
    """Make a `Run` from a checked document."""
    fields = {key: document[key] for key in _document.REQUIRED}
    return Run(**fields, path=folder, sha256=document.get(SEAL, {}))


def _refuse(document: Document, problems: Iterator[str]) -> None:
    """Raise RecordError for the first problem of a document that is to be written."""
    if problem := next(problems, None):
        raise RecordError(f"run {document.get('id')!r} not recorded: {problem}.")


def _sealed(document: Document, digests: Mapping[str, str]) -> Document:
    """Return a document with its digests; RecordError for values that JSON cannot hold."""
    try:
        return _document.sealed(document, digests)
    except (TypeError, ValueError) as error:
        raise RecordError(f"run {document['id']!r} not recorded: {error}.") from error


def _dump(document: Document, id: str) -> bytes:
    """Return the bytes of a document; RecordError for values that JSON cannot hold."""
    try:
        return _document.dump(document)
    except (TypeError, ValueError) as error:
        raise RecordError(f"run {id!r} not recorded: {error}.") from error


def _curve_bytes(document: Document, curve: pd.DataFrame | Sequence[Mapping[str, object]]) -> bytes:
    """Return the content of curve.csv; RecordError without rows or a column `epoch`."""
    table = pd.DataFrame(curve)
    if table.empty or "epoch" not in table:
        problem = "its curve has no rows" if table.empty else "its curve has no column 'epoch'"
        raise RecordError(f"run {document['id']!r} not recorded: {problem}.")
    return table.to_csv(index=False, lineterminator="\n").encode()


def _topic(entry: Document) -> tuple[str, str, str]:
    """Return (name, predictor, settings); an entry replaces an earlier one with the same."""
    return entry["name"], entry["predictor"], _document.canonical(entry["settings"]).decode()
