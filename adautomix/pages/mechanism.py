"""The page on the mechanism: whether the adversary does what the paper says, claim by claim."""

from collections.abc import Callable, Mapping

import pandas as pd
import torch
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.evaluate.diversity import between_times
from adautomix.figures import Table
from adautomix.methods import AdAutoMix
from adautomix.pages.compared import Compared, Measure, top1
from adautomix.pages.verdict import Judged, above, in_prose
from adautomix.record import Run
from adautomix.results import experiments
from adautomix.results.compare import Paired, mean_text
from adautomix.results.mechanism import LETTER, WITHOUT
from adautomix.results.outcome import over_training, saved_epochs
from adautomix.results.setting_grid import points

METHOD, AUTOMIX = "adautomix", "automix"
MASKS = {
    "own": "its own masks",
    "constant": "constant, of the same λ",
    "area": "constant, of the same area",
    "elsewhere": "those of another set",
}
"""Masks of the evaluation "mixing" → their name in the tables."""
CLAIMS = {
    "harder": "the generator makes images on which the classifier's loss is higher (Eq. 9)",
    "shape": "they are hard by what they show, and not because their label does not fit",
    "diverse": "they are more diverse than AutoMix's (Fig. 14)",
    "meaning": "their meaning does not collapse (Sec. 3.3.1)",
    "accurate": "the adversary raises the accuracy (Fig. 10)",
}
"""Claim → the sentence of the table; the protocol is `adautomix.results.mechanism`."""


def mixing(value: str) -> Measure:
    """Return the measure: a value of the evaluation "mixing" of the classifier."""
    return lambda run: run.metric("classifier", f"mixing/{value}")


def excess(over: str) -> Measure:
    """Return the measure: the loss on the method's own images minus that with other masks."""
    return _difference(mixing("loss_own"), mixing(f"loss_{over}"))


def training_excess(run: Run) -> float | None:
    """Return the mean L_amce − L_mce of the last epoch: own against constant masks, in training.

    Both are of the same sets of training images and λ; None for a method without both terms.
    """
    curve = run.curve()
    if not {"train_amce", "train_mce"} <= set(curve.columns):
        return None
    last = curve.iloc[-1]
    return float(last["train_amce"] - last["train_mce"])


def moved(run: Run) -> float | None:
    """Return how far the masks of fixed images and λ move, a mean over pairs of saved epochs.

    The epochs are those after the start; None without saved masks.
    """
    arrays = run.pictures()
    epochs = [epoch for epoch in saved_epochs(arrays) if epoch > 0]
    if len(epochs) < 2:
        return None
    masks = torch.stack([torch.from_numpy(arrays[f"masks_{epoch}"]) for epoch in epochs])
    distances = between_times(masks.float() / 255)
    return float(distances.sum() / (len(epochs) * (len(epochs) - 1)))


def coverage_above_chance(run: Run) -> float | None:
    """Return the share of an object that its mask keeps, less the 1/N of masks that ignore it."""
    kept = run.extras.get("kept_share")
    return None if kept is None else kept - 1 / run.recipe["method"].get("n", 2)


def parts(found: Compared) -> dict[str, dict[str, Paired]]:
    """Return the differences that decide each claim; a claim holds if all are above 0."""
    constant, accuracy = excess("constant"), top1("classifier")
    over_automix = {
        "what their masks move more between epochs": moved,
        "what their shapes differ more between images": mixing("mask_between_sets"),
    }
    return {
        "harder": {
            "the loss above that of constant masks": found.above_zero(METHOD, constant),
            "what the adversary adds to it": found.lead(METHOD, WITHOUT, constant),
        },
        "shape": {
            "the loss above that of masks of the same area": found.above_zero(
                METHOD, excess("area")
            )
        },
        "diverse": {
            what: found.lead(METHOD, AUTOMIX, measure) for what, measure in over_automix.items()
        },
        "meaning": {"the coverage less chance": found.above_zero(METHOD, coverage_above_chance)},
        "accurate": {"what the adversary adds": found.lead(METHOD, WITHOUT, accuracy)},
    }


def judged(found: Compared) -> dict[str, Judged]:
    """Return the verdict on each claim."""
    return {name: above(each) for name, each in parts(found).items()}


def verdicts(found: Compared) -> Table:
    """Return the table of claims, the differences that decide, and verdicts."""
    words = judged(found)
    rows = [
        {"the paper says": claim, "at this scale": in_prose(words[name])}
        for name, claim in CLAIMS.items()
    ]
    caption = "What the paper says of its adversary, and what our runs say of it."
    return Table(pd.DataFrame(rows), caption, "tab:mechanism-verdicts")


def headline(found: Compared) -> dict[str, str | int | float]:
    """Return values for prose: the number of runs, and the verdict on each claim."""
    planned = len(found.experiment.planned("quick"))
    words = {name: in_prose(each) for name, each in judged(found).items()}
    return {
        "there": len(found.every),
        "planned": planned,
        "adversary": AdAutoMix().adversary,
        **words,
    }


def tables(found: Compared, natural: Compared) -> dict[str, Table]:
    """Return the tables of the page.

    Args:
        found: the runs on PhotoDigits.
        natural: those on CIFAR-100 at `lite`, for their losses in training.
    """
    where = {"CIFAR-100, lite": natural, "PhotoDigits": found}
    return {
        "verdicts": verdicts(found),
        "losses": losses(found),
        "training": training_losses(where),
        "diversity": diversity(found),
        "objects": objects(found),
        "rates": generator_rates(),
    }


def losses(found: Compared) -> Table:
    """Return the table of the classifier's loss with each kind of masks, and the differences."""
    columns: dict[str, Callable[[str], str]] = {
        name: _mean_of(found, mixing(f"loss_{which}")) for which, name in MASKS.items()
    }
    for which in ("constant", "area"):
        columns[f"own − {MASKS[which]}"] = _above_of(found, excess(which))
    caption = (
        "Cross-entropy with the mixed label, in nats, of the classifier on test images mixed by "
        "the same λ with several masks, and differences with their 95 % intervals over seeds."
    )
    return _table(found, columns, caption, "tab:mechanism-losses")


def training_losses(every: Mapping[str, Compared]) -> Table:
    """Return the table of L_amce − L_mce in the last epoch, for rows with runs that have both.

    Args:
        every: where → the runs; those under the floor are left out.
    """
    rows = [
        {
            "method": f"{found.experiment.label(row.partition(', cosine')[0])}, {where}",
            "L_amce − L_mce (nats)": points(found.above_zero(row, training_excess), 1),
            "distance of area and λ": mean_text(found.mean(row, _extra("area_gap"))),
        }
        for where, found in every.items()
        for row in found.runs
        if "floor" not in row and found.values(row, training_excess)
    ]
    caption = (
        "The loss on the generator's images minus that on plain interpolation of the same images "
        "and λ, in the last epoch of training, with its 95 % interval over seeds (number of seeds)."
    )
    columns = ["method", "L_amce − L_mce (nats)", "distance of area and λ"]
    return Table(pd.DataFrame(rows, columns=columns), caption, "tab:mechanism-training")


def diversity(found: Compared) -> Table:
    """Return the table of how much masks and features differ."""
    columns = {
        "between epochs": _mean_of(found, moved, 4),
        "between images": _mean_of(found, mixing("mask_between_sets"), 4),
        "from constant": _mean_of(found, mixing("mask_from_constant"), 4),
        "features, own": _mean_of(found, mixing("spread_own")),
        "features, constant masks": _mean_of(found, mixing("spread_constant")),
    }
    caption = (
        "Diversity. Mean absolute differences of masks, from 0 to 1: of the same images and λ "
        "between saved epochs; of the shapes of two sets' masks; from a constant of the same area. "
        "Features: 1 − cosine of two mixed images' features, a mean over pairs."
    )
    return _table(found, columns, caption, "tab:mechanism-diversity")


def objects(found: Compared) -> Table:
    """Return the table of the objects' coverage, sharpness of the masks, and accuracy."""
    columns = {
        "coverage − 1/N (points)": _above_of(found, coverage_above_chance, 100),
        "largest mask": _mean_of(found, _extra("mask_peak"), 2),
        "distance of area and λ": _mean_of(found, _extra("area_gap"), 2),
        "accuracy (%)": lambda row: mean_text(found.mean(row, top1("classifier")), 100),
    }
    caption = "Where the masks lie: the share of an object that is kept, less chance, and accuracy."
    return _table(found, columns, caption, "tab:mechanism-objects")


def generator_rates() -> Table:
    """Return the table of recorded runs by the learning rate of the generator."""
    frame = experiments.sensitivity("optim.generator_lr")
    caption = "Recorded runs on the validation images, by the learning rate of the generator."
    return Table(experiments.by_value(frame, "rate"), caption, "tab:mechanism-rates")


def loss_figure(found: Compared) -> Figure:
    """Return the figure of the loss on own images less that of constant masks, of every run."""
    rows = [
        {"row": row, "value": value}
        for row in found.runs
        for value in found.values(row, excess("constant")).values()
    ]
    if not rows:
        return figures.blank("no run is recorded")
    words = "loss on own images − loss with constant masks (nats)"
    return figures.dots_by_row(pd.DataFrame(rows), xlabel=words)


def training_figure(found: Compared) -> Figure:
    """Return the figure of L_amce − L_mce over training, with and without the adversary."""
    rows = [
        {"row": row, "seed": run.seed, "x": each.epoch, "y": each.train_amce - each.train_mce}
        for row in (METHOD, WITHOUT, LETTER)
        for run in found.runs[row]
        for each in run.curve().itertuples()
    ]
    if not rows:
        return figures.blank("no run is recorded")
    return figures.lines_by_row(pd.DataFrame(rows), ylabel="$L_{amce} - L_{mce}$ (nats)")


def images_figure(found: Compared, row: str) -> Figure:
    """Return the figure of the same sets mixed at several epochs, by the first run of a row."""
    for run in found.runs[row]:
        if arrays := run.pictures():
            return figures.mix_over_training(**over_training(arrays))
    return figures.blank("no run is recorded")


def _table(
    found: Compared, columns: Mapping[str, Callable[[str], str]], caption: str, label: str
) -> Table:
    """Return a table with a row for each row of the experiment."""
    rows = [
        {"method": found.experiment.label(row)}
        | {name: cell(row) for name, cell in columns.items()}
        for row in found.experiment.rows
    ]
    return Table(pd.DataFrame(rows), caption, label)


def _mean_of(found: Compared, measure: Measure, digits: int = 3) -> Callable[[str], str]:
    return lambda row: mean_text(found.mean(row, measure), digits=digits)


def _above_of(found: Compared, measure: Measure, scale: int = 1) -> Callable[[str], str]:
    return lambda row: points(found.above_zero(row, measure), scale, 2 if scale > 1 else 3)


def _extra(name: str) -> Measure:
    return lambda run: run.extras.get(name)


def _difference(first: Measure, second: Measure) -> Measure:
    def measure(run: Run) -> float | None:
        a, b = first(run), second(run)
        return None if a is None or b is None else a - b

    return measure
