"""The numbers of an experiment that prose quotes, by the names under which it does.

The names are short, since a page puts its own prefix before them: a predictor is its first letter,
"c" for the classifier and "t" for the teacher.
"""

from collections.abc import Iterable
from statistics import mean

from adautomix.figures.style import slug
from adautomix.results.protocol import Protocol, Setting
from adautomix.results.setting_grid import SettingGrid, in_words, mask_summary


def means(found: SettingGrid, methods: Iterable[str]) -> dict[str, float]:
    """The mean of every setting that was run and what was mixed there in the end.

    Returns percent under <row>_<schedule>_<c or t>, and the numbers of `mask_summary` under
    <row>_<schedule>_<peak, gap or loss>. A variant is called by what follows the comma of its name.
    """
    cells = {
        f"{_short(method)}_{_setting(where)}": found.values(method, where)
        for method in methods
        for where in found.settings
    }
    tops = {name: 100 * mean(values.values()) for name, values in cells.items() if values}
    masks = {
        f"{_short(method)}_{schedule}_{name.rpartition('_')[2]}": value
        for (method, schedule), runs in found.runs.items()
        for name, value in mask_summary(runs).items()
    }
    return tops | masks


def contrasts(found: SettingGrid, protocol: Protocol) -> dict[str, str]:
    """Each contrast of the protocol in words, under <row>_vs_<row>_<schedule>_<c or t>.

    One that no seed has is "not run", and one that a single seed has says so.
    """
    differences = {
        f"{_short(ours)}_vs_{_short(theirs)}_{_setting(where)}": found.difference(
            ours, where, theirs, where
        )
        for ours, theirs in protocol.contrasts.values()
        for where in protocol.decides.settings
    }
    return {
        name: in_words(each) + (" (one seed)" if each.n == 1 else "") if each.n else "not run"
        for name, each in differences.items()
    }


def _short(row: str) -> str:
    """A row in a name: "AutoMix, constant masks" is constant_masks."""
    return slug(row.rpartition(", ")[2])


def _setting(where: Setting) -> str:
    """A setting in a name: (floor, teacher) is floor_t."""
    return f"{where.schedule}_{where.predictor[0]}"
