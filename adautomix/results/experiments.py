"""The paper's experiments by name: what the paper says, what is recorded, and what runs here.

`obtain("table-1-resnet18", budget="quick", seeds=[0])` returns all three and trains only what is
missing. Reading records imports no torch.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from adautomix.errors import unknown
from adautomix.figures.style import METHOD_NAMES
from adautomix.record import BUDGETS, local, recorded
from adautomix.results.experiment import EMBEDDED, Experiment, Results, current
from adautomix.results.parameters import NAMES, accept

EXPERIMENTS = {
    "photodigits": Experiment(
        "PhotoDigits, the embedded default",
        family=EMBEDDED,
        methods=("plain", "mixup", "cutmix", "adautomix"),
    ),
    "table-1-resnet18": Experiment(
        "Table 1: top-1 accuracy of ResNet-18 on CIFAR-100",
        family="cifar100/resnet18",
        methods=(
            *("plain", "mixup", "cutmix", "saliencymix", "fmix"),
            *("puzzlemix", "resizemix", "automix", "adautomix"),
        ),
        paper=(1, {"dataset": "CIFAR-100", "backbone": "ResNet-18"}),
    ),
    "evaluations": Experiment(
        "Calibration, robustness, occlusion and class maps of trained networks",
        family="cifar100/resnet18",
        methods=("plain", "mixup", "cutmix", "automix", "adautomix"),
        stand_in=True,
    ),
}

FLOOR = "schedule.floor=0.5"
EXPERIMENTS |= {
    "mixed-images": Experiment(
        "What learned methods paint",
        family="cifar100/resnet18",
        methods=("adautomix", "automix", "samix", "adautomix_released"),
    ),
    "every-method": Experiment(
        "Every method of the package on PhotoDigits",
        family=EMBEDDED,
        methods=tuple(METHOD_NAMES),
    ),
    "paper-vs-code": Experiment(
        "The generator's objective and the schedule: the paper's, and the released code's",
        family=EMBEDDED,
        methods=("adautomix", "adautomix_released"),
        variants={
            "AdAutoMix, adversary 1": "adautomix/method.adversary=1",
            "AdAutoMix, floor": f"adautomix/{FLOOR}",
            "released, paper's signs": "adautomix_released/method.signs=paper",
            "released, classifier's loss": "adautomix_released/method.adversary=1",
            "released, to zero": "adautomix_released/schedule.floor=0",
        },
    ),
    "floor": Experiment(
        "The learning rate annealed to zero, or to half of its peak",
        family=EMBEDDED,
        methods=(),
        variants={
            f"{label}{words}": f"{method}{change}"
            for label, method in {
                "Vanilla": "plain",
                "MixUp": "mixup",
                "CutMix": "cutmix",
                "AutoMix": "automix",
                "AdAutoMix": "adautomix",
            }.items()
            for words, change in {", to zero": "", ", floor": f"/{FLOOR}"}.items()
        },
    ),
}

MASKS = ("mask_peak", "area_gap")
"""What a run's probe says of its masks; see `adautomix.evaluate.describe_masks`."""


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
    """The results of an experiment: read where they are there, trained here where they are missing.

    Args:
        name: one of `EXPERIMENTS`.
        budget: what to spend, see `adautomix.recipes.BUDGETS`; experiments on PhotoDigits stop at
            "quick".
        seeds: one run of each method for each seed.
        methods: some of the experiment's rows; None for all.
        device: "auto", "cpu", "cuda".
        data: where the dataset lies; None searches the usual places.
        run: False shows what is there, whatever its seed, and trains nothing.
    """
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    experiment = EXPERIMENTS[name]
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

    options = runner.RunOptions(decide(device), root=data)
    wanted = [experiment.rows[row].split("/") for row in rows]
    jobs = [
        runner.Job(f"{experiment.family}/{method}", budget, seed, tuple(changes))
        for seed in seeds
        for method, *changes in wanted
    ]
    return Results(name, experiment, budget, tuple(runner.obtain(job, options) for job in jobs))


def affordable(family: str, budget: str) -> str:
    """The budget, or "quick" where PhotoDigits has none that is larger; InputError if unknown."""
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    return "quick" if family == EMBEDDED and budget not in ("smoke", "quick") else budget


def sensitivity(field: str, *, predictor: str = "classifier") -> pd.DataFrame:
    """How one field of AdAutoMix's recipe moves validation accuracy, from the recorded runs.

    Args:
        field: e.g. "method.adversary"; runs that differ from the recipe in another field are left
            out.
        predictor: "classifier" or "teacher".

    Returns:
        x (the field's value), y (percent, median of the last ten epochs), seed, and mask_peak and
            area_gap of each run.
    """
    from adautomix.recipes import to_dict
    from adautomix.runs.runner import Job

    usual = _flat(
        to_dict(Job(f"{EMBEDDED}/adautomix", changes=("evaluate_on=validation",)).recipe())
    )
    if field not in usual:
        raise unknown("field of the recipe", field, usual)
    rows = []
    for run in recorded().all():
        recipe = _flat(run.recipe)
        differing = {name for name in usual if recipe.get(name) != usual[name]}
        if differing <= {field} and len(recipe) == len(usual):
            x = recipe[field] if recipe[field] is not None else recipe["optim.lr"]  # generator_lr
            y = 100 * run.metric(predictor, "top1_median10")
            masks = {name: run.extras[name] for name in MASKS}
            rows.append({"x": x, "y": y, "seed": run.seed, **masks})
    return pd.DataFrame(rows, columns=["x", "y", "seed", *MASKS]).sort_values(["x", "seed"])


def by_value(frame: pd.DataFrame, heading: str) -> pd.DataFrame:
    """`sensitivity` as a table of text, one row a value: mean ± sd over seeds, and the masks."""
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
    """Nested fields as "method.n": value."""
    flat: dict[str, object] = {}
    for name, value in recipe.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
