"""The page on who earns the gain: tables, and the numbers of its prose."""

import re

from adautomix.figures import Table
from adautomix.methods.adautomix import AdAutoMix
from adautomix.results import paper
from adautomix.results.logs import logs
from adautomix.results.report import Report
from adautomix.results.setting_grid import EARNED, NOT_DECIDED, NOT_EARNED, OPEN, outcome

NUMBER = re.compile(r"\d\.\d")
WORDS = {
    EARNED: "holds under the same setting",
    NOT_EARNED: "does not hold under the same setting",
    OPEN: "cannot be told at this scale",
    NOT_DECIDED: "cannot be told yet, for runs that decide are missing",
}
"""What the rule of the protocol finds → what that says of the claim."""


def headline(report: Report) -> dict[str, str | float]:
    """Return `Report.headline`, and under "claim" what the protocol's rule says of the claim."""
    found = outcome(report.found, report.protocol.decides)
    return {**report.headline(), "claim": WORDS[found]}


def quoted() -> dict[str, float]:
    """Return the default weight of the adversary and Table 1's ResNet-18 column on CIFAR-100."""
    rows = paper.select(1, dataset="CIFAR-100", backbone="ResNet-18")
    printed = {f"paper_{row.method.lower()}": float(row.value) for row in rows.itertuples()}
    return {"adversary": AdAutoMix().adversary, **printed}


def logs_table() -> Table:
    """Return the numbers of the authors' logs."""
    caption = "The authors' logs of 200 epochs, ResNet-18 on CIFAR-100; one seed each."
    return Table(logs(), caption, "tab:gain-logs")


def tables(report: Report, label: str) -> list[Table]:
    """Return the tables of a report that have a number, and the first in any case."""
    first, *others = report.tables(label).values()
    return [first, *(table for table in others if _filled(table))]


def _filled(table: Table) -> bool:
    """Whether a cell beside the first column, the rows' names, has a number."""
    return any(NUMBER.search(str(cell)) for cell in table.frame.iloc[:, 1:].to_numpy().ravel())
