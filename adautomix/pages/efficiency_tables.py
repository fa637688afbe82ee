"""Cost of training as tables of text, from recorded benchmarks and runs.

Nothing here imports torch. Times of different devices are never in one column; a cell that was not
measured is blank.
"""

from collections.abc import Mapping

import pandas as pd

from adautomix.figures import Table
from adautomix.names import method_title
from adautomix.pages.efficiency import PAPER, one_batch, shown_budgets
from adautomix.record.bench import Bench
from adautomix.results import paper

STEPS = {
    "units": "{:g}",
    "floor": "{:.2f}",
    "counted_floor": "{:.2f}",
    "ratio": "{:.2f}",
    "memory_ratio": "{:.2f}",
}
"""Columns of the table of steps → their number format."""


def tables(benches: Mapping[str, Bench]) -> dict[str, Table]:
    """Return the tables of the benchmarks by name."""
    steps, variants, compiled, rules, builds = (
        benches[suite] for suite in ("steps", "variants", "compiled", "rules", "builds")
    )
    cost = f"What a step costs beside plain training ({steps.device})."
    seconds = "Seconds of an iteration by N: the paper's Table 10, and measured; N = 1 is plain."
    changes = f"Changes of AdAutoMix's step ({variants.device}); a negative gain is a loss."
    graph = f"What torch.compile makes of a step ({compiled.device})."
    rule = f"Time of a mixing rule on one batch ({rules.device})."
    earlier = f"Steps of an earlier build and of this one, in turn ({builds.device})."
    found = {
        "builds": (builds_table(builds), earlier),
        "steps": (steps_table(steps), cost),
        "n": (table_10(steps), seconds),
        "variants": (variants_table(variants), changes),
        "compiled": (compiled_table(compiled), graph),
        "rules": (rules_table(rules), rule),
    }
    return {name: Table(*each, f"tab:efficiency-{name}") for name, each in found.items()}


def steps_table(bench: Bench) -> pd.DataFrame:
    """Return the table of the suite `steps` as text: passes, lower bounds, ratios and memory."""
    frame = bench.rows
    table = pd.DataFrame(
        {
            "method": [method_title(method) for method in frame["method"]],
            "N": _written(frame["n"], "{:g}"),
            "batch": _written(frame["batch"], "{:g}"),
            "ms a step": _written(1000 * frame["seconds"], "{:.0f}"),
        }
    )
    for column, form in STEPS.items():
        table[column.replace("_", " ")] = _written(frame[column], form)
    return table


def table_10(bench: Bench) -> pd.DataFrame:
    """Return the paper's and the measured seconds by N, with their ratios to plain training."""
    printed = paper.select(10, **PAPER).set_index("n")["value"]
    rows = one_batch(bench)
    own = rows[rows["method"] == "adautomix"].set_index("n")
    plain = rows[rows["method"] == "plain"].set_index(pd.Index([1]))
    ours = pd.concat([plain, own])
    ns = pd.Index(sorted({*printed.index, *ours.index}))
    columns = {
        "paper: s": (printed, "{:.4f}"),
        "paper: ratio": (printed / printed.loc[1], "{:.2f}"),
        "measured: s": (ours["seconds"], "{:.3f}"),
        "measured: ratio": (ours["ratio"], "{:.2f}"),
        "floor": (ours["floor"], "{:.2f}"),
    }
    table = {"N": [f"{n:g}" for n in ns]}
    for heading, (values, form) in columns.items():
        table[heading] = _written(values.reindex(ns), form)
    return pd.DataFrame(table)


def variants_table(bench: Bench) -> pd.DataFrame:
    """Return the table of the suite `variants` as text."""
    rows = bench.rows[bench.rows["variant"] != "plain"]
    return pd.DataFrame(
        {
            "step": rows["variant"],
            "batch": _written(rows["batch"], "{:g}"),
            "plain = 1": _written(rows["ratio"], "{:.2f}"),
            "gain (%)": _written(100 * rows["gain"], "{:.1f}"),
            "memory (MiB)": _written(rows["memory_mib"], "{:.0f}"),
        }
    )


def compiled_table(bench: Bench) -> pd.DataFrame:
    """Return the table of the suite `compiled` as text, for the methods that were timed."""
    rows = bench.rows[bench.rows["seconds"].notna()]
    return pd.DataFrame(
        {
            "method": [method_title(method) for method in rows["method"]],
            "first step (s)": _written(rows["first_step_seconds"], "{:.0f}"),
            "step (s)": _written(rows["seconds"], "{:.2f}"),
            "step, not compiled (s)": _written(rows["eager_seconds"], "{:.2f}"),
            "faster by": _written(rows["speed_up"], "{:.2f}×"),
        }
    )


def builds_table(bench: Bench) -> pd.DataFrame:
    """Return the table of the suite `builds` as text."""
    rows = bench.rows
    return pd.DataFrame(
        {
            "method": [method_title(method) for method in rows["method"]],
            "N": _written(rows["n"], "{:g}"),
            "batch": _written(rows["batch"], "{:g}"),
            "before (ms)": _written(1000 * rows["seconds_before"], "{:.4g}"),
            "now (ms)": _written(1000 * rows["seconds"], "{:.4g}"),
            "faster by": _written(rows["speed_up"], "{:.2f}×"),
        }
    )


def rules_table(bench: Bench) -> pd.DataFrame:
    """Return the time of every mixing rule in milliseconds and in copies of its batch, as text."""
    rows = bench.rows[bench.rows["rule"] != "copy"]
    return pd.DataFrame(
        {
            "rule": [method_title(rule) for rule in rows["rule"]],
            "batch": [f"{b}×3×{s}×{s}" for b, s in zip(rows["batch"], rows["side"], strict=True)],
            "ms": _written(1000 * rows["seconds"], "{:.2f}"),
            "copies": _written(rows["copies"], "{:.1f}"),
            "ms an image": _written(1000 * rows["seconds_per_image"].astype(float), "{:.2f}"),
        }
    )


def minutes(runs: pd.DataFrame, budget: str) -> dict[str, str | Table]:
    """Return the table of training times, and the budget of the runs on CIFAR-100 for prose."""
    return {"minutes": minutes_table(runs), "images_budget": shown_budgets(budget)[1]}


def minutes_table(runs: pd.DataFrame) -> Table:
    """Return `by_method` with its caption."""
    caption = (
        "Minutes of training and test accuracy of the classifier on PhotoDigits, means over runs."
    )
    return Table(by_method(runs), caption, "tab:efficiency-minutes")


def by_method(runs: pd.DataFrame) -> pd.DataFrame:
    """Summarise `against_time` as text: runs, mean minutes and accuracy by method and device."""
    rows = [
        {
            "method": method_title(str(method)),
            "device": device,
            "runs": str(len(each)),
            "minutes": f"{each['minutes'].mean():.1f}",
            "accuracy (%)": f"{each['accuracy'].mean():.1f}",
        }
        for (method, device), each in runs.groupby(["method", "device"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["method", "device", "runs", "minutes", "accuracy (%)"])


def _written(values: pd.Series, form: str) -> list[str]:
    """Return numbers as text, blank if missing."""
    return ["" if pd.isna(value) else form.format(value) for value in values]
