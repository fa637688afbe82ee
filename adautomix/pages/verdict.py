"""Whether a claim that a method is the best holds in the runs at hand, in words for prose.

A lead counts as shown if the 95 % interval of the difference over paired seeds lies above 0.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from adautomix.names import method_title
from adautomix.results.compare import Paired

__all__ = ["NOT_TESTED", "VERDICTS", "Judged", "above", "best", "in_prose", "judge", "listed"]

HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold"
UNDECIDED, NOT_TESTED = "cannot be told", "not tested"
VERDICTS = (HOLDS, IN_PART, FAILS, UNDECIDED, NOT_TESTED)
"""Every verdict; "cannot be told" is of runs that exist and do not decide."""

Label = Callable[[str], str]
"""Function from a row to its name in a sentence."""


class Judged(NamedTuple):
    """A verdict, and why, as clauses without a full stop; `open` is what leaves it undecided."""

    word: str
    why: str
    open: str = ""

    @property
    def reason(self) -> str:
        """What leaves it undecided, if anything, and why."""
        return "; ".join(filter(None, (self.open, self.why)))


def best(
    leads: Mapping[str, Sequence[Paired]],
    method: str = "adautomix",
    at: str = "",
    label: Label = method_title,
) -> str:
    """Return the verdict of `judge` as one clause for prose, "at this scale", with the reason."""
    return in_prose(judge(leads, method, at, label))


def in_prose(found: Judged) -> str:
    """Return a verdict as one clause, "at this scale", with the reason."""
    if not found.why:
        return f"{found.word}, as {found.open}"
    if found.open:
        return f"{found.word} at this scale ({found.open}); {found.why}"
    return f"{found.word} at this scale: {found.why}"


def above(differences: Mapping[str, Paired]) -> Judged:
    """Return the verdict on the claim that differences are above 0, by what each difference is.

    The rule is that of `judge`. A difference may have no runs.
    """
    there = {what: each for what, each in differences.items() if each.n}
    if not there:
        return Judged(UNDECIDED, "", "no run is recorded")
    groups: dict[tuple[str, str], list[str]] = {}
    for what, each in there.items():
        groups.setdefault(_sign(each), []).append(what)
    clauses = [
        f"{listed(names, str)} {one if len(names) == 1 else many}"
        for (one, many), names in groups.items()
    ]
    over = _over({what: [each] for what, each in there.items()})
    word = judge({what: [each] for what, each in differences.items()}, label=str).word
    return Judged(word, f"{', '.join(clauses)}, {over}{_without_runs(differences, there, str)}")


def judge(
    leads: Mapping[str, Sequence[Paired]],
    method: str = "adautomix",
    at: str = "",
    label: Label = method_title,
) -> Judged:
    """Return the verdict on the claim that a method is the best.

    It is "holds" if every lead is shown, "does not hold" if another method is shown to be ahead,
    "holds in part" if the leads over some methods are shown, else "cannot be told".

    Args:
        leads: other method → the method's lead over it, positive where the method is better; one
            for each measure that the claim is about. A lead may have no runs.
        method: the method of the claim.
        at: for several measures, where one of them may differ, as " at some share".
        label: names of the methods in the sentence.
    """
    there = [lead for each in leads.values() for lead in each if lead.n]
    if not there:
        return Judged(UNDECIDED, "", "no run is recorded")
    shown = [other for other, each in leads.items() if each and all(map(_ahead, each))]
    lost = [other for other, each in leads.items() if any(map(_behind, each))]
    ours = label(method)
    if lost:
        return Judged(FAILS, f"{_lead_of(lost, ours, at, label)}, shown {_over(leads, lost)}")
    if len(shown) == len(leads):
        return Judged(HOLDS, f"{ours} is ahead of {_every(leads, label)}, shown {_over(leads)}")
    if shown:
        over = _over(leads, shown)
        return Judged(IN_PART, f"a lead is shown {over}, but only over {listed(shown, label)}")
    single = all(lead.n == 1 for lead in there)
    reason = "one seed of each method" if single else f"intervals {_over(leads)} contain 0"
    ahead = [other for other, each in leads.items() if any(map(_lower, each))]
    means = "" if single else "by the means "
    run = [other for other, each in leads.items() if any(lead.n for lead in each)]
    behind = _every(leads, label) if len(run) == len(leads) else listed(run, label)
    leading = _lead_of(ahead, ours, at, label) if ahead else f"{ours} is ahead of {behind}"
    return Judged(UNDECIDED, f"{means}{leading}{_without_runs(leads, run, label)}", reason)


def listed(methods: Iterable[str], label: Label = method_title) -> str:
    """Return the displayed names of methods, joined by commas and "and"."""
    *first, last = map(label, methods)
    return f"{', '.join(first)} and {last}" if first else last


def _over(leads: Mapping[str, Sequence[Paired]], others: Iterable[str] | None = None) -> str:
    """Return the number of seeds of the leads over some or all others, as "over 3 paired seeds".

    Where it differs between leads it is a range; single seeds count only where nothing is paired.
    """
    named = leads if others is None else others
    counts = {lead.n for name in named for lead in leads[name] if lead.n > 1}
    if not counts:
        return "by one seed"
    least, most = min(counts), max(counts)
    return f"over {most if least == most else f'{least} to {most}'} paired seeds"


def _every(leads: Mapping[str, object], label: Label) -> str:
    """Return "all others", or the name of the only other."""
    return label(next(iter(leads))) if len(leads) == 1 else "all others"


def _without_runs(every: Iterable[str], run: Container[str], label: Label) -> str:
    """Return which of the rows were not run, as a clause after a semicolon; "" for none."""
    missing = [row for row in every if row not in run]
    verb = "was" if len(missing) == 1 else "were"
    return f"; {listed(missing, label)} {verb} not run" if missing else ""


def _lead_of(others: Sequence[str], ours: str, at: str, label: Label) -> str:
    """Return that others are ahead, as a clause."""
    verb = "is" if len(others) == 1 else "are"
    return f"{listed(others, label)} {verb} ahead of {ours}{at}"


def _sign(difference: Paired) -> tuple[str, str]:
    """Return what is shown of a difference, as a verb phrase for one and for several."""
    if _ahead(difference):
        return "is above 0", "are above 0"
    if _behind(difference):
        return "is below 0", "are below 0"
    return "is not settled", "are not settled"


def _ahead(lead: Paired) -> bool:
    """Whether the interval lies above 0."""
    return lead.low is not None and lead.low > 0


def _behind(lead: Paired) -> bool:
    """Whether the interval lies below 0."""
    return lead.high is not None and lead.high < 0


def _lower(lead: Paired) -> bool:
    """Whether the mean is below 0."""
    return lead.mean is not None and lead.mean < 0
