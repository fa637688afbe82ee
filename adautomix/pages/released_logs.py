"""Classifier and teacher in the authors' training logs, for the page on paper and code."""

import math
from typing import Any

import pandas as pd

from adautomix.figures import Table
from adautomix.results import paper

PRINTED = {
    "classifier": "log, classifier (%)",
    "teacher": "log, teacher (%)",
    "paper": "paper prints (%)",
}


def logged_networks() -> dict[str, float]:
    """Return accuracies of classifier and teacher in the authors' logs, in percent, by name.

    `log_classifier` and `log_teacher` are those of ResNet-18 on CIFAR-100 after 800 epochs. The
    teacher is better in `teacher_leads` of `pairs` logs: by `least_lead` percentage points or more
    for ResNets on CIFAR-100, whose learning rate ends at half the peak or more, and by
    `most_elsewhere` or less in all others.
    """
    frame = logs()
    lead = frame["teacher"] - frame["classifier"]
    residual = (frame["dataset"] == "CIFAR-100") & frame["backbone"].str.startswith("Res")
    long = residual & (frame["backbone"] == "ResNet-18") & (frame["epochs"] == 800)
    (row,) = frame[long].itertuples()
    return {
        "log_classifier": row.classifier,
        "log_teacher": row.teacher,
        "paper_adautomix": row.paper,
        "least_lead": lead[residual].min(),
        "most_elsewhere": lead[~residual].max(),
        "pairs": len(frame),
        "teacher_leads": int((lead > 0).sum()),
    }


def logs(table: str = "released_logs") -> pd.DataFrame:
    """Return the authors' logs with classifier and teacher, and the paper's numbers.

    Columns: method, dataset, backbone, epochs, classifier, teacher and paper, in percent. `paper`
    is the number of Table 1 or 2 if it is for the same number of epochs, else NaN.
    """
    numbers = paper.select(table, metric="top1_percent")
    keys = ["method", "dataset", "backbone", "epochs"]
    wide = numbers.pivot_table("value", keys, "predictor", sort=False).dropna().reset_index()
    wide["paper"] = [_printed(row) for row in wide.itertuples()]
    return wide.rename_axis(None, axis=1)[[*keys, "classifier", "teacher", "paper"]]


def logs_in_text() -> Table:
    """Return the table of `logs`."""
    frame = logs()
    shown = frame[["method", "dataset", "backbone"]].copy()
    shown["epochs"] = frame["epochs"].astype(str)
    for column, words in PRINTED.items():
        shown[words] = ["" if math.isnan(v) else f"{v:.2f}" for v in frame[column]]
    return Table(shown, "The authors' logs.", "tab:logs")


def logs_by_label() -> pd.DataFrame:
    """Return the argument of `figures.classifier_and_teacher`."""
    frame = logs()
    labels = frame["method"] + ", " + frame["dataset"] + ", " + frame["backbone"]
    return frame.assign(label=labels + ", " + frame["epochs"].astype(str) + " epochs")


def _printed(log: Any) -> float:
    """Return the number in Table 1 or 2 for a log; its ResNets on CIFAR-100 have 800 epochs."""
    if log.dataset == "CIFAR-100" and log.backbone.startswith("Res") and log.epochs != 800:
        return math.nan
    number = 2 if log.dataset in ("CUB-200", "FGVC-Aircraft", "Stanford-Cars") else 1
    where = {"method": log.method, "dataset": log.dataset, "backbone": log.backbone}
    return paper.value(number, **where)
