"""Numbers and tables of the page on calibration."""

import math
from typing import Any

from adautomix.figures import Table
from adautomix.names import title_of
from adautomix.pages.evaluated import printed
from adautomix.pages.notebook import holds
from adautomix.results import compare, evaluations, paper
from adautomix.results.outcome import Results

PRINTED: tuple[int, dict[str, Any]] = (
    6,
    {"dataset": "CIFAR-100", "backbone": "ResNet-18", "metric": "ece_percent"},
)
"""The column of the paper's Table 6, for `Results.table`."""

ERRORS = {"ece": "calibration/ece", "scaled": "calibration_scaled/ece"}
COLUMNS = {
    "accuracy (%)": "calibration/accuracy",
    "confidence (%)": "calibration/confidence",
    "ECE (%)": "calibration/ece",
    "as released (%)": "calibration_released/ece",
    "T": "calibration_scaled/temperature",
    "scaled (%)": "calibration_scaled/ece",
    "NLL": "calibration/nll",
    "scaled NLL": "calibration_scaled/nll",
}
"""Heading → metric, as in `Run.metric`."""


def headline(results: Results) -> dict[str, float | str]:
    """Return numbers for prose: errors in percent, the best methods, and the verdict.

    All but the paper's numbers are means of the classifiers. "verdict" is on two claims, which
    "verdict_confidence" and "verdict_smallest" are on alone: no method that mixes is more confident
    than accurate, and AdAutoMix has the smallest error.
    """
    found = evaluations.headline(results, ERRORS)
    best = {f"best_{name}": _smallest(results, metric) for name, metric in ERRORS.items()}
    parts = _never_overconfident(results), best["best_ece"] == "adautomix"
    printed = paper.select(PRINTED[0], **PRINTED[1]).set_index("method")["value"]
    return {
        **found,
        **{f"paper_{name.lower()}": float(value) for name, value in printed.items()},
        **{name: title_of(row) for name, row in best.items()},
        "least_scaled_away": 100 * _least_scaled_away(results) // 1,  # "at least": rounded down
        "verdict": holds(*parts),
        "verdict_confidence": holds(parts[0]),
        "verdict_smallest": holds(parts[1]),
    }


def tables(results: Results) -> dict[str, Table]:
    """Return the error beside the paper's, `controls` of both networks, and the paper's table."""
    return {
        "table": results.table("calibration/ece", printed=PRINTED).numbered("tab:ece"),
        "controls": controls(results),
        "teachers": controls(results, "teacher"),
        "printed": printed(
            6,
            ["method"],
            "backbone",
            "The paper's Table 6: expected calibration error on CIFAR-100, in percent.",
            "tab:ece-printed",
            "{} (%)",
        ),
    }


def controls(results: Results, predictor: str = "classifier") -> Table:
    """Return the table of confidence and calibration, before and after scaling by T."""
    frame = evaluations.numbers(results, COLUMNS, predictor)
    caption = f"The {predictor}: confidence, calibration error, and both after scaling by T."
    suffix = "" if predictor == "classifier" else f"-{predictor}"
    return Table(frame, caption, f"tab:controls{suffix}")


def _means(results: Results, metric: str) -> dict[str, float]:
    """Return the mean of each row's classifiers, of the rows that were evaluated."""
    every = {
        row: compare.summary(results.runs(row), "classifier", metric).mean
        for row in results.experiment.rows
    }
    return {row: mean for row, mean in every.items() if mean is not None}


def _smallest(results: Results, metric: str) -> str:
    """Return the row with the smallest mean."""
    means = _means(results, metric)
    return min(means, key=means.__getitem__)


def _least_scaled_away(results: Results) -> float:
    """Return the smallest share of its error that one temperature takes from a mixing method."""
    before, after = (_means(results, metric) for metric in ERRORS.values())
    return min((1 - after[row] / before[row] for row in after if row != "plain"), default=math.nan)


def _never_overconfident(results: Results) -> bool:
    """Whether no method that mixes is more confident than accurate."""
    confidence, accuracy = (
        _means(results, f"calibration/{each}") for each in ("confidence", "accuracy")
    )
    return all(confidence[row] <= accuracy[row] for row in accuracy if row != "plain")
