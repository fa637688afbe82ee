"""Numbers, tables and axes of the page on PhotoDigits."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from adautomix import data, figures
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


def examples() -> dict[str, Any]:
    """Return the arguments of `figures.contact_sheet`: every tenth training image."""
    train = data.load("photodigits", "train")
    return {"images": train.images[::10], "labels": train.labels[::10].astype(str)}


def tables(results: Results, every: Results) -> dict[str, Table]:
    """Return the tables of the page, by the ends of their keys.

    Args:
        results: the methods that the page compares.
        every: all methods of the package.
    """
    return {
        "table": results.table().numbered("tab:photodigits"),
        "leads": leads(results),
        "masks": masks(results),
        "every": every.table().numbered("tab:every-method"),
        "balance": by_adversary(),
    }


def headline(results: Results, every: Results) -> dict[str, float | int | str]:
    """Return `results.headline()`, `chance_of_best`, `balance` and "verdict".

    The verdict is whether AdAutoMix leads each other method. The classifiers of recorded runs
    decide, or of those made here where none is recorded.
    """
    ahead = {other: [results.lead(METHOD, other)] for other in _others(results)}
    chance = {f"every_{name}": value for name, value in chance_of_best(every).items()}
    rates = {f"balance_{name}": value for name, value in balance().items()}
    return results.headline() | {"verdict": best(ahead)} | chance | rates


def masks(results: Results) -> Table:
    """Return the table of how much AdAutoMix's masks vary over the image, by epoch."""
    frame = results.mask_std(METHOD).reset_index()
    columns = {"epoch": str, "mask standard deviation": "{:.3f}".format}
    text = pd.DataFrame({name: frame[name].map(form) for name, form in columns.items()})
    caption = "How much AdAutoMix's masks vary over the image; 0 is a spatially constant mask."
    return Table(text, caption, "tab:photodigits-masks")


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


def balance_figure() -> Figure:
    """Return the figure of validation accuracy by each field of `AXES`, side by side."""
    figure = Figure(figsize=(figures.WIDTH, 3.0), layout="constrained")
    for ax, field in zip(figure.subplots(1, len(AXES), sharey=True), AXES, strict=True):
        figures.sensitivity(**sensitivity(field), ax=ax)
        ax.label_outer()
    return figure


def by_adversary() -> Table:
    """Return the table of recorded runs by the weight of the adversary."""
    frame = experiments.sensitivity("method.adversary")
    caption = "Recorded runs on the validation images, by the weight of the adversary."
    return Table(experiments.by_value(frame, "weight"), caption, "tab:balance")


def _others(results: Results) -> list[str]:
    """Return the rows that AdAutoMix is compared with."""
    return [row for row in results.experiment.rows if row != METHOD]
