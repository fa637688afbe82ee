"""`Claim`, a claim of the paper, with the numbers it rests on and the evidence of recorded runs.

Everything but a claim's own words is computed: the paper's numbers from `data/paper`, ours from
the records of `data/runs` and `data/bench`. Local runs do not count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from adautomix import data
from adautomix.errors import InputError
from adautomix.pages.verdict import NOT_TESTED, VERDICTS, judge
from adautomix.record import Run
from adautomix.results import compare, paper
from adautomix.results.experiment import EMBEDDED, Experiment
from adautomix.results.outcome import Results
from adautomix.results.registry import get


@dataclass(frozen=True)
class Found:
    """What was found about a claim.

    Attributes:
        verdict: one of `VERDICTS`.
        why: the reason, a clause without a full stop.
        scale: on what it was measured, e.g. "CIFAR-100, lite"; "" where nothing was.
        seeds: number of seeds of the method that the claim is about, of a comparison the common
            ones; 0 for no runs.
        numbers: name → mean, standard deviation and number of runs, in the unit of the paper.
        lead: the other row → the lead over it with its 95 % interval, in the unit of the paper.
        records: ids of all runs that the verdict rests on.
    """

    verdict: str
    why: str
    scale: str = ""
    seeds: int = 0
    numbers: Mapping[str, compare.Summary] = field(default_factory=dict)
    lead: Mapping[str, compare.Paired] = field(default_factory=dict)
    records: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(f"a verdict is one of {', '.join(VERDICTS)}, not {self.verdict!r}.")


NOTHING = Found(NOT_TESTED, "nothing was run")
Evidence = Callable[[], Found]


@dataclass(frozen=True)
class Lead:
    """Evidence for "a row is ahead of others": paired differences over seeds of recorded runs.

    Attributes:
        experiment: name of the experiment.
        budgets: of the runs; the first at which the rows have a common seed counts.
        row: the row of the claim.
        over: rows that it is ahead of; empty for all others of the experiment.
        metric: as in `Run.metric`; it is a fraction.
        less: whether less is better, as of an error.
        predictor: "classifier" or "teacher".
    """

    experiment: str
    budgets: tuple[str, ...]
    row: str = "adautomix"
    over: tuple[str, ...] = ()
    metric: str = "top1_median10"
    less: bool = False
    predictor: str = "classifier"

    def __call__(self) -> Found:
        """Return the verdict by the rule of `adautomix.pages.verdict`."""
        for budget in self.budgets:
            found = self._at(budget)
            if found.lead:
                return found
        return NOTHING

    def _at(self, budget: str) -> Found:
        experiment = get(self.experiment)
        results = Results(self.experiment, experiment, budget, ())
        evaluation, slash, _ = self.metric.partition("/")
        results = results.evaluate(evaluation) if slash else results
        rows = (self.row, *(self.over or [row for row in experiment.rows if row != self.row]))
        runs = self._common({row: self._measured(results.runs(row)) for row in rows})
        lead = {row: self._paired(runs[self.row], runs[row]) for row in rows[1:]}
        said = judge({row: [each] for row, each in lead.items()}, self.row, label=experiment.label)
        return Found(
            said.word,
            said.reason,
            f"{_data(experiment, budget)}, {budget}",
            len(runs[self.row]),
            {experiment.label(row): self._percent(found) for row, found in runs.items() if found},
            {experiment.label(row): in_percent(each) for row, each in lead.items() if each.n},
            tuple(sorted(run.id for found in runs.values() for run in found)),
        )

    def _measured(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that have the metric."""
        return [run for run in runs if run.metric(self.predictor, self.metric) is not None]

    def _common(self, runs: Mapping[str, list[Run]]) -> dict[str, list[Run]]:
        """Return the runs of seeds that the row of the claim and another one have."""
        seeds = {row: {run.seed for run in found} for row, found in runs.items()}
        others = set().union(*(found for row, found in seeds.items() if row != self.row))
        both = seeds[self.row] & others
        return {row: [run for run in found if run.seed in both] for row, found in runs.items()}

    def _paired(self, ours: Sequence[Run], theirs: Sequence[Run]) -> compare.Paired:
        pair = (theirs, ours) if self.less else (ours, theirs)
        return compare.paired(*pair, self.predictor, self.metric)

    def _percent(self, runs: Sequence[Run]) -> compare.Summary:
        return in_percent(compare.summary(runs, self.predictor, self.metric))


def _data(experiment: Experiment, budget: str) -> str:
    """Return the title of the dataset that runs of a budget are on."""
    family = EMBEDDED if budget in ("smoke", "quick") else experiment.family
    return data.info(family.partition("/")[0]).title


def in_percent(values: Any) -> Any:
    """Return a `Summary` or `Paired` in percent; the number of runs stays."""
    scaled = {k: v if k == "n" or v is None else 100 * v for k, v in values._asdict().items()}
    return type(values)(**scaled)


@dataclass(frozen=True)
class Printed:
    """Numbers of the paper that a claim rests on.

    Attributes:
        table: number of the table.
        where: values that select the column.
        by: the column that names the rows.
        less: whether less is better.
    """

    table: int
    where: Mapping[str, object]
    by: str = "method"
    less: bool = False

    def numbers(self) -> dict[str, float]:
        """Return row → number, as printed."""
        rows = paper.select(self.table, **self.where)
        rows = rows[rows["method"] != "Gain"]
        return {str(name): float(v) for name, v in zip(rows[self.by], rows["value"], strict=True)}

    def in_words(self) -> str:
        """Return the best number and the next best, as "82.32 (AdAutoMix), 82.04 (AutoMix)"."""
        ranked = sorted(self.numbers().items(), key=lambda each: each[1] * (1 if self.less else -1))
        return ", ".join(f"{value:g} ({name})" for name, value in ranked[:2])


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: key of the claim.
        says: the claim in our words, a sentence.
        section: where the paper makes it.
        settled_by: what would settle it, at the paper's own scale.
        printed: the paper's numbers; None if it gives none.
        evidence: function that returns what was found; None if nothing was run.
        page: the chapter that shows it, without its number; "" for none.
    """

    name: str
    says: str
    section: str
    settled_by: str
    printed: Printed | None = None
    evidence: Evidence | None = None
    page: str = ""

    @cached_property
    def found(self) -> Found:
        """What recorded runs say of it."""
        return NOTHING if self.evidence is None else self.evidence()

    def document(self) -> dict[str, Any]:
        """Return the claim as plain values, its entry in `data/claims.json`."""
        found = self.found
        return {
            "name": self.name,
            "claim": self.says,
            "section": self.section,
            "paper": None if self.printed is None else _printed(self.printed),
            "settled_by": self.settled_by,
            "verdict": found.verdict,
            "why": found.why,
            "scale": found.scale,
            "seeds": found.seeds,
            "numbers": {name: _plain(each) for name, each in found.numbers.items()},
            "lead": {name: _plain(each) for name, each in found.lead.items()},
            "records": list(found.records),
            "page": self.page,
        }


def _printed(printed: Printed) -> dict[str, Any]:
    return {"table": printed.table, **printed.where, "numbers": printed.numbers()}


def _plain(values: Any) -> dict[str, Any]:
    """Return named values with at most four decimals."""
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in values._asdict().items()}
