"""`Run`, the record of one finished run, and its id.

A run's id ends in the hash of (recipe, budget, seed), so a recorded result can be found before
training.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adautomix.errors import InputError, RecordError, first_line, unknown
from adautomix.record import _document
from adautomix.record._tables import read_csv
from adautomix.storage import seals

Document = dict[str, Any]
CURVE = "curve.csv"
PICTURES = "mixed.npz"
"""File of mixed images saved during training."""
WEIGHTS = "weights.safetensors"
CHECKPOINTS = "checkpoints"
"""Folder of an unfinished run's checkpoints."""
REMEDY = "restore it, or move its folder away and rerun"
METRICS = tuple(
    f"{top}_{when}" for top in ("top1", "top5") for when in ("last", "best", "median10")
)
"""Metrics of each predictor that every finished run has."""


def run_id(recipe: Mapping[str, Any], budget: str, seed: int, method: str, data: str) -> str:
    """Return the id of a run, the name of its folder: `<method>-<data>-<budget>-s<seed>-<hash>`.

    The hash is the first 8 hex digits of sha256 over the canonical JSON of {recipe, budget, seed}.
    Raises InputError for an unknown budget, a negative seed, or names that cannot be in a folder's.

    >>> run_id({"epochs": 2}, "smoke", 0, method="plain", data="photodigits")
    'plain-photodigits-smoke-s0-e86f1711'
    """
    if budget not in _document.BUDGETS:
        raise unknown("budget", budget, _document.BUDGETS)
    if seed < 0:
        raise InputError(f"a seed is 0 or more, not {seed}.")
    for what, value in (("method", method), ("data", data)):
        if not _document.IDENTIFIER.fullmatch(value):
            raise InputError(f"{what} {value!r} cannot name a folder: use letters, digits, _ . + -")
    try:
        digest = _document.digest(recipe, budget, seed)
    except (TypeError, ValueError) as error:
        raise InputError(f"the recipe is not plain JSON ({error}): pass it as a dict") from error
    return f"{method}-{data}-{budget}-s{seed}-{digest}"


@dataclass(frozen=True)
class Run:
    """One finished run, as in its run.json. Accuracies are fractions, times are in seconds.

    Attributes:
        id: see `run_id`.
        name: data/backbone/method of the recipe, followed by changes, e.g. "/epochs=5".
        recipe: its JSON form, see `adautomix.recipes.to_dict`.
        budget: see `adautomix.recipes.BUDGETS`.
        seed: of everything random.
        metrics: predictor → the values of `METRICS`.
        provenance: see `adautomix.record.provenance.collect`.
        evaluations: entries with name, predictor, settings, values and provenance.
        extras: further numbers by name, such as statistics of the masks.
        path: folder of the run.
    """

    id: str
    name: str
    recipe: Document = field(repr=False)
    budget: str
    seed: int
    metrics: dict[str, dict[str, float | int]] = field(repr=False)
    provenance: Document = field(repr=False)
    evaluations: list[Document] = field(repr=False)
    extras: dict[str, float | int] = field(repr=False)
    path: Path = field(repr=False)
    sha256: dict[str, str] = field(default_factory=dict, repr=False)
    """Digests of its files by name; empty for a run recorded before digests existed."""

    @property
    def data(self) -> str:
        """The dataset: the first part of the recipe's name `data/backbone/method`."""
        return self.name.split("/")[0]

    @property
    def method(self) -> str:
        """The method: the third part of the recipe's name `data/backbone/method`."""
        return self.name.split("/")[2]

    @property
    def changes(self) -> tuple[str, ...]:
        """Changes of the recipe, e.g. "epochs=5": the parts of the name after the method."""
        return tuple(self.name.split("/")[3:])

    def curve(self) -> pd.DataFrame:
        """Read curve.csv, one row for each epoch; NaN for values not measured in an epoch."""
        try:
            return read_csv(io.BytesIO(self.content(CURVE)))
        except ValueError as error:
            raise unreadable(self.path / CURVE, error) from error

    def pictures(self) -> dict[str, np.ndarray]:
        """Read mixed.npz (see `adautomix.evaluate.mask_monitor`); empty if there is none."""
        if not self.has(PICTURES):
            return {}
        content = self.content(PICTURES)
        try:
            with np.load(io.BytesIO(content)) as arrays:
                return dict(arrays)
        except Exception as error:  # a damaged archive can raise almost anything
            raise unreadable(self.path / PICTURES, error) from error

    def content(self, name: str) -> bytes:
        """Return the content of one of its files.

        Raises:
            RecordError: it is missing, cannot be read, or is not the file that was recorded.
        """
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
        if self.sha256.get(name) not in (None, seals.of_bytes(content)):
            raise RecordError(f"{path}: not the file that was recorded (another sha256); {REMEDY}.")
        return content

    def check(self, weights: bool = False) -> None:
        """Check the digests of its files; with `weights`, also of weights present, often large.

        Raises:
            RecordError: a file is missing, or not the one that was recorded.
        """
        for name in (CURVE, *([PICTURES] if self.has(PICTURES) else [])):
            self.content(name)
        for name in self.sha256.keys() - {_document.FILE, CURVE, PICTURES}:
            if weights and (self.path / name).exists():
                self.content(name)

    def has(self, name: str) -> bool:
        """Whether the record lists a file, or the file exists."""
        return name in self.sha256 or (self.path / name).exists()

    @property
    def precisions(self) -> set[str]:
        """Precisions of its steps, e.g. {"bf16"}; several only if it was resumed with another."""
        said = [self.provenance, *self.provenance.get("segments", ())]
        return {str(each.get("precision")).split(" ")[0] for each in said}

    def evaluated_with(self, settings: Mapping[str, Document]) -> "Run":
        """Return this run without evaluations that have a name in `settings` but other settings."""
        kept = [
            e for e in self.evaluations if settings.get(e["name"], e["settings"]) == e["settings"]
        ]
        return replace(self, evaluations=kept)

    def metric(self, predictor: str, name: str) -> float | None:
        """Return a value of `predictor` ("classifier", "teacher"); None if it was not measured.

        `name` is a final metric ("top1_median10") or "<evaluation>/<value>" ("calibration/ece").
        """
        evaluation, slash, key = name.rpartition("/")
        if slash:
            found = (self.evaluation(evaluation, predictor) or {"values": {}})["values"].get(key)
        else:
            found = self.metrics.get(predictor, {}).get(key)
        return float(found) if isinstance(found, int | float) else None

    def measured(self) -> set[str]:
        """Return the names under which `metric` finds a number, of any predictor."""
        found = {name: value for values in self.metrics.values() for name, value in values.items()}
        for entry in self.evaluations:
            found |= {f"{entry['name']}/{key}": value for key, value in entry["values"].items()}
        return {name for name, value in found.items() if isinstance(value, int | float)}

    def evaluation(self, name: str, predictor: str, **settings: object) -> Document | None:
        """Return the evaluation of this name, predictor and settings; None if there is none.

        Settings that are not given may have any value. Raises InputError if several match.
        """
        found = [
            entry
            for entry in self.evaluations
            if (entry["name"], entry["predictor"]) == (name, predictor)
            and settings.items() <= entry["settings"].items()
        ]
        if len(found) > 1:
            raise InputError(
                f"run {self.id} holds {len(found)} evaluations {name!r} of its {predictor}: "
                f"choose by settings, which are {[entry['settings'] for entry in found]}."
            )
        return found[0] if found else None


def unreadable(path: Path, error: Exception) -> RecordError:
    """Return the error for a file of a record that cannot be read."""
    return RecordError(f"{path}: cannot be read ({first_line(error)}); {REMEDY}.")
