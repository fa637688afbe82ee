"""Numbers and tables of the page on CIFAR-100."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from adautomix.figures import Table
from adautomix.pages.verdict import best
from adautomix.results import paper
from adautomix.results.outcome import Results

METHOD = "adautomix"
BENCHMARK = "openmixup_cifar100"
"""Table with OpenMixup's benchmark page, which has every method at several training lengths."""


def headline(results: Results) -> dict[str, float | int | str]:
    """Return `results.headline()`, "verdict", and numbers of `best_lengths` for prose.

    The verdict is whether AdAutoMix leads every other row; runs at the paper's budget decide, by
    the classifier. "at_length" is the number of recorded runs at that budget.
    """
    full, others = replace(results, budget="paper"), set(results.experiment.rows) - {METHOD}
    ahead = {row: [full.lead(METHOD, row)] for row in sorted(others)}
    at_length = sum(run.budget == "paper" for run in results.recorded)
    found = results.headline() | {"verdict": best(ahead), "at_length": at_length}
    return found | _lengths(best_lengths())


def tables(results: Results) -> dict[str, Table]:
    """Return the tables of the page."""
    return {
        "table": results.table().numbered("tab:table-1"),
        "lengths": lengths_table(),
        "lengths_resnext": lengths_table("ResNeXt-50"),
    }


def best_lengths(backbone: str = "ResNet-18") -> pd.DataFrame:
    """Return the baselines of OpenMixup's page, and the lead of Table 1's AdAutoMix over each.

    Columns: method; table_1 (NaN where the paper has no such row); equal_at (the epochs at which
    the page's number equals it, 0 for none); best, and at (its epochs); lead_table_1 and lead_best,
    in percentage points. A row for each method of the page.
    """
    column = {"dataset": "CIFAR-100", "backbone": backbone, "metric": "top1_percent"}
    printed = paper.select(1, **column).set_index("method")["value"]
    ours = printed["AdAutoMix"]
    rows = []
    for method, lengths in paper.select(BENCHMARK, **column).groupby("method", sort=False):
        values = lengths.set_index("epochs")["value"]
        own = printed.get(method, float("nan"))
        equal = values.index[values == own]
        rows.append(
            {
                "method": method,
                "table_1": own,
                "equal_at": int(equal[0]) if len(equal) else 0,
                "best": values.max(),
                "at": int(values.idxmax()),
                "lead_table_1": ours - own,
                "lead_best": ours - values.max(),
            }
        )
    return pd.DataFrame(rows)


def lengths_table(backbone: str = "ResNet-18") -> Table:
    """Return `best_lengths` in text."""
    frame = best_lengths(backbone)
    shown = pd.DataFrame(
        {
            "method": frame["method"],
            "Table 1 (%)": frame["table_1"].map(_cell("{:.2f}")),
            "equal at (epochs)": frame["equal_at"].map(lambda epochs: str(epochs or "")),
            "best (%)": frame["best"].map("{:.2f}".format),
            "at (epochs)": frame["at"].astype(str),
            "lead over Table 1's": frame["lead_table_1"].map(_cell("{:+.2f}")),
            "lead over the best": frame["lead_best"].map("{:+.2f}".format),
        }
    )
    caption = (
        f"The baselines at every training length of OpenMixup's page ({backbone}, CIFAR-100), and "
        "the lead of Table 1's AdAutoMix over them, in percentage points."
    )
    return Table(shown, caption, f"tab:lengths-{backbone.lower()}")


def _cell(words: str) -> Callable[[float], str]:
    """Return a function from a number to text; blank for NaN."""
    return lambda value: "" if pd.isna(value) else words.format(value)


def _lengths(frame: pd.DataFrame) -> dict[str, float | int]:
    """Return for prose how many baselines equal Table 1, and what is left of the smallest lead."""
    inside = frame[frame["table_1"].notna()]
    nearest = frame.loc[frame["lead_best"].idxmin()]
    return {
        "baselines": len(inside),
        "equal": int((inside["equal_at"] == inside["equal_at"].mode()[0]).sum()),
        "equal_epochs": int(inside["equal_at"].mode()[0]),
        "better_elsewhere": int((inside["best"] > inside["table_1"]).sum()),
        "least_lead": float(inside["lead_best"].min()),
        "nearest_best": float(nearest["best"]),
        "nearest_at": int(nearest["at"]),
    }
