"""The page on two small sets of photographs, on which networks are trained from new weights."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from adautomix import data, figures
from adautomix.data.dataset_info import DatasetInfo
from adautomix.figures import Table
from adautomix.record import Run
from adautomix.results.photographs import PHOTOGRAPHS
from adautomix.results.report import Report, report
from adautomix.results.setting_grid import EARNED, NOT_DECIDED, NOT_EARNED, OPEN, outcome

BUDGET = "lite"
WORDS = {
    EARNED: "is more accurate than by plain training",
    NOT_EARNED: "is less accurate than by plain training",
    OPEN: "is not told apart from one by plain training",
    NOT_DECIDED: "is not compared yet, for runs that decide are missing",
}
"""What the rule of the protocol finds → what that says of a classifier that AdAutoMix trains."""
SHOWN = ("accuracy", "leads", "contrasts", "cost")
"""Tables of a report on the page."""


def reports(*, train: bool, device: str, time_limit: float) -> dict[str, Report]:
    """Return experiment → its report; with `train`, missing runs are made first.

    Args:
        train: whether to train; the datasets must have been added.
        device: "auto", "cpu", "cuda".
        time_limit: seconds until the training of each experiment stops.
    """
    return {
        name: report(name, BUDGET, train=train, device=device, time_limit=time_limit)
        for name in PHOTOGRAPHS
    }


def runs(every: Mapping[str, Report]) -> list[Run]:
    """Return the finished runs of all reports."""
    return [run for shown in every.values() for run in shown.runs]


def dataset(shown: Report) -> DatasetInfo:
    """Return the facts of a report's dataset."""
    return data.info(shown.experiment.family.partition("/")[0])


def headline(every: Mapping[str, Report]) -> dict[str, str | float | int]:
    """Return values for prose by experiment: counts of the data, the rule's finding, the means."""
    found: dict[str, str | float | int] = {}
    for name, shown in every.items():
        info = dataset(shown)
        facts = {
            "classes": info.classes,
            "train": info.train_per_class,
            "test": info.counts["test"],
        }
        says = WORDS[outcome(shown.found, shown.protocol.decides)]
        words = {**facts, "says": says, **shown.headline()}
        found |= {f"{name}_{key}": value for key, value in words.items()}
    return found


def tables(every: Mapping[str, Report]) -> dict[str, Table]:
    """Return the tables of every report by `<experiment>_<name>`."""
    return {
        f"{name}_{key}": table
        for name, shown in every.items()
        for key, table in shown.tables(f"tab:photographs-{name}").items()
        if key in SHOWN
    }


def curves(every: Mapping[str, Report]) -> Figure | None:
    """Return the figure of test accuracy by epoch, a panel a dataset; None without runs."""
    panels = {
        dataset(shown).title: {
            row: [run.curve() for run in runs]
            for (row, _), runs in shown.found.runs.items()
            if runs
        }
        for shown in every.values()
    }
    there = {name: rows for name, rows in panels.items() if rows}
    return figures.accuracy_panels(there) if there else None
