"""What is known of one experiment: the paper's numbers, the recorded runs, and those made here.

Reading records imports no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adautomix.figures.style import slug
from adautomix.record import Run, recorded
from adautomix.results import compare, paper
from adautomix.results.experiment import EMBEDDED, Experiment


@dataclass(frozen=True)
class Results:
    """What is known of one experiment.

    Attributes:
        name, experiment: which one.
        budget: of the runs made here.
        local: the runs made here, one for each method and seed asked for.
        asked, usual: the settings of evaluations by name, those that runs made here were evaluated
            with, and the defaults, which recorded runs must have; see `evaluate`.
    """

    name: str
    experiment: Experiment
    budget: str
    local: tuple[Run, ...] = field(repr=False)
    asked: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    usual: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    @cached_property
    def recorded(self) -> list[Run]:
        """Runs that came with the package: this family's recipes, any budget and seed.

        Of a name and budget that ran here too, only those of the same recipe: see `current`.
        """
        families = {self.experiment.family, *([EMBEDDED] if self.experiment.stand_in else [])}
        wanted = {f"{f}/{what}" for f in families for what in self.experiment.rows.values()}
        found = current([run for run in recorded().all() if run.name in wanted], self.local)
        return [run.evaluated_with(self.usual) for run in found]

    def evaluate(
        self,
        *names: str,
        device: str = "auto",
        data: str | Path | None = None,
        predictors: tuple[str, ...] | None = None,
        **settings: Any,
    ) -> "Results":
        """These results with evaluations of the runs; those made here are computed where missing.

        Numbers of different settings do not share a column: of what a run made here holds of these
        evaluations only that with these settings is kept, of a recorded run that with the defaults.

        Args:
            names: of `adautomix.evaluations.EVALUATIONS`.
            device, data: as for `experiments.obtain`.
            predictors: "classifier", "teacher"; None for both.
            settings: changed from the defaults, of each of the names.
        """
        from adautomix.device import decide
        from adautomix.evaluate.registry import settings_of  # torch, only when it is needed
        from adautomix.runs.evaluate import evaluate
        from adautomix.runs.job import RunOptions

        asked = {**self.asked, **{n: settings_of(n, **settings) for n in names}}
        usual = {**self.usual, **{n: settings_of(n) for n in names}}
        where = RunOptions(decide(device), root=data)
        evaluated = [evaluate(r, names, predictors, where, **settings) for r in self.local]
        local = tuple(run.evaluated_with(asked) for run in evaluated)
        return replace(self, local=local, asked=asked, usual=usual)

    def table(
        self, metric: str = "top1_median10", printed: tuple[int, dict[str, Any]] | None = None
    ) -> compare.Comparison:
        """Paper | recorded | made here, budget by budget, classifier and teacher apart.

        Args:
            metric: as in `Run.metric`, e.g. "calibration/ece".
            printed: the paper's table and how to select the column; None for the experiment's own.
        """
        rows = {
            self.experiment.label(row): self.experiment.names(row) for row in self.experiment.rows
        }
        chosen = printed or self.experiment.paper
        column = None if chosen is None else paper.select(chosen[0], **chosen[1])
        return compare.table(
            rows, paper=column, recorded=self.recorded, local=self.local, metric=metric
        )

    def runs(self, method: str) -> list[Run]:
        """The runs made here of one row, by seed; without any, those recorded at this budget."""
        pool = self.local or [run for run in self.recorded if run.budget == self.budget]
        names = self.experiment.names(method)
        return sorted((run for run in pool if run.name in names), key=lambda run: run.seed)

    def curves(self) -> dict[str, list[pd.DataFrame]]:
        """The curves of every method, one frame a seed."""
        every = {row: [run.curve() for run in self.runs(row)] for row in self.experiment.rows}
        return {method: curves for method, curves in every.items() if curves}

    def top1(self, method: str, predictor: str = "classifier") -> compare.Summary:
        """Mean, sd and n of the median of the last ten epochs (a fraction), over seeds."""
        return compare.summary(self.runs(method), predictor, "top1_median10")

    def by_run(self) -> pd.DataFrame:
        """The argument of `figures.accuracy_by_method`: row, method, seed, classifier, teacher (%).

        Of every row and seed the run that is recorded at this budget, else the one made here.
        """
        rows = []
        for row, what in self.experiment.rows.items():
            names, method = self.experiment.names(row), what.split("/")[0]
            known = {
                run.seed: run
                for run in [*self.local, *self.recorded]  # the last of a seed stays
                if run.name in names and run.budget == self.budget
            }
            for seed, run in sorted(known.items()):
                found = {name: run.metric(name, "top1_median10") for name in run.metrics}
                percent = {name: 100 * v for name, v in found.items() if v is not None}
                rows.append({"row": row, "method": method, "seed": seed, **percent})
        return pd.DataFrame(rows, columns=["row", "method", "seed", "classifier", "teacher"])

    def means(self) -> dict[str, float]:
        """`by_run` as prose quotes it: a row's mean classifier and teacher in percent, by name.

        The names are `<row>_classifier`, `<row>_teacher` and, for the teacher's lead in points,
        `<row>_lead`, with the row's name in small letters and "_" between its words.
        """
        found: dict[str, float] = {}
        for row, runs in self.by_run().groupby("row", sort=False):
            name = slug(str(row))
            mean = runs[["classifier", "teacher"]].mean()
            found |= {f"{name}_{predictor}": float(value) for predictor, value in mean.items()}
            found[f"{name}_lead"] = float(mean["teacher"] - mean["classifier"])
        return found

    def headline(self) -> dict[str, float | int | str]:
        """The numbers that prose quotes, by name; accuracies in percent."""
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
        """The arguments of `figures.mix_over_training`: mixed images as training went on."""
        arrays = self._arrays(method, seed)
        epochs = _epochs(arrays)
        return {
            "images": np.stack([arrays[f"mixed_{epoch}"] for epoch in epochs]),
            "epochs": epochs,
            "parents": arrays["parents"].swapaxes(0, 1),
            "masks": np.stack([arrays[f"masks_{epoch}"][:, 0] for epoch in epochs]) / 255,
        }

    def mask_std(self, method: str) -> pd.DataFrame:
        """How far masks are from spatially constant as training goes on, by epoch; 0 is constant.

        The standard deviation of a mask over its image, mean over the monitored masks and seeds.
        """
        rows: dict[int, list[float]] = {}
        for run in self.runs(method):
            arrays = self._arrays(method, run.seed)
            for epoch in _epochs(arrays):
                spread = (arrays[f"masks_{epoch}"] / 255).std(axis=(-2, -1)).mean()
                rows.setdefault(epoch, []).append(float(spread))
        means = {epoch: float(np.mean(values)) for epoch, values in rows.items()}
        return pd.DataFrame({"mask standard deviation": means}).rename_axis("epoch")

    def side_by_side(self, seed: int = 0) -> dict:
        """The arguments of `figures.methods_grid`: what every method makes of the same images."""
        every = {method: self._arrays(method, seed) for method in self.experiment.methods}
        every = {method: arrays for method, arrays in every.items() if arrays}
        most = max(every.values(), key=lambda arrays: arrays["parents"].shape[1])
        mixed = {m: arrays[f"mixed_{_epochs(arrays)[-1]}"] for m, arrays in every.items()}
        return {"mixed": mixed, "parents": most["parents"].swapaxes(0, 1)}

    def kept(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The argument of `figures.kept_against_ratio`: λ and kept share of every object."""
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
        """The argument of `figures.kept_bars`: method, mean and sd over seeds, chance (1/N)."""
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
        """The pictures and shares that a run kept; empty where it kept none."""
        for run in self.runs(method):
            if run.seed == seed and (arrays := run.pictures()):
                return arrays
        return {}


def current(runs: Sequence[Run], made_now: Sequence[Run] = ()) -> list[Run]:
    """The runs that share a table: of each name and budget those of one recipe.

    That is the recipe of the runs that were made now, where there are any, and else of the latest
    of `runs`: what a recipe was before it changed belongs to no table of today.
    """
    recipes = {}
    for run in [*sorted(runs, key=lambda run: run.provenance.get("when", "")), *made_now]:
        recipes[run.name, run.budget] = run.recipe
    return [run for run in runs if run.recipe == recipes[run.name, run.budget]]


def _epochs(arrays: dict[str, np.ndarray]) -> list[int]:
    """The epochs at which pictures were taken."""
    return sorted(int(key.removeprefix("mixed_")) for key in arrays if key.startswith("mixed_"))
