"""Whether a claim that a method is the best holds in the runs at hand, in words for prose.

A lead counts as shown if the 95 % interval of the difference over paired seeds lies above 0.
"""

from collections.abc import Iterable, Mapping, Sequence

from adautomix.names import method_title
from adautomix.results.compare import Paired

__all__ = ["best", "listed"]


def best(leads: Mapping[str, Sequence[Paired]], method: str = "adautomix", at: str = "") -> str:
    """Return the verdict on the claim that a method is the best, without a full stop.

    It is "holds" if every lead is shown, "does not hold" if another method is shown to be ahead,
    "holds in part" if the leads over some methods are shown, else "cannot be told"; all at this
    scale, and with the reason.

    Args:
        leads: other method → the method's lead over it, positive where the method is better; one
            for each measure that the claim is about. A lead may have no runs.
        method: the method of the claim.
        at: for several measures, where one of them may differ, as " at some share".
    """
    ours = method_title(method)
    there = [lead for each in leads.values() for lead in each if lead.n]
    if not there:
        return "cannot be told, as no run is recorded"
    shown = [other for other, each in leads.items() if each and all(map(_ahead, each))]
    lost = [other for other, each in leads.items() if any(map(_behind, each))]
    over = f"over {max(lead.n for lead in there)} paired seeds"
    if lost:
        return f"does not hold at this scale: {_lead_of(lost, ours, at)}, shown {over}"
    if len(shown) == len(leads):
        return f"holds at this scale: {ours} is ahead of all others, shown {over}"
    if shown:
        return f"holds in part at this scale: a lead is shown {over}, but only over {listed(shown)}"
    single = all(lead.n == 1 for lead in there)
    reason = "one seed of each method" if single else f"intervals {over} contain 0"
    ahead = [other for other, each in leads.items() if any(map(_lower, each))]
    means = "" if single else "by the means "
    leading = _lead_of(ahead, ours, at) if ahead else f"{ours} is ahead of all others"
    return f"cannot be told at this scale ({reason}); {means}{leading}"


def listed(methods: Iterable[str]) -> str:
    """Return the displayed names of methods, joined by commas and "and"."""
    *first, last = map(method_title, methods)
    return f"{', '.join(first)} and {last}" if first else last


def _lead_of(others: Sequence[str], ours: str, at: str) -> str:
    """Return that others are ahead, as a clause."""
    return f"{listed(others)} {'is' if len(others) == 1 else 'are'} ahead of {ours}{at}"


def _ahead(lead: Paired) -> bool:
    """Whether the interval lies above 0."""
    return lead.low is not None and lead.low > 0


def _behind(lead: Paired) -> bool:
    """Whether the interval lies below 0."""
    return lead.high is not None and lead.high < 0


def _lower(lead: Paired) -> bool:
    """Whether the mean is below 0."""
    return lead.mean is not None and lead.mean < 0
