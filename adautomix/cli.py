"""The command line: `adautomix train | evaluate | runs | data | book | doctor`.

Errors are one sentence on stderr and a non-zero exit status: 1 something is missing or failed, 2 bad input, 3 stopped
early with a checkpoint. `--traceback` anywhere on the line shows where an error came from.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from adautomix.errors import AdAutoMixError, InputError
from adautomix.record.run import Store, live, recorded


def train(
    recipe: str,
    budget: str = "quick",
    seed: int = 0,
    set: list[str] | None = None,  # noqa: A002 - the option is called --set
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,  # noqa: A002
    time_limit: str | None = None,
    checkpoint_every: float = 60.0,
    data: Path | None = None,
    runs: Path | None = None,
) -> None:
    """Train a recipe and record the run; a recorded run is shown, an interrupted one is gone on with.

    Args:
        recipe: data/backbone/method, e.g. cifar100/resnet18/adautomix
        budget: smoke, quick, lite, short or paper
        seed: of everything random
        set: fields to change, e.g. --set '[method.n=4, epochs=20]'; they make another run
        device: auto, cpu, cuda, cuda:1, mps
        precision: auto, fp32 or bf16
        compile: compile the step with torch.compile
        time_limit: stop cleanly after so long, e.g. 90s, 25m, 2h; exit status 3, and the same command goes on
        checkpoint_every: seconds between checkpoints
        data: folder or .npz of the dataset; without it the usual places are searched
        runs: where records go; default ADAUTOMIX_RUNS, else ./runs
    """
    from adautomix.runner import Conditions, Job, obtain
    from adautomix.train import decide

    job = Job(recipe, budget, seed, tuple(set or ()))
    store = Store(runs) if runs else live()
    conditions = Conditions(
        numerics=decide(device, precision, compile=compile),
        store=store,
        root=data,
        time_limit=None if time_limit is None else seconds(time_limit),
        checkpoint_every=checkpoint_every,
    )
    there = store.find(job.id()) is not None
    if job.recorded_name() != recipe:
        print(f"At the budget {budget} this is {job.recorded_name()}.", file=sys.stderr)
    run = obtain(job, conditions)
    print(f"{'Already recorded' if there else 'Recorded'}: {run.path}")
    _show_metrics(run)


def evaluate(
    run: str,
    device: str = "auto",
    data: Path | None = None,
    runs: Path | None = None,
) -> None:
    """Evaluate the kept weights of a run again: top-1, top-5 and loss of every predictor.

    Args:
        run: id of a run, or the beginning of one
        device: auto, cpu, cuda
        data: folder or .npz of the dataset
        runs: where the run is; default ADAUTOMIX_RUNS, else ./runs
    """
    from adautomix.runner import evaluate_run
    from adautomix.train import decide

    store = Store(runs) if runs else live()
    for predictor, found in evaluate_run(store.match(run), decide(device), data).items():
        print(
            f"{predictor:<12} top-1 {100 * found.top1:6.2f} %   top-5 {100 * found.top5:6.2f} %   "
            f"loss {found.loss:.4f}   {found.n} images"
        )


def runs_list(runs: Path | None = None) -> None:
    """List the runs made here and those that came with the package.

    Args:
        runs: where the runs are; default ADAUTOMIX_RUNS, else ./runs
    """
    for title, store in (("here", Store(runs) if runs else live()), ("recorded", recorded())):
        for run in store.all():
            best = {p: run.metric(p, "top1_median10") for p in run.metrics}
            words = ", ".join(f"{p} {100 * v:.2f} %" for p, v in best.items() if v is not None)
            print(f"{title:<9} {run.id:<48} {words}")


def runs_show(run: str, runs: Path | None = None) -> None:
    """Show one run: its numbers, how it was made, and the command that makes it again.

    Args:
        run: id of a run, or the beginning of one
        runs: where the runs are; default ADAUTOMIX_RUNS, else ./runs
    """
    found = _find(run, runs)
    print(found.id)
    _show_metrics(found)
    for name, value in found.extras.items():
        print(f"{name:<12} {value:.4f}")
    for name, value in found.provenance.items():
        print(f"{name:<16} {value}")


def runs_compare(ids: list[str], runs: Path | None = None) -> None:
    """Compare runs: their numbers side by side, and the fields in which their recipes differ.

    Args:
        ids: two or more ids of runs, or beginnings of ids, e.g. '[plain-photo, adautomix-photo]'
        runs: where the runs are; default ADAUTOMIX_RUNS, else ./runs
    """
    import pandas as pd

    if len(ids) < 2:
        raise InputError(f"comparing needs two runs or more, not {len(ids)}.")
    found = [_find(name, runs) for name in ids]
    flat = pd.json_normalize(
        [{"recipe": r.recipe, "budget": r.budget, "seed": r.seed} for r in found]
    )
    differing = [c for c in flat if flat[c].astype(str).nunique() > 1]
    metrics = pd.json_normalize([r.metrics for r in found])
    frame = pd.concat([flat[differing], metrics], axis=1)
    frame.index = [r.id for r in found]
    print(frame.T.to_string(float_format=lambda value: f"{value:.4f}", na_rep=""))


def data_get(name: str, root: Path | None = None) -> None:
    """Download a dataset and verify it.

    Args:
        name: of a dataset, e.g. cifar100
        root: where to put it; default ADAUTOMIX_DATA, else ~/.cache/adautomix
    """
    from adautomix.data import fetch

    print(fetch.get(name, root))


def data_verify(name: str, root: Path | None = None) -> None:
    """Check a dataset's counts and digests.

    Args:
        name: of a dataset, e.g. cifar100
        root: the folder or .npz; without it the usual places are searched
    """
    from adautomix.data import fetch

    for split, found in fetch.verify(name, root).items():
        print(f"{name} {split}: {found}")


def data_where(name: str, root: Path | None = None) -> None:
    """Print where a dataset was found.

    Args:
        name: of a dataset, e.g. cifar100
        root: look here first
    """
    from adautomix.data import fetch
    from adautomix.data.catalog import info

    found = fetch.where(name, root)
    if found is None:
        raise fetch.missing(info(name))
    print(found)


def book(
    budget: str = "quick",
    seeds: list[int] | None = None,
    only: list[str] | None = None,
    skip_run: bool = False,
) -> None:
    """Run the notebooks and render the book.

    Args:
        budget: for every notebook that has this parameter
        seeds: for every notebook that has this parameter, e.g. '[0, 1, 2]'
        only: names of notebooks to run, e.g. '[02-photodigits]'; the others keep their last run
        skip_run: render what was run last
    """
    from adautomix.book import build

    parameters = {} if seeds is None else {"seeds": seeds}
    build(budget=budget, parameters=parameters, notebooks=only, execute=not skip_run)


def doctor() -> None:
    """Print versions, device, what data is there, what is missing and the command that gets it."""
    from adautomix.doctor import report

    print(report())


COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "runs": {
        "_help": "list, show or compare runs",
        "list": runs_list,
        "show": runs_show,
        "compare": runs_compare,
    },
    "data": {
        "_help": "get, verify or find datasets",
        "get": data_get,
        "verify": data_verify,
        "where": data_where,
    },
    "book": book,
    "doctor": doctor,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in arguments or bool(os.environ.get("ADAUTOMIX_TRACEBACK"))
    arguments = [argument for argument in arguments if argument != "--traceback"]
    from jsonargparse import auto_cli

    try:
        auto_cli(
            COMMANDS, args=arguments, prog="adautomix", description=__doc__, version=_version()
        )
    except AdAutoMixError as error:
        if traceback:
            raise
        print(f"adautomix: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def seconds(text: str) -> float:
    """A duration such as 90, 90s, 25m or 2h, in seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        value = -1.0
    if not value > 0:
        raise InputError(f"a time limit is written like 90s, 25m or 2h, not {text!r}.")
    return value


def _find(name: str, runs: Path | None):
    """A run made here, or one that came with the package."""
    here = Store(runs) if runs else live()
    ids = [run.id for run in here.all()]
    return (here if any(id.startswith(name) for id in ids) else recorded()).match(name)


def _show_metrics(run) -> None:
    for predictor, values in run.metrics.items():
        words = "   ".join(
            f"{what} {100 * values[f'top1_{what}']:.2f} %" for what in ("last", "best", "median10")
        )
        print(f"{predictor:<12} top-1: {words}")


def _version() -> str:
    from adautomix import __version__

    return __version__


if __name__ == "__main__":
    sys.exit(main())
