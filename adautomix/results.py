"""What is known of one experiment: the paper's numbers, the recorded runs, and those made here.

Reading records imports no torch.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from adautomix.figures.style import method_name
from adautomix.record import Run, compare, paper, recorded

EMBEDDED = "photodigits/thin"
"""Where the budgets smoke and quick take every recipe."""


@dataclass(frozen=True)
class Experiment:
    """What is compared with what.

    Attributes:
        title: what the experiment is, in a few words.
        family: the recipes' data/backbone; a row's recipe is family/method.
        methods: rows, in the paper's order.
        paper: the number of the paper's table and how to select the column from it; None for an
            experiment of ours.
    """

    title: str
    family: str
    methods: tuple[str, ...]
    paper: tuple[int, dict[str, str]] | None = None


@dataclass(frozen=True)
class Results:
    """What is known of one experiment.

    Attributes:
        name, experiment: which one.
        budget: of the runs made here.
        live: the runs made here, one for each method and seed asked for.
    """

    name: str
    experiment: Experiment
    budget: str
    live: tuple[Run, ...] = field(repr=False)

    @cached_property
    def recorded(self) -> list[Run]:
        """Runs that came with the package: this family's recipes, any budget and seed."""
        wanted = {f"{self.experiment.family}/{method}" for method in self.experiment.methods}
        return [run for run in recorded().all() if run.name in wanted]

    def table(self, metric: str = "top1_median10") -> compare.Comparison:
        """Paper | recorded | made here, budget by budget, classifier and teacher apart."""
        families = (self.experiment.family, EMBEDDED)
        rows = {
            method_name(method): [f"{family}/{method}" for family in families]
            for method in self.experiment.methods
        }
        printed = None
        if self.experiment.paper is not None:
            number, where = self.experiment.paper
            printed = paper.select(number, **where)
        return compare.table(
            rows, paper=printed, recorded=self.recorded, live=self.live, metric=metric
        )

    def runs(self, method: str) -> list[Run]:
        """The runs made here of one method, by seed; without any, those recorded at this budget."""
        pool = self.live or [run for run in self.recorded if run.budget == self.budget]
        return sorted((run for run in pool if run.method == method), key=lambda run: run.seed)

    def curves(self) -> dict[str, list[pd.DataFrame]]:
        """The curves of every method, one frame a seed."""
        every = {m: [run.curve() for run in self.runs(m)] for m in self.experiment.methods}
        return {method: curves for method, curves in every.items() if curves}

    def top1(self, method: str, predictor: str = "classifier") -> compare.Summary:
        """Mean, sd and n of the median of the last ten epochs (a fraction), over seeds."""
        return compare.summary(self.runs(method), predictor, "top1_median10")

    def headline(self) -> dict[str, float | int | str]:
        """The numbers that prose quotes, by name; accuracies in percent."""
        found: dict[str, float | int | str] = {
            "budget": self.budget,
            "recorded_runs": len(self.recorded),
        }
        for method in self.experiment.methods:
            for run in self.runs(method)[:1]:
                for predictor in run.metrics:
                    found[f"{method}_{predictor}"] = 100 * self.top1(method, predictor).mean
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

    def relief(self, method: str) -> pd.DataFrame:
        """How far masks are from flat as training goes on, by epoch; 0 is flat.

        The standard deviation of a mask over its image, mean over the probe's masks and over seeds.
        """
        rows: dict[int, list[float]] = {}
        for run in self.runs(method):
            arrays = self._arrays(method, run.seed)
            for epoch in _epochs(arrays):
                spread = (arrays[f"masks_{epoch}"] / 255).std(axis=(-2, -1)).mean()
                rows.setdefault(epoch, []).append(float(spread))
        means = {epoch: float(np.mean(values)) for epoch, values in rows.items()}
        return pd.DataFrame({"relief of the masks": means}).rename_axis("epoch")

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
                found[method] = tuple(
                    np.concatenate([arrays[key].astype(float).ravel() for arrays in pairs])
                    for key in ("kept_ratios", "kept")
                )
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
            file = run.path / "mixed.npz"
            if run.seed == seed and file.exists():
                with np.load(file) as arrays:
                    return dict(arrays)
        return {}


def _epochs(arrays: dict[str, np.ndarray]) -> list[int]:
    """The epochs at which pictures were taken."""
    return sorted(int(key.removeprefix("mixed_")) for key in arrays if key.startswith("mixed_"))
