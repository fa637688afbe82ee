"""`Protocol`, the decision rules of an experiment, fixed before its runs are made.

An evaluation setting is a schedule of the learning rate and the network that is evaluated. Two
methods are compared under the same setting, or each under the one in which the paper reports it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from adautomix.errors import InputError, unknown
from adautomix.record.run import METRICS

PREDICTORS = ("classifier", "teacher")


class Setting(NamedTuple):
    """An evaluation setting: the schedule of the learning rate, and the evaluated predictor."""

    schedule: str
    predictor: str

    def __str__(self) -> str:
        return f"{self.schedule}, {self.predictor}"


@dataclass(frozen=True)
class Decision:
    """The comparison that decides.

    Attributes:
        metric: one of `METRICS` of `adautomix.record.run`; more is better.
        method, against: the two rows that are compared.
        settings: evaluation settings under which both are compared.
        seeds: number of paired seeds required.

    Raises:
        InputError: no setting, fewer than 2 seeds, or another metric.
    """

    metric: str
    method: str
    against: str
    settings: tuple[Setting, ...]
    seeds: int

    def __post_init__(self) -> None:
        if not self.settings or self.seeds < 2:
            raise InputError("a decision takes one setting or more, and 2 seeds or more.")
        if self.metric not in METRICS:  # accuracies, for which more is better
            raise unknown("metric that decides", self.metric, METRICS)


@dataclass(frozen=True)
class Protocol:
    """The decision rules of an experiment.

    Attributes:
        question: the question to decide.
        reported: row → the setting in which the paper reports it.
        decides: the comparison that decides.
        contrasts: what a difference shows → the two rows, first minus second.
    """

    question: str
    reported: Mapping[str, Setting]
    decides: Decision
    contrasts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def check(
        self,
        rows: Collection[str],
        schedules: Collection[str],
        seeds_of: Callable[[str], set[int]],
    ) -> None:
        """Raise InputError if these rows, schedules and seeds of each row cannot decide it."""
        ours, theirs = self.decides.method, self.decides.against
        pairs = [row for pair in self.contrasts.values() for row in pair]
        for row in [*self.reported, ours, theirs, *pairs]:
            if row not in rows:
                raise unknown("row of the experiment", row, rows)
        if silent := [row for row in rows if row not in self.reported]:
            raise InputError(f"`reported` does not say how {', '.join(silent)} is reported.")
        for setting in [*self.reported.values(), *self.decides.settings]:
            if setting.schedule not in schedules:
                raise unknown("schedule of the experiment", setting.schedule, schedules)
            if setting.predictor not in PREDICTORS:
                raise unknown("predictor", setting.predictor, PREDICTORS)
        if (there := len(seeds_of(ours) & seeds_of(theirs))) < self.decides.seeds:
            raise InputError(
                f"{self.decides.seeds} seeds decide, but the stages have {there} of both {ours} "
                f"and {theirs}."
            )
