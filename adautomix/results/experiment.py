"""An experiment: which methods are compared, on what, with which seeds, and what is measured.

Every table of the book is one of these values, and one command makes the runs that are missing.
Nothing here imports torch until jobs are asked for.
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
"""Where the budgets smoke and quick take every recipe."""
AS_IT_IS = {"": ""}
"""The schedules of an experiment that names none: that of each recipe."""


@dataclass(frozen=True)
class Stage:
    """Some seeds of some rows; the stages of an experiment are run one after the other.

    Attributes:
        seeds: which ones.
        rows: which ones; empty for all.
    """

    seeds: tuple[int, ...]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """One run of an experiment.

    Attributes:
        row: where it stands in the table.
        schedule: which of the experiment's schedules; "" where it names none.
        job: what is to be run.
    """

    row: str
    schedule: str
    job: "Job"

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.row, self.schedule, f"seed {self.job.seed}")))


@dataclass(frozen=True)
class Experiment:
    """What is compared with what: rows × schedules × seeds.

    Attributes:
        title: what the experiment is, in a few words.
        family: the recipes' data/backbone; the recipe of a row is family/method.
        methods: rows in their order: names of recipes, or of `variants`.
        variants: rows by name, each a method with changes to its recipe, as runs are named:
            {"MixUp, α 0.2": "mixup/method.rule.alpha=0.2"}. Those that are not among `methods`
            come after them.
        paper: the number of the paper's table and how to select the column from it; None for an
            experiment of ours.
        stand_in: whether recorded runs of PhotoDigits count too.
        schedules: name → the field of the recipe that it sets; every row is run with each.
        stages: which seeds of which rows come first; empty for the seeds that are asked for.
        budgets: where it can run, and the precision of every run there; "auto" takes any. Empty for
            every budget.
        evaluations: of every run, name → settings; see `adautomix.evaluate.registry`.
        protocol: what the runs are to decide, if they are.

    Raises:
        InputError: a name that is not there, or a protocol that these runs cannot decide.
    """

    title: str
    family: str
    methods: tuple[str, ...]
    variants: Mapping[str, str] = field(default_factory=dict)
    paper: tuple[int, dict[str, str]] | None = None
    stand_in: bool = False
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
        """What each row runs: a method, and after slashes the changes to its recipe."""
        return {row: self.variants.get(row, row) for row in self.methods} | dict(self.variants)

    def method_of(self, row: str) -> str:
        """The method of a row, without the changes of a variant."""
        return self.rows[row].partition("/")[0]

    def label(self, row: str) -> str:
        """A row's name as a reader sees it."""
        return row if row in self.variants else title_of(row)

    def names(self, row: str) -> list[str]:
        """How a row's runs are named: in the experiment's family, and on PhotoDigits."""
        return [f"{family}/{self.rows[row]}" for family in (self.family, EMBEDDED)]

    def seeds_of(self, row: str) -> set[int]:
        """The seeds that the stages name for a row."""
        return {s for stage in self.stages if row in (stage.rows or self.rows) for s in stage.seeds}

    def precision(self, budget: str) -> str:
        """The one precision in which the runs of a budget are compared; "auto" for any."""
        return self.budgets.get(budget, "auto")

    def planned(
        self, budget: str, seeds: Sequence[int] | None = None, rows: Sequence[str] | None = None
    ) -> list[Planned]:
        """Its runs at a budget, each once, in order.

        Args:
            budget: one of `budgets`, or any where it names none.
            seeds: of these alone; None for all that the stages name, or 0 where there is no stage.
            rows: of these alone; None for all.
        """
        known = sorted({seed for stage in self.stages for seed in stage.seeds})
        for seed in seeds if seeds is not None and known else ():
            if seed not in known:
                raise unknown("seed of the experiment", seed, map(str, known))
        if budget not in (self.budgets or BUDGETS):
            raise unknown("budget of the experiment", budget, self.budgets or BUDGETS)
        found: dict[Planned, None] = {}  # keeps the order
        for stage in self.stages or (Stage(tuple((0,) if seeds is None else seeds)),):
            for seed in stage.seeds:
                for row in stage.rows or self.rows:
                    if (seeds is None or seed in seeds) and (rows is None or row in rows):
                        for schedule in self.schedules:
                            found.setdefault(self._planned(row, schedule, budget, seed))
        return list(found)

    def _planned(self, row: str, schedule: str, budget: str, seed: int) -> Planned:
        """One run. A change that the recipe has anyway is left out, so it shares that record."""
        from adautomix.runs.job import Job

        method, *changes = self.rows[row].split("/")
        usual = Job(f"{self.family}/{method}", budget, seed, tuple(changes))
        if not (change := self.schedules[schedule]):
            return Planned(row, schedule, usual)
        job = replace(usual, changes=(*changes, change))
        return Planned(row, schedule, usual if job.recipe() == usual.recipe() else job)

    def check(self, budget: str) -> None:
        """InputError for what cannot be run at a budget; `run_all` asks before it trains."""
        from adautomix.device import PRECISIONS
        from adautomix.evaluate.registry import settings_of

        for name, settings in self.evaluations.items():
            settings_of(name, **settings)  # refuses what is not there
        if (precision := self.precision(budget)) not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
        planned = self.planned(budget)
        if len({each.job.id() for each in planned}) < len(planned):
            raise InputError(f"two runs of {self.title!r} are the same: change a row or schedule.")
        for each in planned if self.protocol is not None else ():
            if getattr(each.job.recipe().method, "momentum", None) is None:
                raise InputError(f"{each.job.name} has no teacher, and the protocol compares it.")


def affordable(family: str, budget: str) -> str:
    """The budget, or "quick" where PhotoDigits has none that is larger; InputError if unknown."""
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    return "quick" if family == EMBEDDED and budget not in ("smoke", "quick") else budget


def cheapest(experiment: Experiment) -> str:
    """The cheapest budget in which an experiment says something: its first, or "quick"."""
    return next(iter(experiment.budgets), "quick")
