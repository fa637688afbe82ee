"""The same runs in bf16 and in float32 on a processor: accuracy and cost.

`data/bf16` has runs of recipes whose float32 runs are in `data/runs`, under the same ids. Nothing
here imports torch.
"""

import math
from statistics import median

import pandas as pd

from adautomix.figures import Table
from adautomix.pages.notebook import Glued
from adautomix.record import Run, recorded
from adautomix.results import compare

METRIC = "top1_median10"
PREDICTORS = ("classifier", "teacher")
MOVED = 0.005
"""Largest difference in accuracy, as a fraction, that counts as none."""
Pair = tuple[Run, Run]


def pairs() -> list[Pair]:
    """Return the recorded runs that exist in float32 and in bf16, by seed."""
    both = [(recorded().find(run.id), run) for run in recorded("bf16").all()]
    return sorted(((a, b) for a, b in both if a is not None), key=lambda pair: pair[0].seed)


def shown() -> dict[str, Glued]:
    """Return `numbers` and `table` of all pairs for a page; each name begins with "bf16"."""
    found = pairs()
    values: dict[str, Glued] = {f"bf16_{name}": value for name, value in numbers(found).items()}
    return values | {"bf16": table(found)}


def numbers(found: list[Pair]) -> dict[str, float | int | str]:
    """Return the difference in accuracy, bf16 less float32, in points, and the gain, for prose.

    `gain` is the median of the quotients of the processor's seconds, of pairs where both have them;
    not a number without any.
    """
    wide, narrow = zip(*found, strict=True)
    values: dict[str, float | int | str] = {"seeds": len(found)}
    for predictor in PREDICTORS:
        lead = compare.paired(narrow, wide, predictor, METRIC)
        values |= {predictor: 100 * (lead.mean or 0.0), f"{predictor}_interval": _interval(lead)}
        values[f"{predictor}_verdict"] = _verdict(lead)
    gains = _gains(found)
    return values | {"gain": median(gains) if gains else math.nan}


def table(found: list[Pair]) -> Table:
    """Return accuracies and minutes of one core of each pair as text, blank if not recorded."""
    rows = []
    for wide, narrow in found:
        row = {"seed": str(wide.seed)}
        for predictor in PREDICTORS:
            for run, name in ((wide, "float32"), (narrow, "bf16")):
                row[f"{predictor}, {name} (%)"] = _text(run.metric(predictor, METRIC), 100.0, 2)
        for run, name in ((wide, "float32"), (narrow, "bf16")):
            row[f"minutes, {name}"] = _text(run.provenance.get("cpu_seconds"), 1 / 60, 1)
        rows.append(row)
    caption = (
        "AdAutoMix on PhotoDigits in float32 and in bf16: test accuracy, median of the last ten "
        "epochs, and minutes of one core."
    )
    return Table(pd.DataFrame(rows), caption, "tab:efficiency-precision")


def _gains(found: list[Pair]) -> list[float]:
    seconds = [[run.provenance.get("cpu_seconds") for run in pair] for pair in found]
    return [wide / narrow for wide, narrow in seconds if wide and narrow]


def _interval(lead: compare.Paired) -> str:
    if lead.low is None or lead.high is None:
        return "no interval"
    return f"{100 * lead.low:+.2f} to {100 * lead.high:+.2f}"


def _verdict(lead: compare.Paired) -> str:
    """Return whether accuracy stays within `MOVED`, half a point, by the interval."""
    if lead.low is None or lead.high is None:
        return "cannot be told to stay within half a point"
    if max(abs(lead.low), abs(lead.high)) <= MOVED:
        return "stays within half a point"
    apart = lead.low > 0 or lead.high < 0
    return "differs" if apart else "cannot be told to stay within half a point"


def _text(value: float | None, scale: float, digits: int) -> str:
    return "" if value is None else f"{scale * value:.{digits}f}"
