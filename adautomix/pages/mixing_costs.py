"""What a mixing rule and a training step cost, from recorded benchmarks, as tables of a page."""

import pandas as pd

from adautomix.figures import Table
from adautomix.methods import METHODS
from adautomix.names import method_title, title_of
from adautomix.record import bench


def rule_costs(batch: int = 128, side: int = 32) -> Table:
    """Return the table of the recorded time of each rule beside that of a copy of the batch."""
    rows, _ = _measured("rules")
    rows = [row for row in rows if (row["batch"], row["side"]) == (batch, side)]
    shown = [
        {
            "rule": "a copy of the batch" if row["rule"] == "copy" else title_of(row["rule"]),
            "milliseconds": f"{1000 * row['seconds']:.2f}",
            "copies of the batch": f"{row['copies']:.1f}",
        }
        for row in rows
    ]
    frame = pd.DataFrame(shown, columns=["rule", "milliseconds", "copies of the batch"])
    caption = "Time of each mixing rule, as recorded by `python -m adautomix.bench rules`."
    return Table(frame, caption, "tab:rule-costs")


def step_costs() -> Table:
    """Return the table of the network passes of a step, and of its measured time.

    Both are multiples of plain training. The time is blank if it was not recorded, by
    `python -m adautomix.bench methods`.
    """
    rows, _ = _measured("methods")
    ratios = {row["method"]: f"{row['ratio']:.2f}" for row in rows}
    plain = METHODS["plain"].passes
    shown = [
        {
            "method": method_title(name),
            "network passes": f"{config.passes:g}",
            "of plain training": f"{config.passes / plain:.2f}",
            "measured": ratios.get(name, ""),
        }
        for name, config in METHODS.items()
    ]
    caption = "Network passes of a step and the recorded time, both as multiples of plain training."
    return Table(pd.DataFrame(shown), caption, "tab:step-costs")


def numbers() -> dict[str, str]:
    """Return the processors on which rules and steps were measured, for prose."""
    return {"rules_device": _measured("rules")[1], "steps_device": _measured("methods")[1]}


def tables() -> dict[str, Table]:
    """Return the tables of rules and of steps."""
    return {"rules": rule_costs(), "steps": step_costs()}


def _measured(suite: str) -> tuple[list[dict], str]:
    """Return the rows of a recorded benchmark on a CPU, and the device; no rows if none exists."""
    for found in bench.recorded(suite):
        if found.device.startswith("cpu"):
            rows = found.rows.astype(object).where(found.rows.notna(), None)
            return rows.to_dict("records"), found.device
    return [], "no device yet"
