"""The paper's experiments by name: what the paper says, what is recorded, and what runs here.

`obtain("table-1-resnet18", budget="quick", seeds=[0])` returns all three and trains only what is missing. Reading
records imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from adautomix.errors import InputError, unknown
from adautomix.figures.style import method_name
from adautomix.record import BUDGETS, Run, compare, paper, recorded


@dataclass(frozen=True)
class Experiment:
    """What is compared with what.

    Attributes:
        title: what the experiment is, in a few words.
        family: the recipes' data/backbone; a row's recipe is family/method.
        methods: rows, in the paper's order.
        paper: the number of the paper's table and how to select the column from it; None for an experiment of ours.
    """

    title: str
    family: str
    methods: tuple[str, ...]
    paper: tuple[int, dict[str, str]] | None = None


EMBEDDED = "photodigits/thin"
"""Where the budgets smoke and quick take every recipe."""

EXPERIMENTS = {
    "photodigits": Experiment(
        "PhotoDigits, the embedded default",
        family=EMBEDDED,
        methods=("plain", "mixup", "cutmix", "adautomix"),
    ),
    "table-1-resnet18": Experiment(
        "Table 1: top-1 accuracy of ResNet-18 on CIFAR-100",
        family="cifar100/resnet18",
        methods=("plain", "mixup", "cutmix", "adautomix"),
        paper=(1, {"dataset": "CIFAR-100", "backbone": "ResNet-18"}),
    ),
}


def obtain(
    name: str,
    *,
    budget: str = "quick",
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] | None = None,
    device: str = "auto",
    data: str | Path | None = None,
    run: bool = True,
) -> "Results":
    """The results of an experiment: read where they are there, trained here where they are missing.

    Args:
        name: one of `EXPERIMENTS`.
        budget: what to spend, see `adautomix.recipes.BUDGETS`.
        seeds: one run of each method for each seed.
        methods: some of the experiment's methods; None for all.
        device: "auto", "cpu", "cuda".
        data: where the dataset lies; None searches the usual places.
        run: False shows what is there and trains nothing.
    """
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    experiment = EXPERIMENTS[name]
    for method in methods or ():
        if method not in experiment.methods:
            raise unknown(f"method of {name}", method, experiment.methods)
    if not seeds:
        raise InputError("seeds is empty: give at least one, e.g. seeds=[0].")
    found = []
    if run:
        from adautomix.runner import Conditions, Job
        from adautomix.runner import obtain as obtain_run
        from adautomix.train import decide

        conditions = Conditions(decide(device), root=data)
        found = [
            obtain_run(Job(f"{experiment.family}/{method}", budget, seed), conditions)
            for seed in seeds
            for method in methods or experiment.methods
        ]
    return Results(name, experiment, budget, tuple(found))


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
        """The runs that came with the package, unchanged recipes of this experiment's family, any budget and seed."""
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
        """The runs made here of one method, by seed; the recorded ones of this budget where none was made."""
        pool = self.live or [run for run in self.recorded if run.budget == self.budget]
        return sorted((run for run in pool if run.method == method), key=lambda run: run.seed)

    def curves(self) -> dict[str, list[pd.DataFrame]]:
        """The curves of every method, one frame a seed."""
        every = {m: [run.curve() for run in self.runs(m)] for m in self.experiment.methods}
        return {method: curves for method, curves in every.items() if curves}

    def top1(self, method: str, predictor: str = "classifier") -> compare.Summary:
        """Mean, sd and n of the median of the last ten epochs (a fraction), over the seeds made here."""
        return compare.summary(self.runs(method), predictor, "top1_median10")

    def pictures(self, method: str, seed: int = 0) -> dict[str, np.ndarray | list[int]]:
        """The mixed images of the probe as training went on, as `figures.mix_over_training` takes them."""
        arrays = self._arrays(method, seed)
        epochs = sorted(int(key.removeprefix("mixed_")) for key in arrays if "mixed_" in key)
        return {
            "images": np.stack([arrays[f"mixed_{epoch}"] for epoch in epochs]),
            "masks": np.stack([arrays[f"masks_{epoch}"] for epoch in epochs]) / 255,
            "epochs": epochs,
            "parents": arrays["parents"],
        }

    def kept(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Ratio and kept share of every object in every probe image, by method, all seeds together."""
        found = {}
        for method in self.experiment.methods:
            pairs = [self._arrays(method, run.seed) for run in self.runs(method)]
            pairs = [arrays for arrays in pairs if "kept" in arrays]
            if pairs:
                found[method] = tuple(
                    np.concatenate([arrays[key].ravel() for arrays in pairs])
                    for key in ("kept_ratios", "kept")
                )
        return found

    def _arrays(self, method: str, seed: int) -> dict[str, np.ndarray]:
        for run in self.runs(method):
            file = run.path / "mixed.npz"
            if run.seed == seed and file.exists():
                with np.load(file) as arrays:
                    return dict(arrays)
        return {}
