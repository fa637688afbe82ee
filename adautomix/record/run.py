"""One finished run, and the name that it is found by.

A run's id ends in the hash of (recipe, budget, seed), so whoever wants a result can look whether
it is there before training.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adautomix import seals
from adautomix.errors import InputError, RecordError, first_line, unknown
from adautomix.record import _document
from adautomix.record._tables import read_csv

Document = dict[str, Any]
CURVE = "curve.csv"
PICTURES = "mixed.npz"
"""What a method mixed as training went on."""
REMEDY = "restore it, or move its folder away and rerun"
METRICS = tuple(
    f"{top}_{when}" for top in ("top1", "top5") for when in ("last", "best", "median10")
)
"""What every finished run has of each predictor."""


def run_id(recipe: Mapping[str, Any], budget: str, seed: int, method: str, data: str) -> str:
    """The name of a run's folder: `<method>-<data>-<budget>-s<seed>-<hash>`.

    The hash is the first 8 hex digits of sha256 over the canonical JSON of {recipe, budget, seed}.

    >>> run_id({"epochs": 2}, "smoke", 0, method="plain", data="photodigits")
    'plain-photodigits-smoke-s0-e86f1711'
    """
    if budget not in _document.BUDGETS:
        raise unknown("budget", budget, _document.BUDGETS)
    if seed < 0:
        raise InputError(f"a seed is 0 or more, not {seed}")
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
    """One finished run, as its run.json says. Accuracies are fractions, seconds are seconds."""

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
    """Digests of its files by name; empty for a run of before there were any."""

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
        """What differs from the recipe, e.g. "epochs=5": what follows the method in the name."""
        return tuple(self.name.split("/")[3:])

    def curve(self) -> pd.DataFrame:
        """curve.csv, one row an epoch; a value that was not measured in an epoch is NaN."""
        try:
            return read_csv(io.BytesIO(self.content(CURVE)))
        except ValueError as error:
            raise unreadable(self.path / CURVE, error) from error

    def pictures(self) -> dict[str, np.ndarray]:
        """mixed.npz, see `evaluate.mask_monitor.MaskMonitor.files`; empty without pictures."""
        if not self.has(PICTURES):
            return {}
        content = self.content(PICTURES)
        try:
            with np.load(io.BytesIO(content)) as arrays:
                return dict(arrays)
        except Exception as error:  # a damaged archive can raise almost anything
            raise unreadable(self.path / PICTURES, error) from error

    def content(self, name: str) -> bytes:
        """The bytes of one of its files.

        Raises:
            RecordError: it is lost, cannot be read, or is not the file that was recorded.
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
        """Reads its files, and weights that are there on request: they can be large.

        Raises:
            RecordError: one of them is lost, or not the one that was recorded.
        """
        for name in (CURVE, *([PICTURES] if self.has(PICTURES) else [])):
            self.content(name)
        for name in self.sha256.keys() - {_document.FILE, CURVE, PICTURES}:
            if weights and (self.path / name).exists():
                self.content(name)

    def has(self, name: str) -> bool:
        """Whether the record says that it has a file, or has it."""
        return name in self.sha256 or (self.path / name).exists()

    @property
    def precisions(self) -> set[str]:
        """The number formats that made its steps: one, {"bf16"}, unless it was gone on with."""
        said = [self.provenance, *self.provenance.get("segments", ())]
        return {str(each.get("precision")).split(" ")[0] for each in said}

    def evaluated_with(self, settings: Mapping[str, Document]) -> "Run":
        """This run without evaluations of these names that were made with other settings."""
        kept = [
            e for e in self.evaluations if settings.get(e["name"], e["settings"]) == e["settings"]
        ]
        return replace(self, evaluations=kept)

    def metric(self, predictor: str, name: str) -> float | None:
        """A value of `predictor` ("classifier", "teacher"); None when it was not measured.

        `name` is a final metric ("top1_median10") or "<evaluation>/<value>" ("calibration/ece").
        """
        evaluation, slash, key = name.rpartition("/")
        if slash:
            found = (self.evaluation(evaluation, predictor) or {"values": {}})["values"].get(key)
        else:
            found = self.metrics.get(predictor, {}).get(key)
        return float(found) if isinstance(found, int | float) else None

    def evaluation(self, name: str, predictor: str, **settings: object) -> Document | None:
        """The one evaluation with this name, predictor and these settings; None if there is none.

        Settings not named may be anything; InputError when they leave several to choose from.
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
    """The error for a file of a record that cannot be read."""
    return RecordError(f"{path}: cannot be read ({first_line(error)}); {REMEDY}.")
