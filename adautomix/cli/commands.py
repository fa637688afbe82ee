"""The commands of the command line; `adautomix.cli.main` defines their arguments.

A command takes the parsed options and prints its result. Modules that import torch are imported
inside the functions, so that help, lists of runs and errors are shown at once.
"""

import re
import sys
from argparse import ArgumentTypeError, Namespace
from contextlib import suppress
from pathlib import Path

from adautomix.errors import InputError, RecordError, unknown
from adautomix.names import EVALUATIONS
from adautomix.record import Run, Store, is_copy, local, recorded

SHOWN = 20
"""Maximum length of a list of numbers that is printed."""


def train(options: Namespace) -> None:
    """Train a recipe and record the run, or show the recorded run; also in several processes."""
    from adautomix import processes

    with processes.joined(options.device) as device:
        _train(options, device, first=processes.rank() == 0)


def _train(options: Namespace, device: str, *, first: bool) -> None:
    """Train, see `train`; the first process says so."""
    from adautomix.device import decide
    from adautomix.runs.job import Job, RunOptions
    from adautomix.runs.runner import obtain

    job = Job(options.recipe, options.budget, options.seed, tuple(options.set))
    run_options = RunOptions(
        numerics=decide(
            device, options.precision, compile=options.compile, capture=not options.eager
        ),
        store=store(options),
        root=options.data,
        time_limit=None if options.time_limit is None else seconds(options.time_limit),
        checkpoint_every=seconds(options.checkpoint_every),
        skip_unreadable=options.skip_unreadable,
        sync_batchnorm=options.sync_batchnorm,
    )
    there = run_options.store.find(job.id())
    if first and job.base != job.name:
        print(f"At the budget {job.budget} this is {job.base}.", file=sys.stderr)
    run = obtain(job, run_options)
    if first:
        print(f"{'Recorded' if there is None else _already(there)}: {run.path}")
        _show_metrics(run)


def _already(run: Run) -> str:
    again = ", not made here; to train it, delete the folder" if is_copy(run) else ""
    return f"Already recorded{again}"


def evaluate(options: Namespace) -> None:
    """Evaluate a run from its weights: accuracy, or the requested evaluations, which are recorded.

    An unfinished run is evaluated at its last checkpoint, and nothing is recorded.
    """
    from adautomix.runs import unfinished

    try:
        run = find(options.run, store(options))
    except RecordError:
        with unfinished.snapshot(options.run, store(options)) as begun:
            if begun is None:
                raise
            print(f"{begun.id} is unfinished, after step {unfinished.step_of(begun)}: not recorded")
            _evaluate(begun, options, finished=False)
    else:
        _evaluate(run, options, finished=True)


def _evaluate(run: Run, options: Namespace, *, finished: bool) -> None:
    """Evaluate a run that was found, see `evaluate`."""
    from adautomix.device import decide
    from adautomix.runs.evaluate import evaluate, recorded_entry, values
    from adautomix.runs.job import RunOptions
    from adautomix.runs.runner import evaluate_run

    skip = options.skip_unreadable
    run_options = RunOptions(
        decide(options.device), store(options), options.data, skip_unreadable=skip
    )
    if options.predictor not in ("both", *run.metrics):
        raise unknown(f"predictor of {run.id}", options.predictor, ("both", *run.metrics))
    wanted = run.metrics if options.predictor == "both" else [options.predictor]
    names = [name for name in EVALUATIONS if options.all or getattr(options, name)]
    for name in names:
        for predictor in wanted:
            if not finished:
                print(f"{name}, {predictor}")
                _show_values(values(run, name, predictor, run_options))
                continue
            there = recorded_entry(run, name, predictor) is not None
            run = evaluate(run, [name], [predictor], run_options)
            print(f"{name}, {predictor}: {'already recorded' if there else 'recorded'}")
            if entry := recorded_entry(run, name, predictor):
                _show_values(entry["values"])
    if names:
        return
    found_by = evaluate_run(run, run_options.numerics, options.data, skip_unreadable=skip)
    for predictor, found in found_by.items():
        if predictor in wanted:
            print(
                f"{predictor:<12} top-1 {100 * found.top1:6.2f} %   "
                f"top-5 {100 * found.top5:6.2f} %   loss {found.loss:.4f}   {found.n} images"
            )


def runs_list(options: Namespace) -> None:
    """Print a line for each run: its store, id, accuracies, and changes of the recipe."""
    here = store(options)
    found = [("copied" if is_copy(run) else "here", run) for run in here.all()]
    if options.here:
        found = [each for each in found if each[0] == "here"]
    else:
        found += [("recorded", run) for run in recorded().all()]
    if not found:
        print(f"No run in {here.root}{'' if options.here else ', and none came with the package'}.")
    for _, run in found:
        run.check()
    for place, run in found:
        best = {name: run.metric(name, "top1_median10") for name in run.metrics}
        words = ", ".join(f"{name} {100 * v:.2f} %" for name, v in best.items() if v is not None)
        print(f"{place:<9} {run.id:<48} {words:<40} {' '.join(run.changes)}".rstrip())


def runs_show(options: Namespace) -> None:
    """Print a run's numbers, its provenance with the command to repeat it, and its files."""
    run = find(options.run, store(options))
    run.check(weights=True)
    print(f"{run.id}   {run.name}")
    _show_metrics(run)
    for name, value in run.extras.items():
        print(f"{name:<16} {value:.4f}")
    for entry in run.evaluations:
        single = {k: v for k, v in entry["values"].items() if not isinstance(v, list)}
        words = ", ".join(f"{key} {_short(value)}" for key, value in list(single.items())[:4])
        print(f"{'evaluation':<16} {entry['name']}, {entry['predictor']}: {words}")
    for name, value in run.provenance.items():
        listed = value.items() if isinstance(value, dict) else ()
        words = ", ".join(f"{key} {entry}" for key, entry in listed)
        print(f"{name:<16} {words or value}")
    kept = ", ".join(name for name in sorted(run.sha256) if (run.path / name).exists())
    none = "none, for an earlier version made it: whether its files are as they were is not known"
    print(f"{'as recorded':<16} {kept or none}")


def runs_compare(options: Namespace) -> None:
    """Print runs side by side: the fields in which they differ, then their numbers."""
    import pandas as pd

    if len(options.runs_to_compare) < 2:
        raise InputError(f"comparing needs two runs or more, not {len(options.runs_to_compare)}.")
    here = store(options)
    found = [find(name, here) for name in options.runs_to_compare]
    flat = pd.json_normalize(
        [{"budget": r.budget, "seed": r.seed, "recipe": r.recipe} for r in found]
    )
    differing = [column for column in flat if flat[column].astype(str).nunique() > 1]
    metrics = pd.json_normalize([run.metrics for run in found])
    frame = pd.concat([flat[differing].astype(object), metrics], axis=1)
    frame.index = [run.id for run in found]
    print(frame.T.to_string(float_format=lambda value: f"{value:.4f}", na_rep=""))


def runs_repeat(options: Namespace) -> None:
    """Make a run again from scratch and print whether it is bitwise the same."""
    from adautomix.runs.job import RunOptions
    from adautomix.runs.reproduce import repeat

    here = store(options)
    run = find(options.run, here)
    found = repeat(run, RunOptions(store=Store(here.root / "repeated"), root=options.data))
    if found.differences:
        for words in found.differences:
            print(words)
        raise RecordError(
            f"{run.id} came out otherwise than it is recorded, see {found.again.path}: the bits "
            "are those of one kind of processor and of the commit and the versions that "
            "`adautomix runs show` names; CHANGELOG.md says under Numbers what was computed "
            "otherwise since."
        )
    print(f"{run.id}: the same to the last bit ({', '.join(found.compared)}).")


def runs_publish(options: Namespace) -> None:
    """Copy local runs to the recorded ones, with their weights only where that is asked for."""
    there = recorded() if options.to is None else Store(options.to)
    here = store(options)
    found = [here.match(name) for name in options.runs_to_publish]  # if one is missing, copy none
    for run in found:
        print(f"Recorded: {there.publish(run, weights=options.weights).path}")


def book(options: Namespace) -> None:
    """Run the notebooks and render the book."""
    from adautomix.book import build

    parameters = dict(map(_parameter, options.set))
    if options.seeds is not None:
        parameters["seeds"] = options.seeds
    build(
        budget=options.budget,
        parameters=parameters,
        notebooks=options.only,
        execute=not options.skip_run,
        output=options.out,
        jobs=options.jobs,
        live=options.live,
    )


def doctor(options: Namespace) -> None:
    """Print versions, devices, datasets and runs."""
    from adautomix.cli.doctor import report

    print(report())


def path(text: str) -> Path:
    """A path given on the command line; "", as of an unset variable, is refused: it means "."."""
    if not text.strip():
        raise ArgumentTypeError("the path is empty: name a folder, or leave the option out")
    return Path(text)


def seconds(text: str) -> float:
    """Parse a duration such as 90, 90s, 25m or 1h30m to seconds; InputError for other text."""
    duration = re.fullmatch(
        r"(?=.)(?:(?P<hours>[\d.]+)h)?(?:(?P<minutes>[\d.]+)m)?(?:(?P<seconds>[\d.]+)s?)?", text
    )
    units = {"hours": 3600, "minutes": 60, "seconds": 1}
    value = 0.0
    if duration is not None:
        with suppress(ValueError):  # more than one point
            value = sum(float(duration[unit] or 0) * length for unit, length in units.items())
    if not value > 0:
        raise InputError(f"a time is written like 90s, 25m or 1h30m, not {text!r}.")
    return value


def _parameter(assignment: str) -> tuple[str, object]:
    """Parse "name=value" to a notebook's parameter; the value is read as YAML."""
    import yaml

    name, equals, text = assignment.partition("=")
    try:
        if not equals:
            raise ValueError
        return name.strip(), yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        raise InputError(
            f"{assignment!r} sets no parameter: write NAME=VALUE, e.g. seeds='[0, 1]'."
        ) from None


def store(options: Namespace) -> Store:
    """Return the store of local runs."""
    return local() if options.runs is None else Store(options.runs)


def find(name: str, here: Store) -> Run:
    """Return a local or a recorded run by its id or the beginning of it; RecordError if none."""
    published = recorded()
    theirs = any(run.id.startswith(name) for run in published.all())
    ours = any(run.id.startswith(name) for run in here.all())
    return (published if theirs and not ours else here).match(name)


def _show_metrics(run: Run) -> None:
    """Print top-1 of every predictor, in percent."""
    names = {"last": "top1_last", "best": "top1_best", "median of last 10": "top1_median10"}
    for predictor, values in run.metrics.items():
        words = [
            f"{what} {100 * values[key]:.2f} %" for what, key in names.items() if key in values
        ]
        print(f"{predictor:<16} top-1: {'   '.join(words)}")


def _show_values(values: dict) -> None:
    """Print the values of an evaluation, one a line, without lists longer than `SHOWN`."""
    for name, value in values.items():
        items = value if isinstance(value, list) else [value]
        if len(items) <= SHOWN:
            print(f"  {name:<20} {' '.join(map(_short, items))}")


def _short(value: float | int | None) -> str:
    """Return a number with four digits, or none if it is whole; "-" for None."""
    return "-" if value is None else f"{value:.4f}".removesuffix(".0000")
