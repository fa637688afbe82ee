"""Status of an experiment's runs, and execution of those that are missing."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from adautomix.errors import DivergenceError, InputError, Interrupted
from adautomix.methods import METHODS
from adautomix.record import Run, Store, recorded
from adautomix.record.lock import locked
from adautomix.results.durations import duration
from adautomix.results.experiment import Experiment, Planned
from adautomix.results.pace import MARGIN, Pace, expected
from adautomix.runs import runner
from adautomix.runs.evaluate import evaluate, recorded_entry
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.weights import WEIGHTS
from adautomix.train import checkpoint

Say = Callable[[str], None]
"""Function that shows one line of progress."""
SAID_AT_ONCE: Say = partial(print, flush=True)


@dataclass(frozen=True)
class RunStatus:
    """Status of one run.

    Attributes:
        planned: the run.
        state: "recorded" (it came with the package), "done" (in the local store), "interrupted"
            (there is a checkpoint) or "missing".
        run: the record, if there is one.
        left: expected seconds until it is trained on this machine; None if unknown.
        unevaluated: evaluations of the experiment that the record lacks, as (name, predictor).
        evaluations: number of evaluations that the record is to have; 0 without a record.
        spent: seconds that an interrupted run has trained.
    """

    planned: Planned
    state: str
    run: Run | None
    left: float | None
    unevaluated: tuple[tuple[str, str], ...] = ()
    evaluations: int = 0
    spent: float = 0.0


def statuses(
    experiment: Experiment,
    budget: str,
    options: RunOptions,
    seeds: Sequence[int] | None = None,
    pace: Pace | None = None,
) -> list[RunStatus]:
    """Return the status of each run of an experiment, in its order, without training.

    A run in another precision than the experiment's is ignored. Durations that `pace` has measured
    count before those of records, which an earlier version may have made.
    """
    published, wanted = recorded(), _precision(experiment, budget, options)
    pool = _comparable([*published.all(), *options.store.all()], budget, options)
    found = []
    for planned in experiment.planned(budget, seeds):
        id = planned.job.id()
        if (run := _in(options.store, id, wanted)) is not None:
            found.append(_made(experiment, planned, "done", run))
        elif (run := _in(published, id, wanted)) is not None:
            found.append(_made(experiment, planned, "recorded", run))
        else:
            left = None if pace is None else pace.known(planned.job)
            left = expected(planned.job, pool) if left is None else left
            spent = _spent(planned.job, options)
            state = "missing" if spent is None else "interrupted"
            left = None if left is None else max(0.0, left - (spent or 0.0))
            found.append(RunStatus(planned, state, None, left, spent=spent or 0.0))
    return found


def _made(experiment: Experiment, planned: Planned, state: str, run: Run) -> RunStatus:
    """Return the status of a run that is there."""
    each = [(name, predictor) for name in experiment.evaluations for predictor in run.metrics]
    lacking = [
        (name, predictor)
        for name, predictor in each
        if recorded_entry(run, name, predictor, **experiment.evaluations[name]) is None
    ]
    return RunStatus(planned, state, run, 0.0, tuple(lacking), len(each))


def _precision(experiment: Experiment, budget: str, options: RunOptions) -> str | None:
    """Return the precision that all runs of a budget must have; None for any."""
    return None if experiment.precision(budget) == "auto" else options.numerics.precision


def _in(store: Store, id: str, precision: str | None) -> Run | None:
    """Return the run if it is in the store in that precision, else None."""
    run = store.find(id)
    return run if run is not None and (precision is None or run.precisions == {precision}) else None


def _comparable(runs: Iterable[Run], budget: str, options: RunOptions) -> list[Run]:
    """Return runs with the same budget, device and precision, to estimate durations from."""
    device = runner.device_in_words(options.numerics)
    precision = options.numerics.precision
    return [
        run
        for run in runs
        if run.budget == budget
        and run.method in METHODS
        and run.provenance.get("device") == device
        and run.precisions == {precision}
    ]


def _spent(job: Job, options: RunOptions) -> float | None:
    """Return the seconds that an unfinished run has trained; None without a checkpoint."""
    folder = options.store.path(job.id()) / runner.CHECKPOINTS
    return checkpoint.newest(folder, lambda newest: checkpoint.read_state(newest).seconds)


def run_all(
    experiment: Experiment,
    budget: str,
    options: RunOptions,
    seeds: Sequence[int] | None = None,
    say: Say = SAID_AT_ONCE,
) -> None:
    """Make the missing runs, in order, and evaluate each at once.

    `options.time_limit` holds for the whole. With it, a run is begun only if it will end in time,
    so a shorter one may come first; what is not known from runs like it is measured. If none will
    end, the one that is nearest to its end is taken as far as time allows; it keeps a checkpoint.

    Raises:
        Interrupted: the time limit passed, or a signal to stop was received; the same call resumes.
        DivergenceError: some runs diverged; the others are done.
    """
    experiment.check(budget)
    deadline = None if options.time_limit is None else time.monotonic() + options.time_limit
    diverged, pace, todo = [], Pace(options), list(experiment.planned(budget, seeds))
    try:
        while todo:
            # read again for each run: durations become known, or another process has made it
            now = statuses(experiment, budget, options, seeds, pace)
            each = _next([each for each in now if each.planned in todo], pace, deadline, say)
            todo.remove(each.planned)
            try:
                _settle(each, experiment, options, deadline, say)
            except DivergenceError as error:
                diverged.append(each.planned)
                say(f"{each.planned}: {error}")
    except Interrupted as stop:
        rest = in_words(statuses(experiment, budget, options, seeds, pace))
        raise Interrupted(f"{stop} {rest}") from stop
    if diverged:
        raise DivergenceError(
            f"{len(diverged)} of the runs diverged ({'; '.join(map(str, diverged))}): "
            "their cells stay blank. The others are done."
        )


def run_one(
    experiment: Experiment, planned: Planned, options: RunOptions, say: Say = SAID_AT_ONCE
) -> None:
    """Make one run of an experiment if it is missing, and evaluate it; see `run_all`."""
    found = statuses(experiment, planned.job.budget, options, [planned.job.seed])
    _settle(next(each for each in found if each.planned == planned), experiment, options, None, say)


def _next(found: Sequence[RunStatus], pace: Pace, deadline: float | None, say: Say) -> RunStatus:
    """Return the first run that ends before the deadline, or else the one nearest to its end."""
    if deadline is None:
        return found[0]
    _left(deadline)
    times = []
    for each in found:
        if each.run is not None:
            return each  # to evaluate, as far as there is time
        seconds = each.left
        if seconds is None or _late(seconds, deadline):  # a record may be of a slower version
            if pace.known(each.planned.job) is None:
                say(f"{each.planned}: measuring a few steps")
            seconds = max(0.0, pace.measured(each.planned.job) - each.spent)
        if not _late(seconds, deadline):
            return replace(each, left=seconds)
        times.append((seconds, each))
    seconds, each = min(times, key=lambda pair: pair[0])
    say(f"{each.planned}: it will not end within the time limit, and goes on from there next time")
    return replace(each, left=seconds)


def _late(seconds: float, deadline: float) -> bool:
    """Whether a run of so many seconds may end after the deadline."""
    return seconds * MARGIN > deadline - time.monotonic()


def _settle(
    each: RunStatus, experiment: Experiment, options: RunOptions, deadline: float | None, say: Say
) -> None:
    """Make one run if it is missing, and its missing evaluations if its weights exist."""
    run = each.run
    if run is None:
        limited = replace(options, time_limit=_left(deadline))
        folder = options.store.path(each.planned.job.id()) / runner.CHECKPOINTS
        with locked(folder) as ours:
            if not ours:
                say(f"{each.planned}: another process is at it")
                return
            say(f"{each.planned}: {duration(each.left)}")
            run = runner.obtain(each.planned.job, limited)
            _check_precision(run, experiment, options)
    lacking = _made(experiment, each.planned, "done", run).unevaluated
    weights = run.path / WEIGHTS
    if lacking and not weights.exists():
        say(f"{each.planned}: {len(lacking)} evaluations are missing, for want of its weights")
    elif lacking:
        with locked(weights) as ours:
            for name, predictor in lacking if ours else ():
                _left(deadline)
                say(f"{each.planned}: {name} of the {predictor}")
                settings = experiment.evaluations[name]
                run = evaluate(run, [name], [predictor], options, **settings)


def _check_precision(run: Run, experiment: Experiment, options: RunOptions) -> None:
    """Raise InputError if the store has the run in another precision than the experiment's."""
    wanted = _precision(experiment, run.budget, options)
    if wanted is not None and run.precisions != {wanted}:
        raise InputError(
            f"{run.id} in {options.store.root} was made in {', '.join(sorted(run.precisions))}, "
            f"and the experiment compares runs in {wanted}: move that folder away, or name another "
            "place with --runs."
        )


def _left(deadline: float | None) -> float | None:
    """Return the seconds until the deadline. Raises Interrupted if it has passed."""
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise Interrupted("stopped at the time limit.")
    return left


def in_words(found: Sequence[RunStatus]) -> str:
    """Return a sentence on the progress of an experiment and the expected remaining time."""
    counts = Counter(each.state for each in found)
    there = counts["done"] + counts["recorded"]
    words = f"{there} of {len(found)} runs are there"
    if lacking := sum(len(each.unevaluated) for each in found):
        words += f", {lacking} of {sum(each.evaluations for each in found)} evaluations are missing"
    if there == len(found):
        return f"{words}."
    begun = f", {counts['interrupted']} begun" if counts["interrupted"] else ""
    known = [each.left for each in found if each.left is not None]
    if len(known) < len(found):
        return (
            f"{words}{begun}; how long the rest takes is known once a run was made on this device."
        )
    return f"{words}{begun}; the rest takes {duration(sum(known))}."
