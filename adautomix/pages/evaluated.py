"""What the pages on evaluations of trained networks share. Nothing here needs torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from adautomix.figures import Table
from adautomix.record import Run, is_copy
from adautomix.results import compare, paper
from adautomix.results.experiment import EMBEDDED
from adautomix.results.outcome import Results


def beside_paper(results: Results, metric: str, table: int, where: dict, label: str) -> Table:
    """Return the paper's numbers beside those of recorded runs and of runs made here.

    The caption says on which images the runs made here were evaluated.

    Args:
        results: results that hold the evaluation.
        metric: as in `Run.metric`, e.g. "fgsm/error".
        table: number of the paper's table.
        where: values that select a column of it.
        label: label of the table.
    """
    found = results.table(metric, printed=(table, where))
    if all(is_copy(run) for run in results.local):
        return found.numbered(label)
    evaluation, _, _ = metric.partition("/")
    caption = f"{found.caption} Run here: {images(results.asked[evaluation])}."
    return found.numbered(label)._replace(caption=caption)


def printed(
    number: int, rows: Sequence[str], column: str, caption: str, label: str, words: str = "{}"
) -> Table:
    """Return a table of the paper as it is printed, in percent; blank where it has no number.

    Args:
        number: of the table.
        rows: columns of its file that name the rows, e.g. ["method"].
        column: the column of its file whose values are the headings.
        caption, label: of the table here.
        words: format of a heading.
    """
    found = paper.table(number)
    found = found[found["method"] != "Gain"]
    wide = found.pivot_table(index=list(rows), columns=column, values="value", sort=False)
    texts = {
        words.format(heading): ["" if value != value else f"{value:.2f}" for value in values]
        for heading, values in wide.items()
    }
    frame = pd.DataFrame(texts, index=wide.index).reset_index()
    return Table(frame, caption, label)


def images(settings: Mapping[str, Any]) -> str:
    """Return in words on which images an evaluation was made, from its settings."""
    per_class, severities = settings["per_class"], settings.get("severities")
    count = "all test images" if per_class is None else f"{per_class} images of each class"
    return count if severities is None else f"{count}, severities {', '.join(map(str, severities))}"


def recorded_runs(results: Results, budget: str = "quick") -> dict[str, list[Run]]:
    """Return the recorded runs on PhotoDigits at a budget, by method."""
    return {
        method: [
            run
            for run in results.recorded
            if run.name == f"{EMBEDDED}/{what}" and run.budget == budget
        ]
        for method, what in results.experiment.rows.items()
    }


def recorded_leads(
    results: Results, *metrics: str, method: str = "adautomix", less: bool = False
) -> dict[str, list[compare.Paired]]:
    """Return a method's lead over each other one, as `verdict.best` takes it.

    It is that of the classifiers of `recorded_runs`, of each metric in turn. With `less`, less is
    better, as of an error.
    """
    runs = recorded_runs(results)
    ours = runs.pop(method)
    return {
        other: [
            compare.paired(*((theirs, ours) if less else (ours, theirs)), "classifier", metric)
            for metric in metrics
        ]
        for other, theirs in runs.items()
    }
