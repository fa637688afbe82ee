"""Cost of training, from recorded benchmarks and runs, as arguments of figures and tables.

Nothing here imports torch. Times of different devices are never in one column; a cell that was not
measured is blank.
"""

import pandas as pd

from adautomix.errors import RecordError
from adautomix.names import method_title
from adautomix.record import local
from adautomix.record.bench import Bench, benchmarks, recorded
from adautomix.results import paper
from adautomix.results.outcome import Results

PAPER = {"method": "AdAutoMix", "metric": "seconds_per_iteration"}
STEPS = {
    "units": "{:g}",
    "floor": "{:.2f}",
    "counted_floor": "{:.2f}",
    "ratio": "{:.2f}",
    "memory_ratio": "{:.2f}",
}
"""Columns of the table of steps → their number format."""


def latest(suite: str, device: str = "cpu") -> Bench:
    """Return the newest local or recorded benchmark of a suite on a device ("cpu", "cuda").

    Raises:
        RecordError: there is none; the message has the command that makes one.
    """
    pool = [*recorded(suite), *benchmarks(local().root / "bench", suite)]
    found = [bench for bench in pool if bench.device.startswith(f"{device}:")]
    if not found:
        raise RecordError(
            f"no benchmark {suite!r} on {device} is recorded: measure it with "
            f"`python -m adautomix.bench {suite} --device {device}`."
        )
    return max(found, key=lambda bench: bench.provenance["when"])


def against_time(results: Results, predictor: str = "classifier") -> pd.DataFrame:
    """The argument of `figures.accuracy_against_time`, a row a run: minutes, accuracy, device.

    The minutes are those of the record, evaluations included: on a CPU those in which its cores
    worked, whatever ran beside, elsewhere those of the wall. A record without them, or without this
    predictor, has no row.
    """
    rows = []
    for method in results.experiment.methods:
        for run in results.runs(method):
            on_cpu = run.provenance["device"].startswith("cpu:")
            seconds = run.provenance.get("cpu_seconds" if on_cpu else "seconds")
            top1 = run.metric(predictor, "top1_median10")
            if seconds is None or top1 is None:
                continue
            rows.append(
                {
                    "method": method,
                    "seed": run.seed,
                    "minutes": seconds / 60,
                    "accuracy": 100 * top1,
                    "device": run.provenance["device"],
                }
            )
    return pd.DataFrame(rows, columns=["method", "seed", "minutes", "accuracy", "device"])


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


def ratios_by_n(bench: Bench) -> dict[str, pd.Series]:
    """Return the argument of `figures.time_against_n`: ratios of the paper and of a benchmark.

    The paper's are relative to its N = 1, ours to plain training, for the smallest batch.
    """
    printed = paper.select(10, **PAPER).set_index("n")["value"]
    rows = one_batch(bench)
    own = rows[rows["method"] == "adautomix"]
    batch, where = rows["batch"].iloc[0], bench.device.partition(",")[0]
    return {
        "paper, Table 10": printed / printed.loc[1],
        f"measured, {where}, batch {batch}": own.set_index(own["n"].astype(int))["ratio"],
    }


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


def overhead(bench: Bench, method: str = "adautomix") -> float:
    """Return the share of a step's time in generator, mixing, losses and the teacher's average."""
    rows = one_batch(bench)
    share = rows[rows["method"] == method].set_index("part")["share"]
    return float(share.loc[["generator", "mixing and losses", "teacher follows"]].sum())


def _spread(steps: Bench, method: str = "adautomix") -> float:
    """Return the largest relative difference of the ratio between the N of one batch size."""
    ratios = steps.rows[steps.rows["method"] == method].groupby("batch")["ratio"]
    return float((ratios.max() / ratios.min() - 1).max())


def headline(steps: Bench, parts: Bench, variants: Bench) -> dict[str, float | str]:
    """Return values for prose, by name."""
    rows = one_batch(steps)
    own = rows[rows["method"] == "adautomix"].set_index("n")
    printed = paper.select(10, **PAPER).set_index("n")["value"]
    changed = variants.rows[~variants.rows["variant"].isin(["plain", "as is"])]
    best = changed.loc[changed["gain"].idxmax()]
    largest = variants.rows[variants.rows["batch"] == variants.rows["batch"].max()]
    memory = largest.set_index("variant")["memory_mib"]
    late = largest.set_index("variant")["gain"].loc["all gradients at the end"]
    found = {
        "device": steps.device,
        "batch": int(rows["batch"].iloc[0]),
        "ratio": own["ratio"].loc[3],
        "floor": own["floor"].loc[3],
        "counted": own["counted_floor"].loc[3],
        "flattest": 100 * _spread(steps),
        "paper_ratio": printed.loc[3] / printed.loc[1],
        "automix": rows.set_index("method")["ratio"].loc["automix"],
        "overhead": 100 * overhead(parts),
        "best_variant": best["variant"],
        "best_gain": 100 * best["gain"],
        "best_batch": int(best["batch"]),
        "memory_batch": int(largest["batch"].iloc[0]),
        "memory": memory.loc["as is"] / memory.loc["plain"],
        "memory_late": memory.loc["all gradients at the end"] / memory.loc["plain"],
        "late_loss": -100 * late,
    }
    return found


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


def graphs(bench: Bench) -> dict[str, int]:
    """Return the number of methods that were compiled, and of graph breaks in their steps."""
    return {"methods": len(bench.rows), "breaks": int(bench.rows["breaks"].sum())}


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


def one_batch(bench: Bench) -> pd.DataFrame:
    """Return the rows of the smallest batch."""
    return bench.rows[bench.rows["batch"] == bench.rows["batch"].min()]


def _written(values: pd.Series, form: str) -> list[str]:
    """Return numbers as text, blank if missing."""
    return ["" if pd.isna(value) else form.format(value) for value in values]
