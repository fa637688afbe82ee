"""Transfer learning (Sec. 4.5, Table 3): features learned with a method, fine-tuned elsewhere.

A network is trained with the method on one dataset, gets a new head, and is fine-tuned on another,
always by plain training. Both trainings are recorded runs, and the second names the first in its
recipe: `adautomix train photodigits/thin/plain --set net.pretrained=<id of the first>`.

Reading records does not import torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from adautomix.errors import InputError
from adautomix.record import Run, local, recorded
from adautomix.results.experiments import affordable
from adautomix.results.parameters import accept

if TYPE_CHECKING:
    from adautomix.runs.job import Job, RunOptions

METHODS = (None, "plain", "mixup", "cutmix", "automix", "adautomix")
"""Rows of the comparison; None is the baseline without pretraining."""
FRESH = "fresh weights"


@dataclass(frozen=True)
class Route:
    """Source and target of a transfer, and the settings of both trainings.

    The paper fine-tunes a ResNet-50 from ImageNet-1k on CUB-200 and Stanford Cars. It does not say
    which of the two trainings used the method; here it is the first, so that features are compared
    and not fine-tuning.

    Attributes:
        family: data/backbone of the recipes.
        source: dataset of the first training, or a part of its classes.
        target: dataset of the second training.
        pretraining: changes of the recipe in the first training, as in the names of runs:
            "optim.lr=0", not "optim.lr=0.0".
        finetuning: changes of the recipe in the second training.
        predictor: network whose weights are transferred, "classifier" or "teacher".
        finetune: method of the second training.
    """

    family: str = "photodigits/thin"
    source: str = "photodigits.0-4"
    target: str = "photodigits.5-9"
    pretraining: tuple[str, ...] = ()
    finetuning: tuple[str, ...] = ("per_class=10", "batch=25", "epochs=60", "optim.lr=0.2")
    predictor: str = "classifier"
    finetune: str = "plain"

    def first(self, method: str, budget: str, seed: int) -> "Job":
        """Return the job of the first training, which learns the features."""
        return self._job([method, *self._before()], budget, seed)

    def second(self, start: str | None, budget: str, seed: int) -> "Job":
        """Return the job of the fine-tuning from the run `start`, or from new weights."""
        return self._job([self.finetune, *self._after(start)], budget, seed)

    def _job(self, what: list[str], budget: str, seed: int) -> "Job":
        from adautomix.runs.job import Job

        method, *changes = what
        return Job(f"{self.family}/{method}", budget, seed, tuple(changes))

    def _before(self) -> tuple[str, ...]:
        """Return the changes of the first training's recipe."""
        return (f"data={self.source}", *self.pretraining)

    def _after(self, start: str | None) -> tuple[str, ...]:
        """Return the changes of the second training's recipe."""
        changes = (f"data={self.target}", *self.finetuning)
        if start is None:
            return changes
        which = "" if self.predictor == "classifier" else f":{self.predictor}"
        return (*changes, f"net.pretrained={start}{which}")

    def find(self, method: str | None, runs: Sequence[Run]) -> "list[Transferred]":
        """Return a method's pairs of trainings among `runs`, the latest for each seed.

        `method` None is the baseline without pretraining.
        """
        firsts: Sequence[Run | None] = (
            [None] if method is None else self._named([method, *self._before()], runs)
        )
        found: dict[int, Transferred] = {}
        for first in firsts:
            start = None if first is None else first.id
            for second in self._named([self.finetune, *self._after(start)], runs):
                if first is None or second.seed == first.seed:
                    found[second.seed] = Transferred(first, second)
        return [found[seed] for seed in sorted(found)]

    def _named(self, what: list[str], runs: Sequence[Run]) -> list[Run]:
        """Return the runs of a recipe, the latest last."""
        name = "/".join([self.family, *what])
        return sorted((r for r in runs if r.name == name), key=lambda run: run.provenance["when"])


HALVES = Route()
"""Default route, on the embedded data: from the digits 0 to 4 to 5 to 9, ten images of each.

The learning rate of the fine-tuning was chosen on the validation split for features of plain
training: of 0.01, 0.03, 0.1, 0.2 and 0.4, the one with the highest accuracy.
"""


def halves(budget: str) -> Route:
    """Return `HALVES`, at "smoke" with one epoch of fine-tuning."""
    return replace(HALVES, finetuning=("epochs=1",)) if budget == "smoke" else HALVES


class Transferred(NamedTuple):
    """The runs of both trainings; `first` is None for the baseline without pretraining."""

    first: Run | None
    second: Run

    def top1(self, predictor: str = "classifier") -> float:
        """Return the accuracy on the target, a fraction: the median of the last ten epochs.

        Raises InputError for a predictor that the run does not have.
        """
        return _top1(self.second, predictor)

    @property
    def source_top1(self) -> float:
        """Accuracy on the source of the network whose weights were transferred; NaN if none."""
        if self.first is None:
            return float("nan")
        _, _, predictor = self.second.recipe["net"]["pretrained"].partition(":")
        return _top1(self.first, predictor or "classifier")


def _top1(run: Run, predictor: str) -> float:
    found = run.metric(predictor, "top1_median10")
    if found is None:
        raise InputError(f"the run {run.id} has no {predictor!r}; it has {', '.join(run.metrics)}.")
    return found


def transfer(
    method: str | None,
    route: Route = HALVES,
    *,
    budget: str = "quick",
    seed: int = 0,
    options: "RunOptions | None" = None,
) -> Transferred:
    """Return both trainings; each is read if recorded, else run.

    Args:
        method: method of the first training, e.g. "adautomix"; None is the baseline without
            pretraining.
        route: source, target and settings.
        budget: of both trainings, see `adautomix.recipes.BUDGETS`.
        seed: of both trainings.
        options: device, store, folder of the data.

    Raises:
        InputError: an unknown method, dataset or budget.
        RecordError: the first run was recorded without weights.
    """
    from adautomix.runs import runner
    from adautomix.runs.job import RunOptions

    options = options or RunOptions()
    first = None
    if method is not None:
        first = runner.obtain(route.first(method, budget, seed), options)
    second = route.second(None if first is None else first.id, budget, seed)
    return Transferred(first, runner.obtain(second, options))


def obtain(
    methods: Sequence[str | None] = METHODS,
    route: Route = HALVES,
    *,
    budget: str = "quick",
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    run: bool = True,
) -> pd.DataFrame:
    """Return accuracies on source and target for each method and seed; missing runs are trained.

    Args:
        methods: methods of the first training; None is the baseline without pretraining.
        route: source, target and settings.
        budget: of both trainings; on PhotoDigits at most "quick".
        seeds: one pair of trainings of each method for each seed.
        device: "auto", "cpu", "cuda".
        run: False trains nothing and returns all recorded and local runs, of any seed.

    Returns:
        A row for each method and seed: method, seed, source and target (percent; source is NaN
        without pretraining).
    """
    budget, seeds = affordable(route.family, budget), accept("seeds", seeds)
    if run:
        from adautomix.device import decide
        from adautomix.runs.job import RunOptions

        where = RunOptions(decide(device), adopt=True)
        found = {
            m: [transfer(m, route, budget=budget, seed=s, options=where) for s in seeds]
            for m in methods
        }
    else:
        there = [run for run in [*recorded().all(), *local().all()] if run.budget == budget]
        found = {method: route.find(method, there) for method in methods}
    rows = [
        (method or FRESH, pair.second.seed, 100 * pair.source_top1, 100 * pair.top1())
        for method, pairs in found.items()
        for pair in pairs
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "source", "target"])
