"""Results of experiments by name: the paper's numbers, the recorded runs and the local runs.

`obtain("table-1-resnet18", budget="quick", seeds=[0])` returns all three and trains only runs that
are neither local nor recorded with their weights. Reading records does not import torch.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from adautomix.errors import unknown
from adautomix.record import local, recorded
from adautomix.results.experiment import EMBEDDED, affordable
from adautomix.results.outcome import Results, current
from adautomix.results.parameters import NAMES, accept
from adautomix.results.registry import get

MASKS = ("mask_peak", "area_gap")
"""Recorded statistics of a run's masks; see `adautomix.evaluate.describe_masks`."""


def obtain(
    name: str,
    *,
    budget: str = "quick",
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] | None = None,
    device: str = "auto",
    data: str | Path | None = None,
    run: bool = True,
) -> Results:
    """Return the results of an experiment. InputError for bad arguments.

    A run that is not in the local store is copied there if it is recorded with its weights, and
    trained otherwise.

    Args:
        name: one of `adautomix.results.registry.EXPERIMENTS`.
        budget: see `adautomix.recipes.BUDGETS`; at most "quick" for experiments on PhotoDigits.
        seeds: one run of each method for each seed.
        methods: some of the experiment's rows; None for all.
        device: "auto", "cpu", "cuda".
        data: folder or file of the dataset; None searches, see `adautomix.data.download`.
        run: False trains nothing and returns all local runs at the budget, of any seed.
    """
    experiment = get(name)
    budget = affordable(experiment.family, budget)
    seeds = accept("seeds", seeds)
    rows = list(experiment.rows) if methods is None else accept("methods", methods, NAMES)
    for row in rows:
        if row not in experiment.rows:
            raise unknown(f"method of {name}", row, experiment.rows)
    if not run:
        wanted = {run for row in rows for run in experiment.names(row)}
        there = [run for run in local().all() if run.name in wanted and run.budget == budget]
        return Results(name, experiment, budget, tuple(current(there)))
    from adautomix.device import decide
    from adautomix.runs import runner  # torch, only when something is to be trained

    options = runner.RunOptions(decide(device), root=data, adopt=True)
    planned = experiment.planned(budget, seeds, rows)
    local_runs = tuple(runner.obtain(each.job, options) for each in planned)
    return Results(name, experiment, budget, local_runs)


def sensitivity(field: str, *, predictor: str = "classifier") -> pd.DataFrame:
    """Return validation accuracy by the value of one field of AdAutoMix's recipe, as recorded.

    Args:
        field: e.g. "method.adversary"; runs that differ from the recipe in another field are left
            out.
        predictor: "classifier" or "teacher".

    Returns:
        A row for each run: x (the field's value), y (percent, median of the last ten epochs), seed,
        mask_peak and area_gap.
    """
    from adautomix.recipes import to_dict
    from adautomix.runs.runner import Job

    defaults = _flat(
        to_dict(Job(f"{EMBEDDED}/adautomix", changes=("evaluate_on=validation",)).recipe())
    )
    if field not in defaults:
        raise unknown("field of the recipe", field, defaults)
    rows = []
    for run in recorded().all():
        recipe = _flat(run.recipe)
        differing = {name for name in defaults if recipe.get(name) != defaults[name]}
        top1 = run.metric(predictor, "top1_median10")
        if differing <= {field} and len(recipe) == len(defaults) and top1 is not None:
            x = recipe[field] if recipe[field] is not None else recipe["optim.lr"]  # generator_lr
            masks = {name: run.extras[name] for name in MASKS}
            rows.append({"x": x, "y": 100 * top1, "seed": run.seed, **masks})
    return pd.DataFrame(rows, columns=["x", "y", "seed", *MASKS]).sort_values(["x", "seed"])


def by_value(frame: pd.DataFrame, heading: str) -> pd.DataFrame:
    """Return `sensitivity` as a table of text: for each value mean ± sd over seeds, and masks."""
    rows = []
    for x, runs in frame.groupby("x"):
        spread = f" ± {runs['y'].std():.1f}" if len(runs) > 1 else ""
        rows.append(
            {
                heading: f"{x:g}",
                "seeds": str(len(runs)),
                "validation accuracy (%)": f"{runs['y'].mean():.1f}{spread}",
                "largest mask": f"{runs['mask_peak'].mean():.2f}",
                "distance of area and λ": f"{runs['area_gap'].mean():.2f}",
            }
        )
    columns = ["seeds", "validation accuracy (%)", "largest mask", "distance of area and λ"]
    return pd.DataFrame(rows, columns=[heading, *columns])


def _flat(recipe: dict, prefix: str = "") -> dict[str, object]:
    """Flatten nested fields to "method.n": value."""
    flat: dict[str, object] = {}
    for name, value in recipe.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
