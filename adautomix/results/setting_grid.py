"""`SettingGrid`: runs by method and evaluation setting, their differences, and the verdict.

A setting is a schedule of the learning rate and the network that is evaluated. A reported lead of
one method over another with a different setting is the sum of two parts, for each seed:

    a(A) − b(B)  =  [b(A) − b(B)]  +  [a(A) − b(A)]
      reported       the setting        the method

where a and b are the methods' accuracies, and A and B the settings in which they are reported.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import NamedTuple

import pandas as pd

from adautomix.errors import InputError
from adautomix.record.run import Run
from adautomix.results import compare
from adautomix.results.protocol import PREDICTORS, Decision, Setting

MIXED_LOSS = ("train_amce", "train_mixed_ce")
"""Columns of a curve with the loss of mixed images; a method that mixes has one of them."""
EARNED, NOT_EARNED = "The method earns a lead", "The method earns no lead"
OPEN, NOT_DECIDED = "Open", "Not decided"


class Parts(NamedTuple):
    """A reported lead and its two parts, over the seeds that have all three accuracies."""

    reported: compare.Paired
    setting: compare.Paired
    method: compare.Paired


@dataclass(frozen=True)
class SettingGrid:
    """The runs of an experiment at one budget, by method and schedule.

    Attributes:
        runs: (method, schedule) → its runs, one for each seed; empty if not run.
        reported: method → the setting in which the paper reports it.
        metric: as in `Run.metric`.

    Raises:
        InputError: runs of different budgets.
    """

    runs: Mapping[tuple[str, str], Sequence[Run]]
    reported: Mapping[str, Setting]
    metric: str = "top1_median10"

    def __post_init__(self) -> None:
        budgets = {run.budget for runs in self.runs.values() for run in runs}
        if len(budgets) > 1:
            raise InputError(
                f"runs of different budgets cannot be compared: {', '.join(sorted(budgets))}."
            )

    @property
    def methods(self) -> list[str]:
        """The rows."""
        return list(dict.fromkeys(method for method, _ in self.runs))

    @property
    def settings(self) -> list[Setting]:
        """The columns."""
        schedules = dict.fromkeys(schedule for _, schedule in self.runs)
        return [Setting(schedule, predictor) for schedule in schedules for predictor in PREDICTORS]

    @property
    def seeds(self) -> list[int]:
        """Seeds of all runs."""
        return sorted({run.seed for runs in self.runs.values() for run in runs})

    def of_seed(self, seed: int) -> "SettingGrid":
        """Return the runs of one seed."""
        runs = {key: [r for r in runs if r.seed == seed] for key, runs in self.runs.items()}
        return replace(self, runs=runs)

    def values(self, method: str, where: Setting) -> dict[int, float]:
        """Return seed → the metric of a method under a setting."""
        return compare.by_seed(self.runs[method, where.schedule], where.predictor, self.metric)

    def difference(self, a: str, a_in: Setting, b: str, b_in: Setting) -> compare.Paired:
        """Return `a` in its setting minus `b` in its setting, over the common seeds."""
        return compare.difference(self.values(a, a_in), self.values(b, b_in))

    def parts(self, method: str, against: str) -> Parts:
        """Return the reported lead of `method` over `against`, and its two parts."""
        ours, theirs = self.reported[method], self.reported[against]
        own = self.values(method, ours)
        before, after = self.values(against, theirs), self.values(against, ours)
        before = {seed: before[seed] for seed in before.keys() & after.keys() & own.keys()}
        after = {seed: after[seed] for seed in before}
        return Parts(
            compare.difference(own, before),
            compare.difference(after, before),
            compare.difference(own, after),
        )

    def table(self) -> pd.DataFrame:
        """Return accuracies as text, `82.32 ± 0.15 (3)`; † marks the reported setting."""
        return self._frame(self._accuracy)

    def moved(self) -> pd.DataFrame:
        """Return each method's gain over its reported setting, paired over seeds, as text."""
        return self._frame(
            lambda method, where: (
                "†"
                if where == self.reported[method]
                else points(self.difference(method, where, method, self.reported[method]))
            )
        )

    def leads(self, method: str, settings: Sequence[Setting]) -> pd.DataFrame:
        """Return the lead of `method` over each other: reported, its parts, same setting."""
        others = [other for other in self.methods if other != method]
        rows = {}
        for other in others:
            whole, setting, own = self.parts(method, other)
            rows[other] = {"as reported": points(whole), "by the setting": points(setting)}
            rows[other]["by the method"] = points(own)
            for where in settings:
                if where != self.reported[method]:
                    lead = self.difference(method, where, other, where)
                    rows[other][f"both {where}"] = points(lead)
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def missing(self, decision: Decision) -> int:
        """Return the number of runs missing for `decision.seeds` complete seeds."""
        there: dict[tuple[str, str], set[int]] = {}  # seeds by method and schedule
        for method in (decision.method, decision.against):
            for where in decision.settings:
                seeds = set(self.values(method, where))
                there[method, where.schedule] = there.get((method, where.schedule), seeds) & seeds
        counts = Counter(seed for seeds in there.values() for seed in seeds)
        nearest = counts.most_common(decision.seeds)
        return decision.seeds * len(there) - sum(count for _, count in nearest)

    def _frame(self, show: Callable[[str, Setting], str]) -> pd.DataFrame:
        """Return a table of text, a row for each method and a column for each setting."""
        rows = {
            method: {str(where): show(method, where) for where in self.settings}
            for method in self.methods
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def _accuracy(self, method: str, where: Setting) -> str:
        found = compare.summary_of(list(self.values(method, where).values()))
        mark = " †" if where == self.reported[method] else ""
        return f"{compare.mean_text(found, 100)} ({found.n}){mark}" if found.n else ""


def points(found: compare.Paired, scale: int = 100, digits: int = 2) -> str:
    """Return a difference, `+1.20 [+0.31, +2.09] (3)`; blank if not run.

    It is in percentage points for fractions, in their own unit with another `scale`.
    """
    if found.mean is None:
        return ""
    between = ""
    if found.low is not None and found.high is not None:
        between = f" [{scale * found.low:+.{digits}f}, {scale * found.high:+.{digits}f}]"
    return f"{scale * found.mean:+.{digits}f}{between} ({found.n})"


def mask_summary(runs: Sequence[Run]) -> dict[str, float]:
    """Return mask statistics at the end of training, means over runs; empty if nothing is mixed.

    They are mask_peak and area_gap (see `adautomix.evaluate.describe_masks`) and mixed_loss, the
    training loss of mixed images in the last epoch.
    """
    mixing = [run for run in runs if "area_gap" in run.extras]
    if not mixing:
        return {}
    losses = [run.curve().filter(items=MIXED_LOSS).iloc[-1, 0] for run in mixing]
    masks = {name: mean(run.extras[name] for run in mixing) for name in ("mask_peak", "area_gap")}
    return {**masks, "mixed_loss": float(mean(losses))}


def in_words(found: compare.Paired) -> str:
    """Return a difference in percentage points for a sentence, `1.20 (0.31 to 2.09)`.

    `found.mean` must not be None.
    """
    if found.mean is None:
        raise InputError("a difference for which there are no runs cannot be put into words.")
    if found.low is None or found.high is None:
        return _signed(found.mean)
    return f"{_signed(found.mean)} ({_signed(found.low)} to {_signed(found.high)})"


def _signed(fraction: float) -> str:
    """Return a fraction in percent, with a typographic minus sign."""
    return f"{100 * fraction:.2f}".replace("-", "\N{MINUS SIGN}")


def verdict(found: SettingGrid, decision: Decision) -> str:
    """Return the verdict as a sentence, by the rule that the decision fixed beforehand."""
    word = outcome(found, decision)
    if missing := found.missing(decision):
        return f"{word}: {missing} of the runs that decide {_are(missing)} missing."
    leads = _leads(found, decision)
    told = " and ".join(
        f"{in_words(lead)} points ({where})"
        for lead, where in zip(leads, decision.settings, strict=True)
    )
    lead = f"under the same setting, its lead is {told}"
    lead += f", with 95 % intervals over {leads[0].n} paired seeds"
    end = ", which do not all lie on one side of zero" if word == OPEN else ""
    return f"{word}: {lead}{end}."


def outcome(found: SettingGrid, decision: Decision) -> str:
    """Return the verdict without its numbers: one of four phrases."""
    if found.missing(decision):
        return NOT_DECIDED
    leads = _leads(found, decision)
    if all(lead.low is not None and lead.low > 0 for lead in leads):
        return EARNED
    if all(lead.high is not None and lead.high < 0 for lead in leads):
        return NOT_EARNED
    return OPEN


def _leads(found: SettingGrid, decision: Decision) -> list[compare.Paired]:
    """Return the lead that decides under each of the settings that decide."""
    return [
        found.difference(decision.method, where, decision.against, where)
        for where in decision.settings
    ]


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
