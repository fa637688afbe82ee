"""The page on transfer: tables, and the numbers of its prose. Nothing here needs torch."""

import pandas as pd

from adautomix import data
from adautomix.figures import Table
from adautomix.names import method_title, title_of
from adautomix.pages import columns
from adautomix.pages.notebook import Glued
from adautomix.pages.transfer import FRESH, METHODS, Route
from adautomix.pages.verdict import best
from adautomix.results import compare


def headline(pairs: pd.DataFrame, route: Route) -> dict[str, float | str]:
    """Return values for prose: mean accuracy on the target by method, chance, and the verdict.

    `pairs` is the result of `transfer.obtain`; fresh weights are "fresh".
    """
    means = pairs.groupby("method")["target"].mean().reindex([FRESH, *METHODS[1:]])
    return {
        **means.rename({FRESH: "fresh"}).to_dict(),
        "chance": 100 / data.info(route.target).classes,
        "verdict": verdict(pairs),
    }


def verdict(pairs: pd.DataFrame, method: str = "adautomix") -> str:
    """Return whether features of a method are worth more than those of every other method."""
    found = by_seed(pairs)
    others = [each for each in METHODS if each not in (None, method)]
    ours = found.get(method, {})
    leads = {each: [compare.difference(ours, found.get(each, {}))] for each in others if each}
    return best(leads, method)


def by_seed(pairs: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Return method → seed → accuracy on the target, in percent."""
    return {
        str(method): runs.set_index("seed")["target"].to_dict()
        for method, runs in pairs.groupby("method")
    }


def tables(pairs: pd.DataFrame) -> dict[str, Glued]:
    """Return the paper's Table 3, with what its numbers need, and our table."""
    return columns.tables(3) | {"table": table(pairs)}


def table(pairs: pd.DataFrame) -> Table:
    """Return `summed` with its caption."""
    caption = (
        "Before and after fine-tuning: mean ± sd; the difference on common seeds [95 % interval]."
    )
    return Table(summed(pairs), caption, "tab:transfer")


def summed(frame: pd.DataFrame, baseline: str = "plain") -> pd.DataFrame:
    """Summarise the result of `obtain` as text: for each method mean ± sd over seeds.

    The last column is the mean difference from `baseline` on common seeds with its 95 % interval,
    see `adautomix.results.compare.difference`.
    """
    over = f"more than {method_title(baseline)}"
    columns = ["method", "seeds", "before, on the source (%)", "after, on the target (%)", over]
    found = by_seed(frame)
    rows = []
    for method, runs in frame.groupby("method", sort=False):
        ahead = compare.difference(found[str(method)], found.get(baseline, {}))
        name, cells = title_of(method), map(_cell, (runs["source"], runs["target"]))
        rows.append([name, str(len(runs)), *cells, "" if method == baseline else _ahead(ahead)])
    return pd.DataFrame(rows, columns=columns)


def _cell(values: pd.Series) -> str:
    """Return mean ± sd as text; blank without a value."""
    values = values.dropna()
    if values.empty:
        return ""
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")


def _ahead(found: compare.Paired) -> str:
    """Return the mean difference [interval] as text; blank without a common seed."""
    if found.mean is None:
        return ""
    interval = "" if found.low is None else f" [{found.low:+.1f}, {found.high:+.1f}]"
    return f"{found.mean:+.1f}{interval}"
