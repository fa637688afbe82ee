"""The commands `adautomix experiment list | status | run | submit | show`."""

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adautomix.cli.commands import seconds
from adautomix.record import Run, Store, local

if TYPE_CHECKING:
    from adautomix.results.experiment import Experiment
    from adautomix.runs.job import RunOptions

TIME_LIMIT = (
    "stop cleanly after so long, e.g. 90s, 25m, 2h, with exit status 3; this, SIGTERM and Ctrl-C "
    "wait for the end of the step or evaluation under way, which can take seconds (a second Ctrl-C "
    "does not, and keeps the last checkpoint); the same command goes on from there (default: no "
    "limit)"
)
"""Help text of `--time-limit`, for every command that trains."""


def add_parsers(
    below: Any, command: Callable[..., Any], places: Callable[[Callable[..., Any]], None]
) -> None:
    """Add the commands to the command line.

    `command` and `places` are `_command` and `_places` of `adautomix.cli.main`.
    """
    words = "make the runs that an experiment asks for, or say which are missing"
    group = below.add_parser("experiment", help=words, description=f"{words.capitalize()}.")
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command(inner, "list", show_all, "list the experiments: what each compares, and where")
    show = command(
        inner, "status", status, "list the runs of an experiment: which are there, what is left"
    )
    make = command(
        inner, "run", run, "make the runs that are missing, go on with interrupted ones, evaluate"
    )
    hand_on = command(
        inner, "submit", submit, "submit the missing runs to Slurm as a job array, by submitit"
    )
    for add in (show.add_argument, make.add_argument, hand_on.add_argument):
        add("experiment", metavar="NAME", help="of `adautomix experiment list`")
        add("--budget", help="(default: the cheapest in which it can run)")
        add("--seeds", metavar="SEED", type=int, nargs="+", help="only these (default: all)")
        add("--device", metavar="{auto,cpu,cuda,cuda:1,mps}", default="auto", help="where")
        add("--precision", metavar="{auto,fp32,bf16}", help="(default: the experiment's)")
        places(add)
    make.add_argument("--compile", action="store_true", help="compile the step with torch.compile")
    make.add_argument(
        "--time-limit",
        metavar="TIME",
        help=f"{TIME_LIMIT}; a run is begun only if it will end in time, unless none will",
    )
    _resources(hand_on.add_argument)
    add = command(
        inner, "show", show_table, "print its table: the paper, recorded runs, those made here"
    ).add_argument
    add("experiment", metavar="NAME", help="of `adautomix experiment list`")
    add("--metric", default="top1_median10", help="e.g. calibration/ece, of an evaluation")
    add("--budget", help="of the runs made here (default: the cheapest in which it can run)")


def _resources(add: Callable[..., Any]) -> None:
    """Add the options for what a job of Slurm gets."""
    again = "time of a job; a run that needs more is queued again, and goes on"
    add("--time", metavar="TIME", default="24h", help=again)
    add("--gpus", metavar="N", type=int, default=1, help="of a run, each with its process")
    add("--partition", metavar="NAME", help="(default: the cluster's)")
    add("--at-once", metavar="N", type=int, default=16, help="jobs that run at the same time")
    add(
        "--sbatch",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another option of sbatch, e.g. --sbatch account=vision --sbatch mem=64G",
    )


def show_all(options: Namespace) -> None:
    """Print a line for each experiment: name, number of rows, recipes and title."""
    from adautomix.results.registry import EXPERIMENTS

    for name, each in EXPERIMENTS.items():
        print(f"{name:<20} {len(each.rows):>2} rows of {each.family:<18} {each.title}")


def show_table(options: Namespace) -> None:
    """Print the table of an experiment, without training anything."""
    from adautomix.results import experiments
    from adautomix.results.experiment import cheapest
    from adautomix.results.registry import get

    budget = options.budget or cheapest(get(options.experiment))
    table = experiments.obtain(options.experiment, budget=budget, run=False).table(options.metric)
    print(f"{table.display().rename_axis(None).to_string()}\n{table.caption}")


def status(options: Namespace) -> None:
    """Print a line for each run: its state, and accuracies or expected duration."""
    from adautomix.results import execute

    experiment, budget, run_options = _read(options)
    found = execute.statuses(experiment, budget, run_options, options.seeds)
    for each in found:
        words = _accuracies(each.run) if each.run else execute.duration(each.left)
        if each.unevaluated:
            words += f"   {len(each.unevaluated)} of {each.evaluations} evaluations missing"
        print(f"{each.state:<12} {each.planned!s:<36} {words}")
    print(execute.in_words(found))


def run(options: Namespace) -> None:
    """Make and evaluate the missing runs, as far as they end within the time limit."""
    from adautomix.results import execute

    experiment, budget, run_options = _read(options)
    execute.run_all(experiment, budget, run_options, options.seeds)
    found = execute.statuses(experiment, budget, run_options, options.seeds)
    print(execute.in_words(found))


def submit(options: Namespace) -> None:
    """Submit the missing runs to Slurm, a job each, and say which jobs they are."""
    from adautomix.errors import InputError
    from adautomix.results import submit as slurm

    _, budget, run_options = _read(options)
    if wrong := [each for each in options.sbatch if "=" not in each]:
        raise InputError(f"an option of sbatch is NAME=VALUE, not {wrong[0]!r}.")
    resources = slurm.Resources(
        minutes=max(1, round(seconds(options.time) / 60)),
        gpus=options.gpus,
        partition=options.partition,
        at_once=options.at_once,
        sbatch=dict(each.split("=", 1) for each in options.sbatch),
    )
    wanted = slurm.tasks(
        options.experiment, budget, run_options, options.device, options.gpus, options.seeds
    )
    if not wanted:
        print("Nothing is missing.")
        return
    folder = run_options.store.root / "slurm"
    jobs = slurm.submit(wanted, resources, folder)
    for job, task in zip(jobs, wanted, strict=True):
        print(f"{job.job_id:<14} {task.job.id()}")
    print(f"Logs: {folder}")


def _read(options: Namespace) -> "tuple[Experiment, str, RunOptions]":
    """Return experiment, budget, and options, by default in the experiment's precision."""
    from adautomix.device import decide
    from adautomix.errors import unknown
    from adautomix.results.experiment import cheapest
    from adautomix.results.registry import get
    from adautomix.runs.job import RunOptions

    experiment = get(options.experiment)
    budget = cheapest(experiment) if options.budget is None else options.budget
    if experiment.budgets and budget not in experiment.budgets:
        raise unknown("budget of the experiment", budget, experiment.budgets)
    limit = getattr(options, "time_limit", None)
    run_options = RunOptions(
        numerics=decide(
            options.device,
            options.precision or experiment.precision(budget),
            compile=getattr(options, "compile", False),
        ),
        store=local() if options.runs is None else Store(options.runs),
        root=options.data,
        time_limit=None if limit is None else seconds(limit),
    )
    return experiment, budget, run_options


def _accuracies(run: Run) -> str:
    """Return top-1 of every predictor, median of the last ten epochs, in percent, as text."""
    values = {name: run.metric(name, "top1_median10") for name in run.metrics}
    return "   ".join(f"{name} {100 * v:.2f} %" for name, v in values.items() if v is not None)
