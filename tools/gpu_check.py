"""What is to be measured on a GPU, in one go: `PYTHONPATH=. python tools/gpu_check.py`.

First the tests of a GPU, then the time of a step of five methods, eager and captured, with the
share of it in which the GPU works, and then, in what is left, recorded runs in the order of the
reporting experiment. Each part ends before its time is over, and what it found is kept in --out.
`--tiny` tries all of it on a processor.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from adautomix.bench.case import Case, Trial
from adautomix.bench.clock import interleaved
from adautomix.device import Numerics, decide
from adautomix.models import Net

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("plain", "mixup", "cutmix", "automix", "adautomix")
RUNS_FROM = 120.0
"""Seconds that have to be left for runs to be begun."""
Row = dict[str, Any]


def tests(seconds: float, tiny: bool) -> Row:
    """Run the tests of a GPU; on a processor, one file of the others."""
    what = ["tests/train/test_progress.py"] if tiny else ["-m", "gpu and not slow", "tests"]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *what]
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"tests": f"stopped after {seconds:.0f} s"}
    return {"tests": done.returncode, "seconds": round(time.monotonic() - started, 1)}


def trials(method: str, *, tiny: bool, compiled: bool) -> dict[str, Trial]:
    """Return the trainings whose steps are compared, by what is done."""
    device = "cpu" if tiny else "cuda"
    case = Case(method, batch=100)
    if tiny:
        case = Case(method, batch=4, side=8, net=Net("resnet18", width=8))
    ways = {"eager": {"capture": False}, "captured": {}}
    if compiled:
        ways["compiled"] = {"compile": True}
    return {way: Trial(case, decide(device, **options)) for way, options in ways.items()}


def stepper(trial: Trial) -> Callable[[], object]:
    """Return a function that takes a step; its epochs have no end, at which the host would wait."""

    def batches() -> Iterator[Any]:
        while True:
            yield from trial.batches.epoch(0)

    source = batches()
    return lambda: trial.training.update(next(source))


def work(step: Callable[[], object], numerics: Numerics, count: int) -> float | None:
    """Return the seconds in which the GPU computes a step; None on a processor."""
    if numerics.device == "cpu":
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(count):
            step()
        numerics.wait()
    return sum(each.self_device_time_total for each in seen.key_averages()) / count / 1e6


def steps(method: str, *, tiny: bool, compiled: bool) -> list[Row]:
    """Return a row for each way: milliseconds of a step and of the GPU's work, and memory."""
    made = trials(method, tiny=tiny, compiled=compiled)
    tasks = {way: stepper(trial) for way, trial in made.items()}
    rounds, burst = (2, 2) if tiny else (5, 20)
    for way, task in tasks.items():
        started = time.monotonic()
        task()
        made[way].numerics.wait()
        print(f"  {method} {way}: first step {time.monotonic() - started:.1f} s", flush=True)
    numerics = made["eager"].numerics
    times = interleaved(tasks, rounds, numerics=numerics, burst=burst)
    rows = []
    for way, task in tasks.items():
        seconds, computed = times.median(way), work(task, numerics, burst)
        row = {"method": method, "way": way, "ms": round(1e3 * seconds, 3)}
        row["times_eager"] = round(times.ratio("eager", to=way), 2)
        row["gpu_ms"] = None if computed is None else round(1e3 * computed, 3)
        row["busy"] = None if computed is None else round(min(1.0, computed / seconds), 3)
        row["updates"] = made[way].training.way
        rows.append(row)
        print("  " + json.dumps(row, ensure_ascii=False), flush=True)
    return rows


def runs(seconds: float, options: argparse.Namespace) -> Row:
    """Make the runs of the reporting experiment, as many as end in time; with --tiny, others."""
    what = ("photodigits", "smoke") if options.tiny else ("reporting", "short")
    command = [sys.executable, "-m", "adautomix", "experiment", "run", what[0]]
    command += ["--budget", what[1], "--time-limit", f"{seconds:.0f}s"]
    command += ["--runs", str(options.out / "runs")]
    command += ["--data", str(options.data)] if options.data else []
    command += ["--device", "cpu"] if options.tiny else []
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=seconds + 30, check=False)
    except subprocess.TimeoutExpired:
        return {"runs": "stopped"}
    return {"runs": done.returncode}


def main() -> None:
    """Do the three parts, one after the other, within the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="for everything")
    parser.add_argument("--out", type=Path, default=Path("gpu_check"), help="folder of the results")
    parser.add_argument("--data", type=Path, help="folder or .npz of CIFAR-100")
    parser.add_argument("--no-compile", action="store_true", help="compile no step")
    parser.add_argument("--tiny", action="store_true", help="on a processor, to try the script")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    found: dict[str, Any] = {"torch": torch.__version__}
    found["device"] = "cpu" if options.tiny else torch.cuda.get_device_name()

    def left() -> float:
        return 60 * options.minutes - (time.monotonic() - started) - 20

    def keep(name: str, value: Any) -> None:
        found[name] = value
        text = json.dumps(found, indent=1, ensure_ascii=False)
        (options.out / "found.json").write_text(text + "\n", encoding="utf-8")

    keep("tests", tests(0.4 * left(), options.tiny))
    rows: list[Row] = []
    for method in METHODS:
        if left() < RUNS_FROM and not options.tiny:
            break
        compiled = method == "plain" and not (options.tiny or options.no_compile)
        try:
            rows += steps(method, tiny=options.tiny, compiled=compiled)
        except Exception as error:  # the other parts are worth having all the same
            rows.append({"method": method, "error": f"{type(error).__name__}: {error}"[:500]})
            print(f"  {rows[-1]}", flush=True)
        keep("steps", rows)
    if left() > RUNS_FROM or options.tiny:
        torch.cuda.empty_cache()
        keep("runs", runs(left(), options))
    print(json.dumps(found, indent=1, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
