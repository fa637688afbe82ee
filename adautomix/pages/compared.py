"""`Compared`, the planned runs of an experiment, and their differences, for a page.

Unlike `Results` it has the runs of the experiment's own seeds alone, recorded or local, so that a
rule that was fixed for these seeds is applied to no others. Nothing is trained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adautomix.record import Run, local, recorded
from adautomix.results import compare
from adautomix.results.experiment import Experiment, affordable
from adautomix.results.registry import get

Measure = Callable[[Run], float | None]
"""Function from a run to a number; None if it was not measured."""


@dataclass(frozen=True)
class Compared:
    """The finished runs of an experiment at one budget.

    Attributes:
        experiment: the experiment.
        runs: row → its runs by seed; with the schedule after a comma, if the experiment has some.
    """

    experiment: Experiment
    runs: Mapping[str, Sequence[Run]]

    @property
    def every(self) -> list[Run]:
        """All runs, each once."""
        return list({run.id: run for runs in self.runs.values() for run in runs}.values())

    def values(self, row: str, measure: Measure) -> dict[int, float]:
        """Return seed → number, for the runs that have it."""
        measured = {run.seed: measure(run) for run in self.runs[row]}
        return {seed: value for seed, value in measured.items() if value is not None}

    def mean(self, row: str, measure: Measure) -> compare.Summary:
        """Return mean, sd and number of the values of a row."""
        return compare.summary_of(list(self.values(row, measure).values()))

    def lead(self, row: str, over: str, measure: Measure) -> compare.Paired:
        """Return one row minus another on their common seeds."""
        return compare.difference(self.values(row, measure), self.values(over, measure))

    def above_zero(self, row: str, measure: Measure) -> compare.Paired:
        """Return the values of a row as a difference from 0, with its interval."""
        values = self.values(row, measure)
        return compare.difference(values, dict.fromkeys(values, 0.0))


def compared(name: str, budget: str, *, own: bool = True) -> Compared:
    """Return the planned runs of an experiment that are recorded, or, if `own`, in the local store.

    Experiments on PhotoDigits have the budgets smoke and quick; for any other it is quick.
    """
    experiment, stores = get(name), (recorded(), local()) if own else (recorded(),)
    runs: dict[str, list[Run]] = {
        _key(row, schedule): [] for row in experiment.rows for schedule in experiment.schedules
    }
    for each in experiment.planned(affordable(experiment.family, budget)):
        found = (store.find(each.job.id()) for store in stores)
        there = [run for run in found if run is not None]
        runs[_key(each.row, each.schedule)] += there[:1]
    return Compared(experiment, runs)


def _key(row: str, schedule: str) -> str:
    return ", ".join(filter(None, (row, schedule)))


def top1(predictor: str) -> Measure:
    """Return the measure: top-1 accuracy, median of the last ten epochs, a fraction."""
    return lambda run: run.metric(predictor, "top1_median10")
