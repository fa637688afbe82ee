"""Runs on disk: a folder `<id>/` with run.json and curve.csv, found again by what was run.

`recorded()` travels with the package, `live()` is the reader's own.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from adautomix.data.catalog import info
from adautomix.errors import InputError, RecordError
from adautomix.record import _document, _files
from adautomix.record._where import resource
from adautomix.record.run import Document, Run

PICTURES = "mixed.npz"
"""What a method mixed as training went on."""
KEPT = (PICTURES, "curve.csv", "run.json")
"""The files of a record, in the order of writing; weights stay where they were made."""


@dataclass(frozen=True)
class Store:
    """A folder of runs. A sub-folder without run.json is unfinished, hence not (yet) a run."""

    root: Path

    def path(self, id: str) -> Path:
        """The folder of the run `id`, there or not."""
        if not _document.IDENTIFIER.fullmatch(id):
            raise InputError(
                f"{id!r} is no run id; one looks like plain-photodigits-quick-s0-1a2b3c4d"
            )
        return self.root / id

    def find(self, id: str) -> Run | None:
        """The run of exactly this id, or None; RecordError when it is there but unreadable."""
        folder = self.path(id)
        document = _read(folder / "run.json")
        return None if document is None else _run(document, folder)

    def all(self) -> list[Run]:
        """Every run, sorted by id."""
        return [run for id in self._ids() if (run := self.find(id)) is not None]

    def match(self, prefix: str) -> Run:
        """The one run whose id starts with `prefix`; a whole id always matches itself alone."""
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
    ) -> Run:
        """Record a run: `files` (such as mixed.npz), curve.csv, and run.json last.

        Replaces an earlier run of the same id, evaluations included: they were of other weights.
        `evaluations` and `extras` may be left out of the document.
        """
        document = {"schema": _document.SCHEMA, "evaluations": [], "extras": {}} | document
        _refuse(document, _document.problems(document))
        contents = dict(files or {}) | {"curve.csv": _curve_bytes(document, curve)}
        contents["run.json"] = _dump(document, document["id"])
        folder = self.path(document["id"])
        with _files.writing(folder):
            _files.replace_all(folder, contents)
        return _run(_document.parse(contents["run.json"]), folder)

    def adopt(self, run: Run) -> Run:
        """A copy of a run of another store, without its weights.

        Pictures are copied only of images that are the package's own to give away.

        Raises:
            RecordError: no commit is named, or source files differed from it: nobody could make
                the run again. Or the copy cannot be written.
        """
        if run.provenance.get("commit") is None or run.provenance.get("dirty"):
            raise RecordError(
                f"the run {run.id} cannot be made again, since its source is no commit: "
                "commit the changes and run it once more."
            )
        folder = self.path(run.id)
        kept = [name for name in KEPT if name != PICTURES or info(run.data).embedded]
        contents = {name: _bytes(run.path / name) for name in kept if (run.path / name).exists()}
        with _files.writing(folder):
            _files.replace_all(folder, contents)
        return self.match(run.id)

    def append_evaluation(self, id: str, entry: Document) -> Run:
        """Add {name, predictor, settings, values, provenance} to a run, and return the run anew.

        An earlier entry of the same name, predictor and settings is replaced.
        """
        folder = self.path(id)
        _refuse({"id": id}, _document.evaluation_problems(entry))
        entry = _document.parse(_dump(entry, id))
        if _read(folder / "run.json") is None:
            raise RecordError(f"no run {id} in {self.root}: train it before evaluating it.")
        with _files.writing(folder):
            document = _read(folder / "run.json") or {}
            kept = [old for old in document["evaluations"] if _topic(old) != _topic(entry)]
            document["evaluations"] = [*kept, entry]
            content = _dump(document, id)
            _files.replace_all(folder, {"run.json": content})
        return _run(_document.parse(content), folder)

    def _ids(self) -> Iterator[str]:
        """The ids of the finished runs, sorted."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise RecordError(f"cannot list the runs in {self.root}: {error.strerror}.") from error
        for name in names:
            if _document.IDENTIFIER.fullmatch(name) and (self.root / name / "run.json").is_file():
                yield name


def recorded() -> Store:
    """The runs that travel with the package: data/runs of a checkout, or the wheel's copy."""
    return Store(resource("runs"))


def live() -> Store:
    """The runs made here: the folder that ADAUTOMIX_RUNS names, else ./runs."""
    return Store(Path(os.environ.get("ADAUTOMIX_RUNS") or "runs"))


def _read(path: Path) -> Document | None:
    """A checked run.json; None where there is none; RecordError where it cannot be used."""
    try:
        document = _document.parse(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"it is not JSON ({error})") from error
    if _document.is_newer(document):
        raise RecordError(
            f"{path}: made by a newer adautomix (schema {document['schema']}, this one reads "
            f"{_document.SCHEMA}); upgrade adautomix."
        )
    if problem := next(_document.problems(document), None):
        raise _unusable(path, problem)
    if document["id"] != path.parent.name:
        raise _unusable(path, f"its id is {document['id']!r}, unlike its folder")
    return document


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}).") from error


def _unusable(path: Path, problem: str) -> RecordError:
    """The error for a run.json that is there but cannot be used."""
    return RecordError(f"{path}: {problem}; restore it, or move its folder away and rerun.")


def _run(document: Document, folder: Path) -> Run:
    """A checked document as a Run."""
    return Run(**{key: document[key] for key in _document.REQUIRED}, path=folder)


def _refuse(document: Document, problems: Iterator[str]) -> None:
    """Raise RecordError for the first problem of something about to be written."""
    if problem := next(problems, None):
        raise RecordError(f"run {document.get('id')!r} not recorded: {problem}.")


def _dump(document: Document, id: str) -> bytes:
    """The bytes of a document, or RecordError for what JSON cannot hold."""
    try:
        return _document.dump(document)
    except (TypeError, ValueError) as error:
        raise RecordError(f"run {id!r} not recorded: {error}.") from error


def _curve_bytes(document: Document, curve: pd.DataFrame | Sequence[Mapping[str, object]]) -> bytes:
    """curve.csv; it needs at least one row, and a column `epoch`."""
    table = pd.DataFrame(curve)
    if table.empty or "epoch" not in table:
        problem = "its curve has no rows" if table.empty else "its curve has no column 'epoch'"
        raise RecordError(f"run {document['id']!r} not recorded: {problem}.")
    return table.to_csv(index=False, lineterminator="\n").encode()


def _topic(entry: Document) -> tuple[str, str, str]:
    """What an evaluation measures: entries of one topic replace each other."""
    return entry["name"], entry["predictor"], _document.canonical(entry["settings"]).decode()
