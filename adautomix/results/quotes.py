"""The numbers of an experiment that prose quotes, by the names under which it does."""

from collections.abc import Iterable
from statistics import mean

from adautomix.figures.style import slug
from adautomix.results.protocol import Protocol
from adautomix.results.setting_grid import SettingGrid, in_words, mask_summary


def means(found: SettingGrid, methods: Iterable[str]) -> dict[str, float]:
    """The mean of every setting that was run and what was mixed there in the end.

    Returns percent under <row>_<schedule>_<predictor>, and what `mask_summary` has under
    <row>_<schedule>_<its name>.
    """
    cells = {
        f"{slug(method)}_{where.schedule}_{where.predictor}": found.values(method, where)
        for method in methods
        for where in found.settings
    }
    tops = {name: 100 * mean(values.values()) for name, values in cells.items() if values}
    masks = {
        f"{slug(method)}_{schedule}_{name}": value
        for (method, schedule), runs in found.runs.items()
        for name, value in mask_summary(runs).items()
    }
    return tops | masks


def contrasts(found: SettingGrid, protocol: Protocol) -> dict[str, str]:
    """Each contrast of the protocol in words, under <its name>_<schedule>_<predictor>.

    One that no seed has is "not run", and one that a single seed has says so.
    """
    differences = {
        f"{slug(what)}_{where.schedule}_{where.predictor}": found.difference(
            ours, where, theirs, where
        )
        for what, (ours, theirs) in protocol.contrasts.items()
        for where in protocol.decides.settings
    }
    return {
        name: in_words(each) + (" (one seed)" if each.n == 1 else "") if each.n else "not run"
        for name, each in differences.items()
    }
