"""What a protocol says: methods × schedules × seeds, which number decides, and in which order.

A protocol is a YAML file, such as `protocols/reporting.yaml`, whose comments say why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from adautomix.device import PRECISIONS
from adautomix.errors import InputError, unknown
from adautomix.evaluate.registry import settings_of
from adautomix.record._where import PACKAGE, checkout
from adautomix.record.run import METRICS
from adautomix.results.comparison import treatments
from adautomix.results.comparison.treatments import Cell, Decision
from adautomix.runs.job import Job

OWN = ("reporting",)
"""The protocols that come with the package."""


@dataclass(frozen=True)
class Stage:
    """Some seeds of some methods; turns are taken one after the other."""

    seeds: tuple[int, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """One run of a protocol: where it stands in the table, and the job."""

    method: str
    schedule: str
    job: Job

    def __str__(self) -> str:
        return f"{self.method}, {self.schedule}, seed {self.job.seed}"


@dataclass(frozen=True)
class Protocol:
    """A comparison, fixed beforehand.

    Attributes:
        title, question: what it is about.
        family: the recipes' data/backbone; a method's recipe is family/method.
        budgets: where it can run, and the precision of every run there; "auto" takes any.
        methods: the rows of its table: recipes, and names of `variants`.
        schedules: name → the field of the recipe that it sets, e.g. "schedule.floor=0.5".
        reported: method → the cell in which the paper reports it.
        decides: which number decides, and how.
        order: who comes first.
        evaluations: of every run, name → settings; see `adautomix.evaluations`.
        variants: row → the method with changes to its recipe, as "automix/method.lam_margin=0.4".
        contrasts: what a difference shows → the two rows, first less second.
    """

    title: str
    question: str
    family: str
    budgets: Mapping[str, str]
    methods: tuple[str, ...]
    schedules: Mapping[str, str]
    reported: Mapping[str, Cell]
    decides: Decision
    order: tuple[Stage, ...]
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    contrasts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self):
        for name, settings in self.evaluations.items():
            settings_of(name, **settings)  # refuses what is not there
        for precision in self.budgets.values():
            if precision not in PRECISIONS:
                raise unknown("precision", precision, PRECISIONS)
        named = [method for stage in self.order for method in stage.methods]
        named += [*self.reported, self.decides.method, self.decides.against, *self.variants]
        for method in [*named, *(row for pair in self.contrasts.values() for row in pair)]:
            if method not in self.methods:
                raise unknown("method of the protocol", method, self.methods)
        if silent := [method for method in self.methods if method not in self.reported]:
            raise InputError(f"`reported` does not say how {', '.join(silent)} is reported.")
        if self.decides.metric not in METRICS:  # accuracies: the verdict takes more for better
            raise unknown("metric that decides", self.decides.metric, METRICS)
        for cell in [*self.reported.values(), *self.decides.alike]:
            if cell.schedule not in self.schedules:
                raise unknown("schedule of the protocol", cell.schedule, self.schedules)
        for budget in self.budgets:
            self._check_runs(self.planned(budget))

    def planned(self, budget: str, seeds: Sequence[int] | None = None) -> list[Planned]:
        """Its runs at a budget, each once, in order; of these seeds, or of all that it names."""
        if budget not in self.budgets:
            raise unknown("budget of the protocol", budget, self.budgets)
        known = sorted({seed for stage in self.order for seed in stage.seeds})
        for seed in seeds or ():
            if seed not in known:
                raise unknown("seed of the protocol", seed, map(str, known))
        found: dict[Planned, None] = {}  # keeps the order
        for stage in self.order:
            for seed in stage.seeds:
                if seeds is None or seed in seeds:
                    for method in stage.methods:
                        for schedule in self.schedules:
                            found.setdefault(self._planned(method, schedule, budget, seed))
        return list(found)

    def trains(self, row: str) -> str:
        """The method of a row, without the changes of a variant."""
        return self.variants.get(row, row).partition("/")[0]

    def _planned(self, method: str, schedule: str, budget: str, seed: int) -> Planned:
        """One run. A change that the recipe has anyway is left out, so it shares that record."""
        name, *changes = self.variants.get(method, method).split("/")
        usual = Job(f"{self.family}/{name}", budget, seed, tuple(changes))
        job = replace(usual, changes=(*changes, self.schedules[schedule]))
        return Planned(method, schedule, usual if job.recipe() == usual.recipe() else job)

    def _check_runs(self, planned: Sequence[Planned]) -> None:
        """Two predictors of every run, two different schedules, and enough seeds to decide."""
        for each in planned:
            if each.job.recipe().method.momentum is None:
                raise InputError(f"{each.job.name} has no teacher, and the protocol compares it.")
        if len({each.job.id() for each in planned}) < len(planned):
            raise InputError("two schedules of the protocol make the same run: change one.")
        ours, theirs = (
            {each.job.seed for each in planned if each.method == method}
            for method in (self.decides.method, self.decides.against)
        )
        if len(ours & theirs) < self.decides.seeds:
            raise InputError(
                f"{self.decides.seeds} seeds decide, but `order` has {len(ours & theirs)} of both "
                f"{self.decides.method} and {self.decides.against}."
            )


def shipped() -> Path:
    """The folder of the package's own protocols, in a wheel or in the checkout."""
    root = checkout()
    return PACKAGE / "_data" / "protocols" if root is None else root / "protocols"


def read(path: str | Path) -> Protocol:
    """A protocol from its file; every name in it is checked.

    Args:
        path: of the file, or the name of one of the package's own: "reporting".

    Raises:
        InputError: the file cannot be read, or says what cannot be run; the sentence says what.
    """
    path = shipped() / f"{path}.yaml" if str(path) in OWN else Path(path)
    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"the protocol {path} cannot be read: {_first_line(error)}. "
            f"Give a file, or one of the package's own: {', '.join(sorted(OWN))}."
        ) from error
    try:
        return _protocol(text)
    except InputError as error:
        raise InputError(f"the protocol {path}: {error}") from error


def _protocol(text: Any) -> Protocol:
    """The typed value of what YAML read."""
    said = _fields(Protocol, text, "the file")
    for name in ("title", "question", "family"):
        if not isinstance(said[name], str):
            raise InputError(f"`{name}` must be text, not {said[name]!r}.")
    said["methods"] = _names(said["methods"], "methods")
    said.setdefault("variants", {})
    for name in ("budgets", "schedules", "reported", "variants"):
        if not isinstance(said[name], dict) or not all(
            isinstance(word, str) for word in said[name].values()
        ):
            raise InputError(f"`{name}` must map names to names, not be {said[name]!r}.")
    said["reported"] = {name: treatments.cell(word) for name, word in said["reported"].items()}
    said["decides"] = _decision(said["decides"])
    evaluations = said.setdefault("evaluations", {})
    if not isinstance(evaluations, dict) or not all(
        isinstance(settings, dict) for settings in evaluations.values()
    ):
        raise InputError(f"`evaluations` must map names to settings, not be {evaluations!r}.")
    said["contrasts"] = _contrasts(said.get("contrasts", {}))
    if not isinstance(said["order"], list) or not said["order"]:
        raise InputError(f"`order` must list turns, not be {said['order']!r}.")
    said["order"] = tuple(_stage(stage, said["methods"]) for stage in said["order"])
    return Protocol(**said)


def _contrasts(text: Any) -> dict[str, tuple[str, ...]]:
    """Pairs of rows by what their difference shows."""
    if not isinstance(text, dict):
        raise InputError(f"`contrasts` must map names to pairs of methods, not be {text!r}.")
    pairs = {name: _names(pair, "contrasts") for name, pair in text.items()}
    for name, pair in pairs.items():
        if len(pair) != 2:
            raise InputError(f"the contrast {name!r} takes two methods, not {len(pair)}.")
    return pairs


def _decision(text: Any) -> Decision:
    said = _fields(Decision, text, "`decides`")
    said["alike"] = tuple(map(treatments.cell, _names(said["alike"], "alike")))
    return Decision(**said)


def _stage(text: Any, everybody: tuple[str, ...]) -> Stage:
    """A turn; without `methods`, of all of them."""
    said = _fields(Stage, {"methods": list(everybody), **text} if isinstance(text, dict) else text)
    seeds = said["seeds"]
    if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise InputError(f"`seeds` must list whole numbers, not be {seeds!r}.")
    return Stage(tuple(seeds), _names(said["methods"], "methods"))


def _fields(kind: type, text: Any, where: str = "a turn of `order`") -> dict[str, Any]:
    """The mapping `text`, if it says what `kind` needs and nothing else."""
    if not isinstance(text, dict):
        raise InputError(f"{where} must say names and values, not {text!r}.")
    known = {f.name: f for f in fields(kind)}
    for name in text:
        if name not in known:
            raise unknown(f"field in {where}", name, known)
    needed = [n for n, f in known.items() if f.default_factory is MISSING]
    missing = [n for n in needed if n not in text]
    if missing:
        raise InputError(f"{where} does not say {', '.join(missing)}.")
    return dict(text)


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InputError(f"`{what}` must list names, not be {value!r}.")
    return tuple(value)


def _first_line(error: Exception) -> str:
    """What a file or YAML says is wrong, on one line."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(error).split())
