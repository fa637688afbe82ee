"""Statistics of runs over seeds, and tables that compare them with the paper's numbers.

Numbers of different budgets or recipes are never averaged and never in one column. A cell without
runs is blank. Values are fractions; only displayed text is in percent.
"""

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any, NamedTuple

import pandas as pd
from scipy.special import stdtrit

from adautomix.errors import InputError, unknown
from adautomix.figures import Table
from adautomix.names import EVALUATIONS
from adautomix.record._document import BUDGETS, canonical
from adautomix.record.run import Run

SOURCES = {"paper": "paper reports", "recorded": "recorded", "local": "run here"}
BLANK: dict[str, object] = {
    "method": "",
    "source": "",
    "budget": "",
    "predictor": "",
    "metric": "",
    "mean": None,
    "sd": None,
    "n": 0,
    "runs": (),
}


class Summary(NamedTuple):
    """Mean and sample standard deviation (n − 1) over `n` runs; None for too few runs."""

    mean: float | None
    sd: float | None
    n: int


class Paired(NamedTuple):
    """Mean and sd of the difference a − b over `n` common seeds, and its 95 % t interval.

    Values are None for too few seeds.
    """

    mean: float | None
    sd: float | None
    n: int
    low: float | None
    high: float | None


def summary(runs: Iterable[Run], predictor: str, metric: str) -> Summary:
    """Summarise a metric over the runs of one recipe and budget; runs without it are left out.

    `metric` is as in `Run.metric`. Raises InputError for runs of several recipes or budgets, or two
    of one seed.
    """
    return summary_of(list(by_seed(runs, predictor, metric).values()))


def paired(runs_a: Iterable[Run], runs_b: Iterable[Run], predictor: str, metric: str) -> Paired:
    """Return the difference a − b on the common seeds, at one budget; see `difference`."""
    runs_a, runs_b = list(runs_a), list(runs_b)
    if len(budgets := {run.budget for run in [*runs_a, *runs_b]}) > 1:
        raise InputError(f"runs of different budgets cannot be compared: {_listed(budgets)}.")
    return difference(by_seed(runs_a, predictor, metric), by_seed(runs_b, predictor, metric))


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Paired:
    """Return the difference a − b on the common seeds, from seed → value.

    A seed fixes the data order and the initial weights, so their variance cancels in part. The
    interval is mean ± t(0.975, n − 1) · sd / √n; it needs two seeds.
    """
    mean, sd, n = summary_of([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    if mean is None or sd is None:
        return Paired(mean, sd, n, None, None)
    half = float(stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    return Paired(mean, sd, n, mean - half, mean + half)


def summary_of(values: Sequence[float]) -> Summary:
    """Return mean, sample standard deviation and number of values."""
    n = len(values)
    return Summary(fmean(values) if n else None, stdev(values) if n > 1 else None, n)


def mean_text(found: Summary, scale: int = 1, digits: int = 2) -> str:
    """Return mean ± sd as text, `82.32 ± 0.15`; without sd for one run, blank for none."""
    if found.mean is None:
        return ""
    spread = "" if found.sd is None else f" ± {scale * found.sd:.{digits}f}"
    return f"{scale * found.mean:.{digits}f}{spread}"


def by_seed(runs: Iterable[Run], predictor: str, metric: str) -> dict[int, float]:
    """Return seed → value, for runs that differ only in their seed; InputError for others."""
    runs = list(runs)
    if len({(run.budget, canonical(run.recipe)) for run in runs}) > 1:
        ids = _listed(run.id for run in runs)
        raise InputError(f"only runs of one recipe and budget can be averaged, not {ids}.")
    if len({run.seed for run in runs}) < len(runs):
        ids = _listed(run.id for run in runs)
        raise InputError(f"a seed counts once, but it stands twice among {ids}.")
    measured = {run.seed: run.metric(predictor, metric) for run in runs}
    return {seed: value for seed, value in measured.items() if value is not None}


def _listed(names: Iterable[str]) -> str:
    """Return the names sorted and joined by commas."""
    return ", ".join(sorted(names))


WORDS = {
    f"top{k}_{when}": f"Top-{k} accuracy{words}"
    for k in (1, 5)
    for when, words in {
        "last": " after the last epoch",
        "best": " of the best epoch",
        "median10": ", median of the last ten epochs",
    }.items()
} | {
    "calibration/ece": "Expected calibration error",
    "corruption/mean_run": "Top-1 accuracy on corrupted images, mean over the corruptions",
    "fgsm/error": "Images misclassified under FGSM",
    "occlusion/dropped_50": "Top-1 accuracy with half of each image's cells gone",
}
NO_FRACTION = {"loss", "nll", "brier", "temperature"}
"""Words in the names of metrics that are not fractions, hence not shown in percent."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A table of the paper's and measured numbers, one row for each method; a notebook shows it.

    Attributes:
        long: a row for every method in every column that exists, run or not: method, source
            ("paper", "recorded", "local"), budget, predictor, metric, mean, sd, n, runs. `mean` and
            `sd` are fractions (NaN where blank), `n` counts runs, `runs` has their ids.
        methods: rows of the table.
        metric: as in `Run.metric`.
        percent: show values in percent.
    """

    long: pd.DataFrame = field(repr=False)
    methods: tuple[str, ...]
    metric: str
    percent: bool = True

    def display(self) -> pd.DataFrame:
        """Return the table as text: `82.32 ± 0.15 (3)`, the paper's numbers without sd and n."""
        shown: dict[str, dict[str, str]] = {}
        for row in self.long.itertuples():
            shown.setdefault(self._heading(row), {})[row.method] = self._cell(row)
        index = pd.Index(self.methods, name="method", dtype=str)
        return pd.DataFrame(shown, index=index, dtype=str).fillna("")

    def numbered(self, label: str) -> Table:
        """Return `display` and `caption` as a table of a page, with a label for `{numref}`."""
        return Table(self.display().reset_index(), self.caption, label)

    def markdown(self) -> str:
        """Return the table in Markdown, without its caption."""
        frame = self.display()
        rows = [["method", *frame.columns], ["---", *["---:"] * frame.shape[1]]]
        rows += [[method, *cells] for method, cells in zip(frame.index, frame.values, strict=True)]
        return "\n".join("| " + " | ".join(_escaped(row)) + " |" for row in rows) + "\n"

    @property
    def caption(self) -> str:
        """The caption: metric, unit, and the meaning of a cell."""
        unit = ", in percent" if self.percent else ""
        return (
            f"{WORDS.get(self.metric, self.metric)}{unit}: "
            "mean ± sample standard deviation (number of seeds). A blank cell was not run."
        )

    def _repr_html_(self) -> str:
        """Return the table and its caption as HTML, for notebooks."""
        frame = self.display().rename_axis(None)
        return f"{frame.to_html(border=0)}\n<p>{html.escape(self.caption)}</p>"

    def _heading(self, row: Any) -> str:
        """Return a column's name: source, budget, predictor, unit."""
        parts = [SOURCES[row.source], row.budget, row.predictor]
        return ", ".join(part for part in parts if part) + (" (%)" if self.percent else "")

    def _cell(self, row: Any) -> str:
        """Return the text of a cell: mean, sd if there is one, and number of runs."""
        if math.isnan(row.mean):
            return ""
        scale, digits = (100, 2) if self.percent else (1, 4)
        spread = "" if math.isnan(row.sd) else f" ± {row.sd * scale:.{digits}f}"
        return f"{row.mean * scale:.{digits}f}{spread}" + (f" ({row.n})" if row.n else "")


def table(
    rows: Mapping[str, str | Sequence[str]],
    *,
    paper: pd.DataFrame | None = None,
    recorded: Iterable[Run] = (),
    local: Iterable[Run] = (),
    metric: str = "top1_median10",
    predictors: Sequence[str] = ("classifier", "teacher"),
) -> Comparison:
    """Make the table of an experiment: a row for each method, the paper's first, in its order.

    Args:
        rows: method's name in the table → name of the recipe (or several, for different budgets)
            whose runs fill the row; other runs are ignored.
        paper: a part of a paper's table with one number for each method, see
            `adautomix.results.paper.select`. Its methods that are not in `rows` get a row too.
        recorded, local: runs; there is a column for each (source, budget, predictor) with values.
        metric: as in `Run.metric`.
        predictors: "classifier", "teacher".

    Raises:
        InputError: a metric that none of the runs has, unless it may belong to an evaluation that
            none of them has.
    """
    recorded, local = list(recorded), list(local)
    _check_metric([*recorded, *local], metric)
    printed = {} if paper is None else _printed(paper)
    recipes = {name: _names(rows.get(name, ())) for name in [*printed, *rows]}
    cells: list[dict[str, object]] = []
    if paper is not None:
        cells += [
            {"method": name, "source": "paper", "mean": printed.get(name)} for name in recipes
        ]
    for source, runs in (("recorded", recorded), ("local", local)):
        for budget in sorted({run.budget for run in runs}, key=BUDGETS.index):
            here = [run for run in runs if run.budget == budget]
            for predictor in predictors:
                column = _column(recipes, here, predictor, metric)
                cells += [{"source": source, "budget": budget} | cell for cell in column]
    long = pd.DataFrame([BLANK | {"metric": metric} | cell for cell in cells], columns=[*BLANK])
    long = long.astype({"mean": float, "sd": float, "n": int})
    percent = NO_FRACTION.isdisjoint(re.split("[/_]", metric))
    return Comparison(long, tuple(recipes), metric, percent)


def _check_metric(runs: Iterable[Run], metric: str) -> None:
    """Raise InputError if the runs have no such metric, and no evaluation would give it."""
    known = {name for run in runs for name in run.measured()}
    evaluation, *_ = metric.rpartition("/")
    waiting = EVALUATIONS.keys() - {name.rpartition("/")[0] for name in known}
    if known and metric not in known and evaluation not in waiting:
        raise unknown("metric", metric, known)


def _printed(paper: pd.DataFrame) -> dict[str, float]:
    """Return method → the paper's number, as a fraction, without the row "Gain"."""
    methods = paper[paper["method"] != "Gain"]
    if twice := sorted(set(methods["method"][methods["method"].duplicated()])):
        raise InputError(
            f"the paper's part has several numbers for {_listed(twice)}: narrow it with "
            "paper.select(table, dataset=…, backbone=…, metric=…)."
        )
    scale = methods["metric"].str.endswith("_percent").map({True: 100.0, False: 1.0})
    return dict(zip(methods["method"], methods["value"] / scale, strict=True))


def _column(
    recipes: Mapping[str, Sequence[str]], runs: Sequence[Run], predictor: str, metric: str
) -> list[dict[str, object]]:
    """Return the summary of every method over runs of one budget; empty if none has a value."""
    column: list[dict[str, object]] = []
    for method, names in recipes.items():
        own = [run for run in runs if run.name in names]
        own = [run for run in own if run.metric(predictor, metric) is not None]
        found = summary(own, predictor, metric)._asdict()
        ids = [run.id for run in own]
        column.append({"method": method, "predictor": predictor, "runs": ids, **found})
    return column if any(cell["n"] for cell in column) else []


def _names(recipes: str | Sequence[str]) -> Sequence[str]:
    """Return one recipe or several as a sequence."""
    return (recipes,) if isinstance(recipes, str) else recipes


def _escaped(cells: Iterable[str]) -> Iterable[str]:
    """Escape | in Markdown cells."""
    return (cell.replace("|", "\\|") for cell in cells)
