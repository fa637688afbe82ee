"""Transfer (Sec. 4.5, Table 3): what features learned with a method are worth on other classes.

A network is trained with the method on one dataset, gets a fresh head, and is fine-tuned on
another, always with the same plain training. All are recorded runs, and the second names the first
in its recipe: `adautomix train photodigits/thin/plain --set net.pretrained=<id of the first>`.

Reading what is recorded imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from adautomix.errors import InputError
from adautomix.names import method_title, title_of
from adautomix.record import Run, local, recorded
from adautomix.results import compare
from adautomix.results.experiments import affordable
from adautomix.results.parameters import accept

if TYPE_CHECKING:
    from adautomix.runs.job import Job, RunOptions

METHODS = (None, "plain", "mixup", "cutmix", "automix", "adautomix")
"""The rows of the comparison; None starts from fresh weights, which fine-tuning has to beat."""
FRESH = "fresh weights"


@dataclass(frozen=True)
class Route:
    """From where to where.

    The paper fine-tunes a ResNet-50 from ImageNet-1k on CUB-200 and Stanford Cars. It does not say
    which of the two trainings used the method; here the first does, so that the features are
    compared and not the fine-tuning.

    Attributes:
        family: data/backbone of the recipes.
        source: dataset of the first training, or a part of its classes.
        target: dataset of the second.
        pretraining: fields changed from the recipe in the first training, as runs are named:
            "optim.lr=0", not "optim.lr=0.0".
        finetuning: fields changed from the recipe in the second training.
        predictor: whose weights are taken along, "classifier" or "teacher".
        finetune: the method of the second training.
    """

    family: str = "photodigits/thin"
    source: str = "photodigits.0-4"
    target: str = "photodigits.5-9"
    pretraining: tuple[str, ...] = ()
    finetuning: tuple[str, ...] = ("per_class=10", "batch=25", "epochs=60", "optim.lr=0.2")
    predictor: str = "classifier"
    finetune: str = "plain"

    def first(self, method: str, budget: str, seed: int) -> "Job":
        """The training that makes the features."""
        return self._job([method, *self._before()], budget, seed)

    def second(self, start: str | None, budget: str, seed: int) -> "Job":
        """The fine-tuning from the run `start`, or from fresh weights."""
        return self._job([self.finetune, *self._after(start)], budget, seed)

    def _job(self, what: list[str], budget: str, seed: int) -> "Job":
        from adautomix.runs.job import Job

        method, *changes = what
        return Job(f"{self.family}/{method}", budget, seed, tuple(changes))

    def _before(self) -> tuple[str, ...]:
        """The changes of the first training's recipe."""
        return (f"data={self.source}", *self.pretraining)

    def _after(self, start: str | None) -> tuple[str, ...]:
        """The changes of the second training's recipe."""
        changes = (f"data={self.target}", *self.finetuning)
        if start is None:
            return changes
        which = "" if self.predictor == "classifier" else f":{self.predictor}"
        return (*changes, f"net.pretrained={start}{which}")

    def find(self, method: str | None, runs: Sequence[Run]) -> "list[Transferred]":
        """The finished pairs of a method among `runs`, one a seed: the latest where there are two.

        `method` None is the comparison that starts from fresh weights.
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
        """The runs of that recipe, the latest last."""
        name = "/".join([self.family, *what])
        return sorted((r for r in runs if r.name == name), key=lambda run: run.provenance["when"])


HALVES = Route()
"""The embedded default: from the digits 0 to 4 to the digits 5 to 9, ten images of each.

The learning rate of the fine-tuning was chosen on the validation split for features of plain
training: of 0.01, 0.03, 0.1, 0.2 and 0.4, the one with the highest accuracy.
"""


class Transferred(NamedTuple):
    """The two runs; `first` is None for the comparison that starts from fresh weights."""

    first: Run | None
    second: Run

    def top1(self, predictor: str = "classifier") -> float:
        """Accuracy on the target after fine-tuning: the median of the last ten epochs."""
        return _top1(self.second, predictor)

    @property
    def source_top1(self) -> float:
        """Accuracy on the source of the network whose weights were taken along; NaN for none."""
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
    """Both trainings, each read where it is recorded and run where it is missing.

    Args:
        method: of the first training, e.g. "adautomix"; None starts from fresh weights, which is
            what fine-tuning has to beat.
        route: from where to where.
        budget: of both, see `adautomix.recipes.BUDGETS`.
        seed: of both.
        options: device, store, data.

    Raises:
        InputError: an unknown method, dataset or budget.
        RecordError: the first run is recorded without weights.
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
    """Accuracies before and after for each method and seed.

    Args:
        methods: None for fresh weights.
        route: from where to where.
        budget: of both trainings; on PhotoDigits at most "quick".
        seeds: one pair of trainings of each method for each seed.
        device: "auto", "cpu", "cuda".
        run: False shows what is there, recorded or made here, whatever its seed; trains nothing.

    Returns:
        A row a method and seed: method, seed, source and target (percent; source is NaN for fresh
        weights).
    """
    budget, seeds = affordable(route.family, budget), accept("seeds", seeds)
    if run:
        from adautomix.device import decide
        from adautomix.runs.job import RunOptions

        where = RunOptions(decide(device))
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


def summed(frame: pd.DataFrame, baseline: str = "plain") -> pd.DataFrame:
    """`obtain` as a table of text: a row a method, mean ± sd over seeds.

    The last column is the mean difference from `baseline` on common seeds with its 95 % interval,
    see `adautomix.results.compare.difference`.
    """
    over = f"more than {method_title(baseline)}"
    columns = ["method", "seeds", "before, on the source (%)", "after, on the target (%)", over]
    by_seed = {m: runs.set_index("seed")["target"].to_dict() for m, runs in frame.groupby("method")}
    rows = []
    for method, runs in frame.groupby("method", sort=False):
        ahead = compare.difference(by_seed[method], by_seed.get(baseline, {}))
        name, cells = title_of(method), map(_cell, (runs["source"], runs["target"]))
        rows.append([name, str(len(runs)), *cells, "" if method == baseline else _ahead(ahead)])
    return pd.DataFrame(rows, columns=columns)


def _cell(values: pd.Series) -> str:
    """Mean ± sd; blank without a value."""
    values = values.dropna()
    if values.empty:
        return ""
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")


def _ahead(found: compare.Paired) -> str:
    """Mean difference [interval]; blank without a common seed."""
    if found.mean is None:
        return ""
    interval = "" if found.low is None else f" [{found.low:+.1f}, {found.high:+.1f}]"
    return f"{found.mean:+.1f}{interval}"
