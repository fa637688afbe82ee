"""Numbers, tables and axes of the page on PhotoDigits."""

from typing import Any

import pandas as pd

from adautomix import data
from adautomix.figures import Table
from adautomix.methods import METHODS, AdAutoMix
from adautomix.names import method_title
from adautomix.pages.verdict import best
from adautomix.recipes.photodigits import thin
from adautomix.results import experiments
from adautomix.results.outcome import Results
from adautomix.results.protocol import PREDICTORS
from adautomix.results.setting_grid import points

METHOD, DEFAULT = "adautomix", AdAutoMix()

AXES: dict[str, dict[str, Any]] = {
    "method.adversary": {
        "xlabel": "weight of the adversary",
        "ylabel": "validation accuracy (%)",
        "chosen": DEFAULT.adversary,
    },
    "optim.generator_lr": {
        "xlabel": "learning rate of the generator",
        "ylabel": "validation accuracy (%)",
        "log_x": True,
    },
}
"""Field of the recipe → the arguments of `figures.sensitivity` beside its frame."""


def tables(results: Results) -> dict[str, Table]:
    """Return the tables of accuracies and of AdAutoMix's leads, by the ends of their keys."""
    return {"table": results.table().numbered("tab:photodigits"), "leads": leads(results)}


def headline(results: Results) -> dict[str, float | int | str]:
    """Return `results.headline()` and "verdict": whether AdAutoMix leads each other method.

    The classifiers of recorded runs decide, or of those made here where none is recorded.
    """
    ahead = {other: [results.lead(METHOD, other)] for other in _others(results)}
    return results.headline() | {"verdict": best(ahead)}


def leads(results: Results) -> Table:
    """Return the table of AdAutoMix's lead over each other method, with its interval."""
    rows = [
        {"over": method_title(other)}
        | {f"{each} (points)": points(results.lead(METHOD, other, each)) for each in PREDICTORS}
        for other in _others(results)
    ]
    caption = (
        "Lead of AdAutoMix in percentage points, with its 95 % interval over paired seeds (number "
        "of seeds): recorded runs, or those made here where none is recorded."
    )
    return Table(pd.DataFrame(rows), caption, "tab:photodigits-leads")


def chance_of_best(results: Results) -> dict[str, float | int]:
    """Return how far chance moves the best accuracy of all runs, in percentage points.

    "error" is the standard error of that accuracy, "best", over the test images, "images".
    """
    top = float(results.by_run()["classifier"].max())
    images = len(data.load("photodigits", "test").labels)
    error = (top * (100 - top) / images) ** 0.5
    return {"methods": len(METHODS), "images": images, "best": top, "error": error}


def balance() -> dict[str, float]:
    """Return the default weight of the adversary, and the learning rates of two recipes."""
    plain, game = thin(METHODS["plain"]), thin(DEFAULT)
    rates = {"lr_plain": plain.optim.lr, "lr_adautomix": game.optim.lr}
    return {"default": DEFAULT.adversary, **rates}


def sensitivity(field: str) -> dict[str, Any]:
    """Return the arguments of `figures.sensitivity` for one field of `AXES`, of recorded runs."""
    return {"frame": experiments.sensitivity(field), **AXES[field]}


def by_adversary() -> Table:
    """Return the table of recorded runs by the weight of the adversary."""
    frame = experiments.sensitivity("method.adversary")
    caption = "Recorded runs on the validation images, by the weight of the adversary."
    return Table(experiments.by_value(frame, "weight"), caption, "tab:balance")


def _others(results: Results) -> list[str]:
    """Return the rows that AdAutoMix is compared with."""
    return [row for row in results.experiment.rows if row != METHOD]
