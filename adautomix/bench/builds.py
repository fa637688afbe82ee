"""Suite `builds`: steps of this build beside those of an earlier one, on one machine.

Two builds cannot share a process, so each measures in processes of its own (its suite `steps`), in
turn: a disturbance that lasts longer than a turn affects both. `speed_up` is the median over turns
of the earlier build's seconds divided by this one's.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

import adautomix
from adautomix.bench.options import BenchOptions, Row
from adautomix.errors import AdAutoMixError, InputError
from adautomix.record.bench import Bench, benchmarks

TURNS = 3
"""Turns of the two builds; each measures in a process of its own."""
OWN = Path(adautomix.__file__).resolve().parents[1]
KEYS = ["method", "batch", "n"]


def builds(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each batch and method, with the seconds of both builds.

    Raises:
        InputError: there is no earlier build at `options.against`, or none is named.
        AdAutoMixError: one of the builds fails.
    """
    earlier = _tree(options.against)
    turns = [
        (_measured(earlier, options), _measured(OWN, options))
        for _ in tqdm(range(TURNS), unit="turn", leave=False, disable=None)
    ]
    before, after = turns[-1]
    for _, row in after.rows.iterrows():
        case = {key: _plain(row[key]) for key in KEYS}
        seconds = [(_seconds(then, case), _seconds(now, case)) for then, now in turns]
        yield {
            **case,
            "commit_before": before.provenance["commit"],
            "seconds_before": median(then for then, _ in seconds),
            "seconds": median(now for _, now in seconds),
            "speed_up": median(then / now for then, now in seconds),
        }


def _tree(path: Path | None) -> Path:
    """Return the source tree of an earlier build."""
    if path is None:
        raise InputError(
            "builds compares with an earlier build: name its source tree by --against PATH; "
            "`git worktree add PATH COMMIT` makes one."
        )
    if not (path / "adautomix" / "bench" / "steps.py").is_file():
        raise InputError(f"{path} is no source tree of adautomix with the benchmark `steps`.")
    return path.resolve()


def _measured(tree: Path, options: BenchOptions) -> Bench:
    """Return the suite `steps` as the build of a source tree measures it."""
    words = {
        "--methods": options.methods or ("plain",),
        "--batch": options.batches,
        "--repeats": [max(1, options.repeats // TURNS)],
        "--device": [options.numerics.device],
        "--precision": [options.numerics.precision],
        "--threads": [torch.get_num_threads()],
    }
    asked = [str(word) for flag, values in words.items() for word in (flag, *values)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "adautomix.bench", "steps", *asked, "--to", folder]
        command += ["--tiny"] if options.tiny else []
        environment = os.environ | {"PYTHONPATH": str(tree)}
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
            raise AdAutoMixError(f"the build in {tree} measured nothing: {last}")
        (bench,) = benchmarks(Path(folder))
    return bench


def _seconds(bench: Bench, case: Row) -> float:
    """Return the seconds of a step of one method and batch."""
    rows = bench.rows
    for key, value in case.items():
        rows = rows[rows[key].isna() if value is None else rows[key] == value]
    if len(rows) != 1:
        raise AdAutoMixError(f"the builds do not measure the same steps: {case} is in one of them.")
    return float(rows["seconds"].iloc[0])


def _plain(value: Any) -> str | int | None:
    """Return a cell as JSON has it: None where it is missing."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else int(value)
