"""The pages on Tables 1 to 3: the paper's numbers by column, ours beside them, and the commands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure
from scipy.special import stdtrit

from adautomix import data, figures
from adautomix.errors import unknown
from adautomix.figures import MyST, Table
from adautomix.pages.claim import Found
from adautomix.pages.notebook import Glued
from adautomix.pages.verdict import NOT_TESTED, VERDICTS
from adautomix.record import Store, local, recorded
from adautomix.results import compare, experiments, paper
from adautomix.results.cells import DATA, Cell, cells, method_of
from adautomix.results.columns import name_of
from adautomix.results.outcome import current

METHOD = "adautomix"
PAGE = "model_page_fine_grained"
ON_PAGE = ("AutoMix", "SAMix", "AdAutoMix")
"""Methods of the authors' page of released models."""
SEEDS = (0, 1, 2)
"""The paper's numbers are means of three trials (Sec. 4)."""
AT_LEAST = [f"recorded, paper, {predictor} (%)" for predictor in ("classifier", "teacher")]
"""Columns that stand in every table, run or not."""


@dataclass(frozen=True)
class Column:
    """A column of Table 1, 2 or 3.

    Attributes:
        table: number of the table.
        dataset, backbone: as in `data/paper`.
        cells: its numbers, in the order of the rows.
    """

    table: int
    dataset: str
    backbone: str
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """Return network and dataset."""
        return f"{self.backbone}, {self.dataset}"

    def printed(self) -> dict[str, float]:
        """Return method → the paper's number."""
        return {cell.row: float(cell.value or math.nan) for cell in self.cells}

    def leads(self) -> dict[str, float]:
        """Return other method → how far the paper has AdAutoMix ahead of it, in points."""
        numbers = self.printed()
        ours = numbers.pop("AdAutoMix")
        return {method: ours - value for method, value in numbers.items()}

    def commands(self) -> list[str]:
        """Return the commands of seed 0, each once, in the order in which they are made."""
        return list(dict.fromkeys(line for cell in self.cells for line in cell.commands()))

    def runs(self) -> pd.DataFrame:
        """Return the paper's numbers, every run at a budget of its own, and the recipes, in text.

        What nobody ran is blank; numbers of different budgets never share a column.
        """
        shown = self._fine_tuned() if self.table == 3 else self._trained()
        for i, heading in enumerate(AT_LEAST[: 1 if self.table == 3 else 2], start=1):
            if heading not in shown:
                shown.insert(i, heading, "")
        recipes = {cell.row: f"`{cell.start or cell.run}`" for cell in self.cells}
        heading = "recipe of the first training" if self.table == 3 else "recipe"
        shown[heading] = [recipes[row] for row in shown.index]
        return shown.rename_axis("method").reset_index()

    def _trained(self) -> pd.DataFrame:
        name = name_of(self.table, self.dataset, self.backbone)
        found = experiments.obtain(name, budget="paper", run=False)
        rows = found.experiment.rows.values()
        names = {f"{found.experiment.family}/{row}" for row in rows}
        own = current([run for run in local().all() if run.name in names])
        return replace(found, local=tuple(own)).table().display()

    def _fine_tuned(self) -> pd.DataFrame:
        """Return the same of Table 3, whose runs start from others and have an id by the seed."""
        shown = {"paper reports (%)": {row: f"{v:.2f}" for row, v in self.printed().items()}}
        for source, store in (("recorded", recorded()), ("run here", local())):
            found = {cell.row: _of_seeds(cell, store) for cell in self.cells}
            if any(found.values()):
                shown[f"{source}, paper, classifier (%)"] = found
        return pd.DataFrame(shown)


def columns(table: int, datasets: Sequence[str] | None = None) -> list[Column]:
    """Return the columns of Table 1, 2 or 3, or those of some datasets, in the paper's order.

    Raises InputError for a dataset that the table does not have.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells():
        if cell.table == table:
            groups.setdefault((cell.dataset, cell.backbone), []).append(cell)
    known = list(dict.fromkeys(dataset for dataset, _ in groups))
    for dataset in datasets or ():
        if dataset not in known:
            raise unknown(f"dataset of Table {table}", dataset, known)
    return [
        Column(table, *key, tuple(found))
        for key, found in groups.items()
        if datasets is None or key[0] in datasets
    ]


def tables(table: int, datasets: Sequence[str] | None = None) -> dict[str, Glued]:
    """Return what the page on a table shows of it, by the ends of the keys."""
    shown = columns(table, datasets)
    return {
        "leads": leads(shown),
        "by_column": by_column(shown),
        "elsewhere": disagreements(shown),
        "commands": commands(shown),
    }


def by_column(shown: Sequence[Column]) -> list[Table]:
    """Return a table for each column: the paper's numbers, ours, and the recipe of each."""
    return [
        Table(
            each.runs(),
            f"{each.title}: top-1 accuracy in percent, mean ± sample standard deviation (number of "
            f"seeds). A blank cell was not run.",
            f"tab:column-{each.table}-{each.dataset}-{each.backbone}".lower(),
        )
        for each in shown
    ]


def leads(shown: Sequence[Column]) -> Table:
    """Return the table of AdAutoMix's printed lead over the next best method, by column.

    Three paired seeds show a lead if it exceeds t(0.975, 2) · sd / √3, sd of their differences; the
    last column is the largest such sd.
    """
    rows = []
    for each in shown:
        over, lead = _nearest(each)
        rows.append(
            {
                "column": each.title,
                "paper, AdAutoMix (%)": f"{each.printed()['AdAutoMix']:.2f}",
                "next best": over,
                "lead (points)": f"{lead:+.2f}",
                "shown if sd is below (points)": f"{lead / WIDTH_OF_THREE:.2f}",
                "error by the test images (points)": f"{_sampling_error(each):.2f}",
            }
        )
    caption = (
        "AdAutoMix's printed lead over the next best method; the standard deviation of its "
        "differences over three paired seeds below which a 95 % interval would exclude 0; and the "
        "standard error that an accuracy has by the number of test images."
    )
    return Table(pd.DataFrame(rows), caption, f"tab:leads-{shown[0].table}")


WIDTH_OF_THREE = float(stdtrit(len(SEEDS) - 1, 0.975)) / math.sqrt(len(SEEDS))
"""Half the width of the 95 % interval of a mean of three, in standard deviations."""


def authors_page() -> Table:
    """Return the table of the authors' fine-grained results, which have SAMix, beside Table 2."""
    ours = _by_column(2)
    rows = [
        {"column": where, "source": source}
        | {method: f"{numbers[method]:.2f}" if method in numbers else "" for method in ON_PAGE}
        for where, row in _by_column(PAGE).items()
        for source, numbers in (("Table 2", ours.get(where, {})), ("authors' page", row))
    ]
    caption = "Accuracy in percent by Table 2 and by the authors' page of released models."
    return Table(pd.DataFrame(rows), caption, "tab:authors-page")


def samix() -> dict[str, Glued]:
    """Return `authors_page`, and in how many of its columns SAMix is ahead of AdAutoMix."""
    both = [row for row in _by_column(PAGE).values() if {"SAMix", "AdAutoMix"} <= set(row)]
    ahead = sum(row["SAMix"] > row["AdAutoMix"] for row in both)
    return {"samix": authors_page(), "samix_ahead": ahead, "samix_columns": len(both)}


def _by_column(table: int | str) -> dict[str, dict[str, float]]:
    """Return network and dataset → method → top-1 accuracy in percent."""
    rows = paper.select(table, metric="top1_percent")
    return {
        f"{backbone}, {dataset}": group.set_index("method")["value"].to_dict()
        for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=False)
    }


def disagreements(shown: Sequence[Column]) -> Table:
    """Return the table of numbers beside which another place of the authors prints another."""
    number = shown[0].table
    rows = paper.table(number)
    rows = rows[(rows["note"] != "") & rows["dataset"].isin({each.dataset for each in shown})]
    frame = pd.DataFrame(
        {
            "method": rows["method"],
            "column": rows["backbone"] + ", " + rows["dataset"],
            f"Table {number} (%)": rows["value"].map("{:.2f}".format),
            "elsewhere": rows["note"],
        }
    )
    caption = f"Numbers of Table {number} that the paper or its authors print otherwise elsewhere."
    return Table(frame, caption, f"tab:elsewhere-{number}")


def leads_figure(table: int, datasets: Sequence[str] | None = None) -> Figure:
    """Return the figure of AdAutoMix's printed lead over every other method, by column."""
    rows = [
        {"row": each.title, "method": method_of(method), "lead": lead}
        for each in columns(table, datasets)
        for method, lead in each.leads().items()
    ]
    return figures.leads_by_row(pd.DataFrame(rows), xlabel="the paper's lead of AdAutoMix (points)")


def commands(shown: Sequence[Column]) -> MyST:
    """Return the commands of seed 0, folded, a block of code for each column."""
    blocks = [
        "\n".join([f":::{{dropdown}} {each.title}", "```bash", *each.commands(), "```", ":::"])
        for each in shown
    ]
    return MyST("\n\n".join(blocks))


def headline(table: int) -> dict[str, int | float | str]:
    """Return values for prose: how many columns and numbers, the printed leads, and the verdict."""
    every = columns(table)
    nearest = {each.title: _nearest(each) for each in every}
    least = min(nearest, key=lambda title: nearest[title][1])
    most = max(nearest, key=lambda title: nearest[title][1])
    counted = [cell for each in every for cell in each.cells]
    return {
        "columns": len(every),
        "numbers": len(counted),
        "with_command": sum(bool(cell.run) for cell in counted),
        "best": sum(lead > 0 for _, lead in nearest.values()),
        "least": nearest[least][1],
        "least_where": least,
        "most": nearest[most][1],
        "most_where": most,
        "below_half": sum(lead < 0.5 for _, lead in nearest.values()),
        "judged": sum(found.verdict != NOT_TESTED for found in _found(table)),
        "verdict": verdict(table),
    }


def verdict(table: int) -> str:
    """Return how many of a table's claims have each verdict, and at which scale it was found."""
    found = _found(table)
    parts = []
    for word in VERDICTS:
        having = [each for each in found if each.verdict == word]
        where = "; ".join(dict.fromkeys(each.scale for each in having if each.scale))
        if having:
            parts.append(f"{len(having)} {word}" + (f" ({where})" if where else ""))
    return ", ".join(parts)


def _found(table: int) -> list[Found]:
    """Return what was found of a table's claims; to judge them takes torch."""
    from adautomix.pages.claims import best_of_columns

    return [claim.found for claim in best_of_columns(table)]


def _nearest(column: Column) -> tuple[str, float]:
    """Return the method that is closest to AdAutoMix in the paper, and AdAutoMix's lead over it."""
    return min(column.leads().items(), key=lambda each: each[1])


def _sampling_error(column: Column) -> float:
    """Return √(p(1 − p)/n) of AdAutoMix's accuracy on n test images, in points."""
    p = column.printed()["AdAutoMix"] / 100
    counts = data.info(DATA[column.dataset]).counts
    return 100 * math.sqrt(p * (1 - p) / counts["test"])


def _of_seeds(cell: Cell, store: Store) -> str:
    """Return the mean accuracy of a cell's runs over the seeds, in percent; blank without one."""
    runs = [store.find(cell.jobs(seed)[-1].id()) for seed in SEEDS]
    top1 = [run.metric("classifier", "top1_median10") for run in runs if run is not None]
    found = compare.summary_of([value for value in top1 if value is not None])
    return f"{compare.mean_text(found, 100)} ({found.n})" if found.n else ""
