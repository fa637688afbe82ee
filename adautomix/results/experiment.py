"""`Experiment`: which methods are compared, on which data, with which seeds and evaluations.

Every table of the book belongs to an experiment, and one command makes its missing runs. Nothing
here imports torch until jobs are requested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from adautomix.errors import InputError, unknown
from adautomix.names import title_of
from adautomix.record import BUDGETS
from adautomix.results.protocol import Protocol

if TYPE_CHECKING:
    from adautomix.runs.job import Job

EMBEDDED = "photodigits/thin"
"""Data and backbone of every recipe at the budgets smoke and quick."""
AS_IT_IS = {"": ""}
"""Schedules of an experiment that names none: each recipe keeps its own."""


@dataclass(frozen=True)
class Stage:
    """Some seeds of some rows; the stages of an experiment are run one after the other.

    Attributes:
        seeds: seeds of the stage.
        rows: rows of the stage; empty for all.
    """

    seeds: tuple[int, ...]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """One run of an experiment.

    Attributes:
        row: row of the table.
        schedule: one of the experiment's schedules; "" if it names none.
        job: the run to make.
    """

    row: str
    schedule: str
    job: "Job"

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.row, self.schedule, f"seed {self.job.seed}")))


@dataclass(frozen=True)
class Experiment:
    """A set of runs to compare: rows × schedules × seeds.

    Attributes:
        title: the experiment in a few words.
        family: the recipes' data/backbone; the recipe of a row is family/method.
        methods: rows in their order: methods, or names of `variants`.
        variants: row → a method and changes of its recipe, as in the names of runs:
            {"MixUp, α 0.2": "mixup/method.rule.alpha=0.2"}. Those that are not in `methods` come
            after them.
        paper: number of the paper's table, and the values that select its column; None if the paper
            has no such table.
        also_photodigits: whether recorded runs of PhotoDigits are shown too.
        schedules: name → change of the recipe, e.g. "schedule.floor=0"; every row is run with each.
        stages: the seeds of each row, in the order of execution; empty for the requested seeds.
        budgets: possible budgets, and the precision of all runs at each; "auto" allows any
            precision. Empty for every budget.
        evaluations: of every run, name → settings; see `adautomix.evaluate.registry`.
        protocol: the decision rules, if the runs are to decide a question.

    Raises:
        InputError: an unknown row or budget, or a protocol that these runs cannot decide.
    """

    title: str
    family: str
    methods: tuple[str, ...]
    variants: Mapping[str, str] = field(default_factory=dict)
    paper: tuple[int, dict[str, str]] | None = None
    also_photodigits: bool = False
    schedules: Mapping[str, str] = field(default_factory=lambda: AS_IT_IS)
    stages: tuple[Stage, ...] = ()
    budgets: Mapping[str, str] = field(default_factory=dict)
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    protocol: Protocol | None = None

    def __post_init__(self) -> None:
        for row in (row for stage in self.stages for row in stage.rows):
            if row not in self.rows:
                raise unknown("row of the experiment", row, self.rows)
        for budget in self.budgets:
            if budget not in BUDGETS:
                raise unknown("budget", budget, BUDGETS)
        if self.protocol is not None:
            self.protocol.check(self.rows, self.schedules, self.seeds_of)

    @property
    def rows(self) -> dict[str, str]:
        """Row → its method, followed by the changes of its recipe after slashes."""
        return {row: self.variants.get(row, row) for row in self.methods} | dict(self.variants)

    def method_of(self, row: str) -> str:
        """Return the method of a row, without the changes of a variant."""
        return self.rows[row].partition("/")[0]

    def label(self, row: str) -> str:
        """Return a row's name in tables and figures."""
        return row if row in self.variants else title_of(row)

    def names(self, row: str) -> list[str]:
        """Return the names of a row's runs: in the experiment's family, and on PhotoDigits."""
        return [f"{family}/{self.rows[row]}" for family in (self.family, EMBEDDED)]

    def seeds_of(self, row: str) -> set[int]:
        """Return the seeds that the stages have for a row."""
        return {s for stage in self.stages if row in (stage.rows or self.rows) for s in stage.seeds}

    def precision(self, budget: str) -> str:
        """Return the precision that all runs of a budget must have; "auto" for any."""
        return self.budgets.get(budget, "auto")

    def planned(
        self, budget: str, seeds: Sequence[int] | None = None, rows: Sequence[str] | None = None
    ) -> list[Planned]:
        """Return its runs at a budget, each once, in order.

        Args:
            budget: one of `budgets`, or any if there are none.
            seeds: only these; None for all seeds of the stages, or 0 if there is no stage.
            rows: only these; None for all.

        Raises InputError for a budget or seed that the experiment does not have.
        """
        known = sorted({seed for stage in self.stages for seed in stage.seeds})
        for seed in seeds if seeds is not None and known else ():
            if seed not in known:
                raise unknown("seed of the experiment", seed, map(str, known))
        if budget not in (self.budgets or BUDGETS):
            raise unknown("budget of the experiment", budget, self.budgets or BUDGETS)
        found: dict[Planned, None] = {}  # an ordered set
        for stage in self.stages or (Stage(tuple((0,) if seeds is None else seeds)),):
            for seed in stage.seeds:
                for row in stage.rows or self.rows:
                    if (seeds is None or seed in seeds) and (rows is None or row in rows):
                        for schedule in self.schedules:
                            found.setdefault(self._planned(row, schedule, budget, seed))
        return list(found)

    def _planned(self, row: str, schedule: str, budget: str, seed: int) -> Planned:
        """Return one run; where the recipe already has the schedule, its id stays the recipe's."""
        from adautomix.runs.job import Job

        method, *changes = self.rows[row].split("/")
        unchanged = Job(f"{self.family}/{method}", budget, seed, tuple(changes))
        if not (change := self.schedules[schedule]):
            return Planned(row, schedule, unchanged)
        job = replace(unchanged, changes=(*changes, change))
        return Planned(row, schedule, unchanged if job.recipe() == unchanged.recipe() else job)

    def check(self, budget: str) -> None:
        """Raise InputError if the experiment cannot be run at a budget, before any training."""
        from adautomix.device import PRECISIONS
        from adautomix.evaluate.registry import settings_of

        for name, settings in self.evaluations.items():
            settings_of(name, **settings)  # raises InputError for unknown ones
        if (precision := self.precision(budget)) not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
        planned = self.planned(budget)
        if len({each.job.id() for each in planned}) < len(planned):
            raise InputError(f"two runs of {self.title!r} are the same: change a row or schedule.")
        for each in planned if self.protocol is not None else ():
            if getattr(each.job.recipe().method, "momentum", None) is None:
                raise InputError(f"{each.job.name} has no teacher, and the protocol compares it.")


def affordable(family: str, budget: str) -> str:
    """Return the budget, but at most "quick" for PhotoDigits; InputError if it is unknown."""
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    return "quick" if family == EMBEDDED and budget not in ("smoke", "quick") else budget


def cheapest(experiment: Experiment) -> str:
    """Return the cheapest useful budget of an experiment: its first, or "quick"."""
    return next(iter(experiment.budgets), "quick")
