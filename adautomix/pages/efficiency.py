"""Cost of training, from recorded benchmarks and runs: arguments of figures, numbers of prose.

Nothing here imports torch. Times of different devices are never in one column; a cell that was not
measured is blank.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.errors import RecordError
from adautomix.record import local
from adautomix.record.bench import Bench, benchmarks, recorded
from adautomix.results import experiments, paper
from adautomix.results.outcome import Results

PAPER = {"method": "AdAutoMix", "metric": "seconds_per_iteration"}
SUITES = ("steps", "parts", "growth", "variants", "compiled", "rules", "builds")
"""Suites of benchmarks that the page shows."""


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


def newest(device: str = "cpu") -> dict[str, Bench]:
    """Return `latest` of every suite of the page; RecordError if one is missing.

    `python -m adautomix.bench all` leaves out `builds`, which needs an earlier build: where the
    device has none, that of the CPU is shown.
    """
    needed = {suite: latest(suite, device) for suite in SUITES if suite != "builds"}
    try:
        return {**needed, "builds": latest("builds", device)}
    except RecordError:
        return {**needed, "builds": latest("builds")}


def shown_budgets(budget: str) -> tuple[str, str]:
    """Return the budgets of the runs shown on PhotoDigits and on CIFAR-100.

    PhotoDigits has "smoke" and "quick", and CIFAR-100 the larger ones; where a budget is none of
    them, the nearest stands for it.
    """
    embedded = budget in ("smoke", "quick")
    return (budget, "lite") if embedded else ("quick", budget)


def timed_runs(budget: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `against_time` of the runs that are there on PhotoDigits and on CIFAR-100."""
    found = (experiments.obtain("evaluations", budget=b, run=False) for b in shown_budgets(budget))
    digits, natural = map(against_time, found)
    return digits, natural


def time_figure(runs: pd.DataFrame) -> Figure:
    """Return the figure of `against_time`; a blank one without a run."""
    return figures.accuracy_against_time(runs) if len(runs) else figures.blank("no timed run")


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


def overhead(bench: Bench, method: str = "adautomix") -> float:
    """Return the share of a step's time in generator, mixing, losses and the teacher's average."""
    rows = one_batch(bench)
    share = rows[rows["method"] == method].set_index("part")["share"]
    return float(share.loc[["generator", "mixing and losses", "teacher follows"]].sum())


def _spread(steps: Bench, method: str = "adautomix") -> float:
    """Return the largest relative difference of the ratio between the N of one batch size."""
    ratios = steps.rows[steps.rows["method"] == method].groupby("batch")["ratio"]
    return float((ratios.max() / ratios.min() - 1).max())


def headline(benches: Mapping[str, Bench]) -> dict[str, float | int | str]:
    """Return values for prose, by name, from the benchmarks of `newest`."""
    steps, parts, variants = (benches[suite] for suite in ("steps", "parts", "variants"))
    rows = one_batch(steps)
    own = rows[rows["method"] == "adautomix"].set_index("n")
    printed = paper.select(10, **PAPER).set_index("n")["value"]
    changed = variants.rows[~variants.rows["variant"].isin(["plain", "as is"])]
    best = changed.loc[changed["gain"].idxmax()]
    largest = variants.rows[variants.rows["batch"] == variants.rows["batch"].max()]
    memory = largest.set_index("variant")["memory_mib"]
    late = largest.set_index("variant")["gain"].loc["all gradients at the end"]
    return {
        **graphs(benches["compiled"]),
        "earlier": earlier(benches["builds"]),
        "verdict": verdict(steps),
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


def verdict(steps: Bench) -> str:
    """Return whether a step costs what Table 10 says, as a multiple of plain training, or less.

    Of each N that the paper and the benchmark have; without a full stop.
    """
    ratios = pd.DataFrame(list(ratios_by_n(steps).values()), index=["paper", "ours"]).dropna(axis=1)
    above = ratios.loc["ours"] > ratios.loc["paper"]
    growth = ratios[ratios.columns.max()] / ratios[ratios.columns.min()]
    word = {0: "holds", len(above): "does not hold"}.get(int(above.sum()), "holds in part")
    less = "less" if growth["ours"] < growth["paper"] else "no less"
    where = f"N = {', '.join(map(str, above.index[above]))}" if above.any() else "no N"
    return (
        f"{word} on this device: the measured ratio is above the paper's at {where}, and it "
        f"grows {less} with N"
    )


def graphs(bench: Bench) -> dict[str, int]:
    """Return the number of methods that were compiled, and of graph breaks in their steps."""
    return {"methods": len(bench.rows), "breaks": int(bench.rows["breaks"].sum())}


def one_batch(bench: Bench) -> pd.DataFrame:
    """Return the rows of the smallest batch."""
    return bench.rows[bench.rows["batch"] == bench.rows["batch"].min()]


def earlier(bench: Bench) -> str:
    """Return the build that the suite `builds` compares with, in words."""
    commit = bench.rows["commit_before"].iloc[0]
    return f"commit {commit[:7]}" if commit else "an earlier build"
