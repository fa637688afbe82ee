"""Command line of the benchmarks, `python -m adautomix.bench SUITE`."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from adautomix.cli.commands import path, seconds
from adautomix.cli.main import Parser, run
from adautomix.errors import AdAutoMixError, InputError, unknown
from adautomix.record import bench, local, provenance
from adautomix.train.timer import Timer

if TYPE_CHECKING:
    from adautomix.bench.options import BenchOptions, Row

SUITES = {
    "steps": "every method beside plain training: units, floor, measured ratio, memory",
    "methods": "every method at a batch of 64, as the suite steps has them",
    "growth": "time and memory of a step as N, batch, images and classes grow",
    "parts": "where the time of a step goes",
    "variants": "what changes of AdAutoMix's step would gain",
    "compiled": "graph breaks, compile time and gain of torch.compile",
    "recipes": "three steps of each recipe of Tables 1 to 3 as it is trained",
    "rules": "mixing rules beside a plain copy of the batch",
    "models": "which of timm's families train with AdAutoMix, at what image size",
    "loading": "images per second from JPEG files, beside torchvision's loader",
    "builds": "steps beside those of an earlier build (--against)",
    "device": "large matrix products, and the share of their speed that a step reaches",
    "all": "all but builds, one after the other; one that fails does not stop the others",
}
TINY = ("cifar100/resnet18/adautomix",)
"""What the suite recipes measures with `--tiny`."""
ALL = [name for name in SUITES if name not in ("all", "builds")]
LIMIT = 75.0
"""Seconds for the rounds of a suite on a GPU: with memory and the rest it ends in two minutes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return run(parser, arguments)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = Parser(
        prog="python -m adautomix.bench",
        description="Measure what training costs; print a table and write a record.",
        epilog="Suites: " + "; ".join(f"{name}: {what}" for name, what in SUITES.items()) + ".",
    )
    top.add_argument("suite", metavar="SUITE", help=f"one of {', '.join(SUITES)}")
    top.add_argument(
        "--methods",
        metavar="METHOD",
        nargs="+",
        default=["mixup", "cutmix", "automix", "adautomix"],
        help="what is set beside plain training",
    )
    top.add_argument(
        "--batch", metavar="B", type=int, nargs="+", default=[32, 100], help="images a step"
    )
    top.add_argument(
        "--recipes",
        metavar="RECIPE",
        nargs="+",
        default=[],
        help="of the suite recipes (default: AdAutoMix's for every network of the tables)",
    )
    top.add_argument(
        "--whole", action="store_true", help="recipes: whole batches, however long a step is"
    )
    top.add_argument("--repeats", type=int, default=20, help="rounds of which the median is taken")
    top.add_argument(
        "--limit",
        metavar="TIME",
        help=f"for the rounds of a suite, e.g. 3m (default: {LIMIT:.0f}s on a GPU, none on a CPU)",
    )
    top.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    top.add_argument("--precision", default="auto", help="auto, fp32, bf16")
    top.add_argument("--threads", type=int, help="of the processor (default: torch's choice)")
    top.add_argument(
        "--photos", metavar="PATH", type=path, help="photographs for loading (default: noise)"
    )
    top.add_argument(
        "--against", metavar="PATH", type=path, help="source tree of an earlier build, for builds"
    )
    top.add_argument(
        "--tiny", action="store_true", help="sizes that take seconds, to try the command"
    )
    top.add_argument(
        "--to", metavar="PATH", type=path, help="folder of the records (default: runs/bench)"
    )
    top.set_defaults(command=measure)
    return top


def measure(options: argparse.Namespace) -> None:
    """Run one suite, or all of them; with "all", a failing suite does not stop the others."""
    if options.suite not in SUITES:
        raise unknown("suite", options.suite, SUITES)
    bench_options = _options(options)
    folder = options.to or local().root / "bench"
    failed = []
    for suite in ALL if options.suite == "all" else [options.suite]:
        try:
            print(_run(suite, bench_options, folder), flush=True)
        except Exception as error:
            if options.suite != "all":
                raise
            failed.append(f"{suite} ({next(iter(str(error).splitlines()), repr(error))})")
    if failed:
        raise AdAutoMixError(f"these suites failed, the others are recorded: {', '.join(failed)}.")


def _options(options: argparse.Namespace) -> "BenchOptions":
    """Return the benchmark options of a command line; torch is imported here."""
    import torch

    from adautomix import recipes
    from adautomix.bench.options import BenchOptions
    from adautomix.device import decide
    from adautomix.methods import METHODS
    from adautomix.models import Net

    for method in options.methods:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    if options.repeats < 1 or min(options.batch) < 2:
        raise InputError("a benchmark needs 1 or more repeats and batches of 2 or more images.")
    if options.threads is not None:
        if options.threads < 1:
            raise InputError(f"threads must be 1 or more, not {options.threads}.")
        torch.set_num_threads(options.threads)
    methods = tuple(dict.fromkeys(name for name in options.methods if name != "plain"))
    numerics = decide(options.device, options.precision)
    for name in options.recipes:
        recipes.get(name)  # raises InputError for an unknown one
    limit = LIMIT if torch.device(numerics.device).type == "cuda" else None
    shared = BenchOptions(
        numerics,
        options.repeats,
        methods,
        tuple(options.batch),
        photos=options.photos,
        against=options.against,
        recipes=tuple(options.recipes),
        whole=options.whole,
        limit=limit if options.limit is None else seconds(options.limit),
    )
    if not options.tiny:
        return shared
    net = Net("resnet18", stem="cifar", width=8)
    return replace(
        shared,
        repeats=2,
        batches=(4,),
        net=net,
        side=16,
        recipes=shared.recipes[:1] or TINY,
        tiny=True,
    )


def _run(suite: str, bench_options: "BenchOptions", folder: Path) -> str:
    """Run a suite, write its record and return its table; Ctrl-C keeps the rows that are there."""
    from adautomix.runs.runner import device_in_words

    function: Callable = getattr(import_module(f"adautomix.bench.{suite}"), suite)
    timer = Timer()
    rows: list[Row] = []
    try:
        for row in function(bench_options):
            rows.append(row)
            print(f"{suite}: {_line(row)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not rows:
            raise
        print(f"{suite}: stopped; what was measured is recorded", file=sys.stderr)
    numerics = bench_options.numerics
    facts = provenance.collect(
        seconds=timer.seconds,
        cpu_seconds=timer.cpu_seconds,
        steps=bench_options.repeats,
        device=device_in_words(numerics),
        precision=str(numerics),
        data_sha256={},
    )
    path = bench.write(
        folder, suite, settings=bench_options.settings(), rows=rows, provenance=facts
    )
    table = pd.DataFrame(rows).to_string(index=False, float_format="{:.4g}".format, na_rep="")
    return f"{suite}, {facts['device']}, {facts['precision']}\n{table}\n{path.name}\n"


def _line(row: Mapping[str, object]) -> str:
    """Return a row as text, shown as soon as it is measured."""
    short = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
    return ", ".join(f"{name} {value}" for name, value in short.items() if value is not None)


if __name__ == "__main__":
    sys.exit(main())
