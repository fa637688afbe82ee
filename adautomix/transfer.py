"""Transfer (Sec. 4.5, Table 3): what features learned with a method are worth on other classes.

A network is trained with the method on one dataset, gets a fresh head, and is fine-tuned on
another, always with the same plain training. All are recorded runs, and the second names the first
in its recipe: `adautomix train photodigits/thin/plain --set net.pretrained=<id of the first>`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from adautomix import runner
from adautomix.errors import InputError
from adautomix.jobs import Conditions, Job
from adautomix.record import Run


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
        pretraining: fields changed from the recipe in the first training.
        finetuning: fields changed from the recipe in the second training.
        predictor: whose weights are taken along, "classifier" or "teacher".
        finetune: the method of the second training.
    """

    family: str = "photodigits/thin"
    source: str = "photodigits.0-4"
    target: str = "photodigits.5-9"
    pretraining: tuple[str, ...] = ()
    finetuning: tuple[str, ...] = ("per_class=10", "batch=25", "epochs=60")
    predictor: str = "classifier"
    finetune: str = "plain"

    def first(self, method: str, budget: str, seed: int) -> Job:
        """The training that makes the features."""
        return Job(
            f"{self.family}/{method}", budget, seed, (f"data={self.source}", *self.pretraining)
        )

    def second(self, start: str | None, budget: str, seed: int) -> Job:
        """The fine-tuning from the run `start`, or from fresh weights."""
        changes = (f"data={self.target}", *self.finetuning)
        if start is not None:
            which = "" if self.predictor == "classifier" else f":{self.predictor}"
            changes += (f"net.pretrained={start}{which}",)
        return Job(f"{self.family}/{self.finetune}", budget, seed, changes)


HALVES = Route()
"""The embedded default: from the digits 0 to 4 to the digits 5 to 9, ten images of each."""


class Transferred(NamedTuple):
    """The two runs; `first` is None for the comparison that starts from fresh weights."""

    first: Run | None
    second: Run

    def top1(self, predictor: str = "classifier") -> float:
        """Accuracy on the target after fine-tuning: the median of the last ten epochs."""
        found = self.second.metric(predictor, "top1_median10")
        if found is None:
            known = ", ".join(self.second.metrics)
            raise InputError(f"the run {self.second.id} has no {predictor!r}; it has {known}.")
        return found


def transfer(
    method: str | None,
    route: Route = HALVES,
    *,
    budget: str = "quick",
    seed: int = 0,
    conditions: Conditions | None = None,
) -> Transferred:
    """Both trainings, each read where it is recorded and run where it is missing.

    Args:
        method: of the first training, e.g. "adautomix"; None starts from fresh weights, which is
            what fine-tuning has to beat.
        route: from where to where.
        budget: of both, see `adautomix.recipes.BUDGETS`.
        seed: of both.
        conditions: device, store, data.

    Raises:
        InputError: an unknown method, dataset or budget.
        RecordError: the first run is recorded without weights.
    """
    conditions = conditions or Conditions()
    first = None
    if method is not None:
        first = runner.obtain(route.first(method, budget, seed), conditions)
    second = route.second(first and first.id, budget, seed)
    return Transferred(first, runner.obtain(second, conditions))
