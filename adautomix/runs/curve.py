"""Accuracies of a run: of each evaluated epoch, for the curve, and of the whole curve."""

from collections.abc import Callable, Sequence
from statistics import median

from adautomix.data.augment import Geometry
from adautomix.data.file_set import Images
from adautomix.device import Numerics
from adautomix.evaluate import accuracy_of
from adautomix.methods import Method
from adautomix.train import Row


def measures(
    test_set: Images, numerics: Numerics, augment: Geometry
) -> Callable[[Method], dict[str, float]]:
    """Return a function that computes top-1, top-5 and loss of each predictor for the curve."""

    def measure(method: Method) -> dict[str, float]:
        columns: dict[str, float] = {}
        for name, module in method.predictors().items():
            found = accuracy_of(module, test_set, numerics, augment)
            columns |= {
                f"{name}_top1": found.top1,
                f"{name}_top5": found.top5,
                f"{name}_loss": found.loss,
            }
        return columns

    return measure


def final_metrics(curve: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return last, best and median of the last ten epochs (the paper's) for every predictor."""
    measured = [row for row in curve if "classifier_top1" in row]
    metrics: dict[str, dict[str, float]] = {}
    for column in measured[-1]:
        predictor, _, quantity = column.partition("_")
        if quantity not in ("top1", "top5"):
            continue
        values = [row[column] for row in measured]
        metrics.setdefault(predictor, {}).update(
            {
                f"{quantity}_last": values[-1],
                f"{quantity}_best": max(values),
                f"{quantity}_median10": median(values[-10:]),
            }
        )
    return metrics
