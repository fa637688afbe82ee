"""The numbers of a protocol that prose quotes, by the names under which it does."""

from collections.abc import Iterable
from statistics import mean

from adautomix.figures.style import slug
from adautomix.results.comparison.plan import Protocol
from adautomix.results.comparison.treatments import Treatments, in_words, painted


def means(found: Treatments, methods: Iterable[str]) -> dict[str, float]:
    """The mean of every cell that was run and what was painted there in the end.

    Returns percent under <row>_<schedule>_<predictor>, and what `painted` has under
    <row>_<schedule>_<its name>.
    """
    cells = {
        f"{slug(method)}_{where.schedule}_{where.predictor}": found.values(method, where)
        for method in methods
        for where in found.cells
    }
    tops = {name: 100 * mean(values.values()) for name, values in cells.items() if values}
    masks = {
        f"{slug(method)}_{schedule}_{name}": value
        for (method, schedule), runs in found.runs.items()
        for name, value in painted(runs).items()
    }
    return tops | masks


def contrasts(found: Treatments, protocol: Protocol) -> dict[str, str]:
    """Each contrast of the protocol in words, under <its name>_<schedule>_<predictor>.

    One that no seed has is "not run", and one that a single seed has says so.
    """
    differences = {
        f"{slug(what)}_{where.schedule}_{where.predictor}": found.difference(
            ours, where, theirs, where
        )
        for what, (ours, theirs) in protocol.contrasts.items()
        for where in protocol.decides.alike
    }
    return {
        name: in_words(each) + (" (one seed)" if each.n == 1 else "") if each.n else "not run"
        for name, each in differences.items()
    }
