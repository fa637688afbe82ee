"""`Results` of one experiment: the paper's numbers, the recorded runs, and the local runs.

Reading records does not import torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adautomix.figures.style import slug
from adautomix.record import Run, is_copy, recorded
from adautomix.results import compare, paper
from adautomix.results.experiment import EMBEDDED, Experiment


@dataclass(frozen=True)
class Results:
    """Results of one experiment.

    Attributes:
        name, experiment: the experiment.
        budget: budget of the local runs.
        local: the local runs, made here or copied from the recorded ones with their weights, one
            for each requested method and seed.
        asked: evaluation → the settings with which local runs were evaluated; see `evaluate`.
        defaults: evaluation → its default settings, with which recorded runs were evaluated.
    """

    name: str
    experiment: Experiment
    budget: str
    local: tuple[Run, ...] = field(repr=False)
    asked: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    @cached_property
    def recorded(self) -> list[Run]:
        """Recorded runs of this experiment's recipes, at any budget and of any seed.

        If there are local runs of a name and budget, only those of the same recipe; see `current`.
        """
        families = {
            self.experiment.family,
            *([EMBEDDED] if self.experiment.also_photodigits else []),
        }
        wanted = {f"{f}/{what}" for f in families for what in self.experiment.rows.values()}
        found = current([run for run in recorded().all() if run.name in wanted], self.local)
        return [run.evaluated_with(self.defaults) for run in found]

    def evaluate(
        self,
        *names: str,
        device: str = "auto",
        data: str | Path | None = None,
        predictors: tuple[str, ...] | None = None,
        **settings: Any,
    ) -> "Results":
        """Return these results with evaluations; missing ones of local runs are computed.

        Numbers of different settings are never in one column: of these evaluations, a local run
        keeps only those with these settings, a recorded run only those with the defaults.

        Args:
            names: keys of `adautomix.evaluate.registry.EVALUATIONS`.
            device, data: as for `adautomix.results.experiments.obtain`.
            predictors: "classifier", "teacher"; None for both.
            settings: changes of the defaults, for each of the names.
        """
        from adautomix.device import decide
        from adautomix.evaluate.registry import settings_of  # torch, only when it is needed
        from adautomix.runs.evaluate import evaluate
        from adautomix.runs.job import RunOptions

        asked = {**self.asked, **{n: settings_of(n, **settings) for n in names}}
        defaults = {**self.defaults, **{n: settings_of(n) for n in names}}
        where = RunOptions(decide(device), root=data)
        evaluated = [evaluate(r, names, predictors, where, **settings) for r in self.local]
        local = tuple(run.evaluated_with(asked) for run in evaluated)
        return replace(self, local=local, asked=asked, defaults=defaults)

    def table(
        self, metric: str = "top1_median10", printed: tuple[int, dict[str, Any]] | None = None
    ) -> compare.Comparison:
        """Return the table: paper, recorded runs and those made here, by budget and predictor.

        Args:
            metric: as in `Run.metric`, e.g. "calibration/ece".
            printed: number of the paper's table and the values that select its column; None for
                the experiment's own.
        """
        rows = {
            self.experiment.label(row): self.experiment.names(row) for row in self.experiment.rows
        }
        chosen = printed or self.experiment.paper
        column = None if chosen is None else paper.select(chosen[0], **chosen[1])
        made = [run for run in self.local if not is_copy(run)]
        return compare.table(rows, paper=column, recorded=self.recorded, local=made, metric=metric)

    def runs(self, method: str) -> list[Run]:
        """Return the local runs of a row by seed; without any, those recorded at this budget."""
        pool = self.local or [run for run in self.recorded if run.budget == self.budget]
        names = self.experiment.names(method)
        return sorted((run for run in pool if run.name in names), key=lambda run: run.seed)

    def curves(self) -> dict[str, list[pd.DataFrame]]:
        """Return the curves of every method with runs, one frame for each seed."""
        every = {row: [run.curve() for run in self.runs(row)] for row in self.experiment.rows}
        return {method: curves for method, curves in every.items() if curves}

    def top1(self, method: str, predictor: str = "classifier") -> compare.Summary:
        """Return mean, sd and n over seeds of the median of the last ten epochs, a fraction."""
        return compare.summary(self.runs(method), predictor, "top1_median10")

    def by_run(self) -> pd.DataFrame:
        """Return the argument of `figures.accuracy_by_method`, in percent, a row for each run.

        Where a run of a row and seed at this budget is both recorded and local, the recorded one is
        taken.
        """
        rows = []
        for row, what in self.experiment.rows.items():
            names, method = self.experiment.names(row), what.split("/")[0]
            known = {
                run.seed: run
                for run in [*self.local, *self.recorded]  # the last of a seed is kept
                if run.name in names and run.budget == self.budget
            }
            for seed, run in sorted(known.items()):
                found = {name: run.metric(name, "top1_median10") for name in run.metrics}
                percent = {name: 100 * v for name, v in found.items() if v is not None}
                rows.append({"row": row, "method": method, "seed": seed, **percent})
        return pd.DataFrame(rows, columns=["row", "method", "seed", "classifier", "teacher"])

    def lead(self, row: str, against: str, predictor: str = "classifier") -> compare.Paired:
        """Return the lead of one row over another on their common seeds, over runs as in `by_run`.

        It is a fraction. Without a common seed all its values are None.
        """
        frame = self.by_run().set_index("seed")
        ours, theirs = (
            (frame.loc[frame["row"] == each, predictor].dropna() / 100).to_dict()
            for each in (row, against)
        )
        return compare.difference(ours, theirs)

    def means(self) -> dict[str, float]:
        """Return each row's mean accuracies in percent, by name, for prose.

        The names are `<row>_classifier`, `<row>_teacher` and, for the teacher's lead in percentage
        points, `<row>_lead`, with the row's name in lower case and "_" between its words. NaN if
        not run.
        """
        found: dict[str, float] = {}
        frame = self.by_run()
        for row in self.experiment.rows:
            name = slug(row)
            runs = frame.loc[frame["row"] == row, ["classifier", "teacher"]]
            mean = runs.astype(float).mean()
            found |= {f"{name}_{predictor}": float(value) for predictor, value in mean.items()}
            found[f"{name}_lead"] = float(mean["teacher"] - mean["classifier"])
        return found

    def headline(self) -> dict[str, float | int | str]:
        """Return values for prose, by name; accuracies and coverage are in percent."""
        found: dict[str, float | int | str] = {
            "budget": self.budget,
            "recorded_runs": len(self.recorded),
        }
        for method in self.experiment.methods:
            for run in self.runs(method)[:1]:
                for predictor in run.metrics:
                    mean, *_ = self.top1(method, predictor)
                    if mean is not None:
                        found[f"{method}_{predictor}"] = 100 * mean
        for row in self.kept_summary().itertuples():
            found[f"kept_{row.method}"] = 100 * row.mean
        if self.experiment.paper is not None:
            printed = paper.select(self.experiment.paper[0], **self.experiment.paper[1])
            for row in printed.itertuples():
                found[f"paper_{row.method.lower()}"] = float(row.value)
        return found

    def pictures(self, method: str, seed: int = 0) -> dict:
        """Return the arguments of `figures.mix_over_training`: mixed images of several epochs."""
        return over_training(self._arrays(method, seed))

    def mask_std(self, method: str) -> pd.DataFrame:
        """Return the standard deviation of masks over the image, by epoch; 0 if spatially constant.

        It is the mean over the monitored masks and seeds.
        """
        rows: dict[int, list[float]] = {}
        for run in self.runs(method):
            arrays = self._arrays(method, run.seed)
            for epoch in saved_epochs(arrays):
                spread = (arrays[f"masks_{epoch}"] / 255).std(axis=(-2, -1)).mean()
                rows.setdefault(epoch, []).append(float(spread))
        means = {epoch: float(np.mean(values)) for epoch, values in rows.items()}
        return pd.DataFrame({"mask standard deviation": means}).rename_axis("epoch")

    def side_by_side(self, seed: int = 0) -> dict:
        """Return the arguments of `figures.methods_grid`: the same images mixed by each method."""
        every = {method: self._arrays(method, seed) for method in self.experiment.methods}
        every = {method: arrays for method, arrays in every.items() if arrays}
        most = max(every.values(), key=lambda arrays: arrays["parents"].shape[1])
        mixed = {m: arrays[f"mixed_{saved_epochs(arrays)[-1]}"] for m, arrays in every.items()}
        return {"mixed": mixed, "parents": most["parents"].swapaxes(0, 1)}

    def kept(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the argument of `figures.kept_against_ratio`: λ and coverage of every object."""
        found = {}
        for method in self.experiment.methods:
            pairs = [self._arrays(method, run.seed) for run in self.runs(method)]
            pairs = [arrays for arrays in pairs if "kept" in arrays]
            if pairs:
                ratios, shares = (
                    np.concatenate([arrays[key].astype(float).ravel() for arrays in pairs])
                    for key in ("kept_ratios", "kept")
                )
                found[method] = ratios, shares
        return found

    def kept_summary(self) -> pd.DataFrame:
        """Return the mean object coverage of each method, its sd over seeds, and chance (1/N)."""
        rows = []
        for method in self.experiment.methods:
            runs = [run for run in self.runs(method) if "kept_share" in run.extras]
            if runs:
                values = [run.extras["kept_share"] for run in runs]
                sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
                n = runs[0].recipe["method"].get("n", 2)
                rows.append(
                    {"method": method, "mean": float(np.mean(values)), "sd": sd, "chance": 1 / n}
                )
        return pd.DataFrame(rows, columns=["method", "mean", "sd", "chance"])

    def _arrays(self, method: str, seed: int) -> dict[str, np.ndarray]:
        """Return the mixed images and coverage recorded for a run; empty if there are none."""
        for run in self.runs(method):
            if run.seed == seed and (arrays := run.pictures()):
                return arrays
        return {}


def current(runs: Sequence[Run], made_now: Sequence[Run] = ()) -> list[Run]:
    """Return the runs for one table: of each name and budget, only those with the same recipe.

    A recipe may have changed while its name stayed. The recipe that counts is that of the runs in
    `made_now` with this name and budget; without any, that of the latest run in `runs`.
    """
    recipes = {}
    for run in [*sorted(runs, key=lambda run: run.provenance.get("when", "")), *made_now]:
        recipes[run.name, run.budget] = run.recipe
    return [run for run in runs if run.recipe == recipes[run.name, run.budget]]


def over_training(arrays: dict[str, np.ndarray]) -> dict:
    """Return the arguments of `figures.mix_over_training` from those of `Run.pictures`."""
    epochs = saved_epochs(arrays)
    return {
        "images": np.stack([arrays[f"mixed_{epoch}"] for epoch in epochs]),
        "epochs": epochs,
        "parents": arrays["parents"].swapaxes(0, 1),
        "masks": np.stack([arrays[f"masks_{epoch}"][:, 0] for epoch in epochs]) / 255,
    }


def saved_epochs(arrays: dict[str, np.ndarray]) -> list[int]:
    """Return the epochs at which mixed images were saved."""
    return sorted(int(key.removeprefix("mixed_")) for key in arrays if key.startswith("mixed_"))
