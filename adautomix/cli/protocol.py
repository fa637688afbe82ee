"""`adautomix protocol status | run`: how it is called, and what it does."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adautomix.cli.commands import seconds
from adautomix.record import Run, Store, local

if TYPE_CHECKING:
    from adautomix.results.comparison import Protocol

TIME_LIMIT = (
    "stop cleanly after so long, e.g. 90s, 25m, 2h, with exit status 3; this, SIGTERM and Ctrl-C "
    "wait for the end of the step or evaluation under way, which can take seconds (a second Ctrl-C "
    "does not, and keeps the last checkpoint); the same command goes on from there (default: no "
    "limit)"
)
"""What `--time-limit` does, for the help of every command that trains."""


def add_parsers(
    below: Any, command: Callable[..., Any], places: Callable[[Callable[..., Any]], None]
) -> None:
    """Adds the command to the command line; `command` and `places` are those of `cli`."""
    group = below.add_parser(
        "protocol",
        help="make the runs that a protocol asks for, or say which are missing",
        description="Make the runs that a protocol asks for, or say which are missing.",
    )
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = command(
        inner, "status", status, "list the runs of a protocol: which are there, what is left"
    )
    make = command(
        inner, "run", run, "make the runs that are missing, go on with interrupted ones, evaluate"
    )
    for add in (show.add_argument, make.add_argument):
        add("protocol", metavar="PROTOCOL", type=Path, help="e.g. protocols/reporting.yaml")
        add("--budget", default="lite", help="one of the protocol's budgets")
        add("--seeds", metavar="SEED", type=int, nargs="+", help="only these (default: all)")
        add("--device", metavar="{auto,cpu,cuda,cuda:1,mps}", default="auto", help="where")
        add("--precision", metavar="{auto,fp32,bf16}", help="(default: the protocol's)")
        places(add)
    make.add_argument("--time-limit", metavar="TIME", help=TIME_LIMIT)


def status(options: Namespace) -> None:
    """One line a run: what is there, its accuracies, or how long it will take."""
    from adautomix.results import comparison

    plan, run_options = _read(options)
    found = comparison.statuses(plan, options.budget, run_options, options.seeds)
    for each in found:
        words = _accuracies(each.run) if each.run else comparison.duration(each.left)
        print(f"{each.state:<12} {each.planned!s:<36} {words}")
    print(comparison.in_words(found))


def run(options: Namespace) -> None:
    """Makes what is missing, in the protocol's order, within the time limit."""
    from adautomix.results import comparison

    plan, run_options = _read(options)
    comparison.run_all(plan, options.budget, run_options, options.seeds)
    print(
        comparison.in_words(comparison.statuses(plan, options.budget, run_options, options.seeds))
    )


def _read(options: Namespace) -> "tuple[Protocol, Conditions]":
    """The protocol, and the conditions in its precision unless another is asked for."""
    from adautomix.device import decide
    from adautomix.errors import unknown
    from adautomix.results import comparison
    from adautomix.runs.job import RunOptions

    plan = comparison.read(options.protocol)
    if options.budget not in plan.budgets:
        raise unknown("budget of the protocol", options.budget, plan.budgets)
    limit = getattr(options, "time_limit", None)
    run_options = RunOptions(
        numerics=decide(options.device, options.precision or plan.budgets[options.budget]),
        store=local() if options.runs is None else Store(options.runs),
        root=options.data,
        time_limit=None if limit is None else seconds(limit),
    )
    return plan, run_options


def _accuracies(run: Run) -> str:
    """Top-1 of every predictor, median of the last ten epochs, in percent."""
    values = {name: run.metric(name, "top1_median10") for name in run.metrics}
    return "   ".join(f"{name} {100 * v:.2f} %" for name, v in values.items() if v is not None)
