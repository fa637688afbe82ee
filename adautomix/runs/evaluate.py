"""Evaluating a run: a missing evaluation is computed from its weights and appended to its record.

The metrics themselves are in `adautomix.evaluate`; `adautomix.results.evaluations` reads records.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from adautomix.errors import unknown
from adautomix.evaluate import evaluating
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.registry import make, settings_of
from adautomix.record import Run, Store, adopted, provenance, recorded
from adautomix.record.run import Document
from adautomix.runs import runner
from adautomix.runs.job import RunOptions
from adautomix.runs.sets import left_out, read_split
from adautomix.train.timer import Timer


def evaluate(
    run: Run,
    names: Sequence[str],
    predictors: Sequence[str] | None = None,
    options: RunOptions | None = None,
    **settings: Any,
) -> Run:
    """Return the run with these evaluations in its record; missing ones are computed and appended.

    Args:
        run: a recorded run; its weights are needed if an evaluation is missing.
        names: keys of `EVALUATIONS`.
        predictors: "classifier", "teacher"; None for all of the run.
        options: device and folder of the data. The evaluations are written to the run's own store,
            or, for one that came with the package, to a copy of it in `options.store`.
        settings: changes of the defaults, for each of the names; part of an evaluation's identity.

    Raises:
        InputError: an unknown name, predictor or setting, or a setting that cannot be used.
        RecordError: an evaluation and the weights are missing; the message says how to get them.
    """
    options = options or RunOptions()
    run = Store(run.path.parent).find(run.id) or run  # it may have been evaluated meanwhile
    wanted = list(predictors or run.metrics)
    for predictor in wanted:
        if predictor not in run.metrics:
            raise unknown(f"predictor of {run.id}", predictor, run.metrics)
    if any(_missing(run, names, predictor, settings) for predictor in wanted):
        run = _own(run, options.store)
    for predictor in wanted:
        if not (missing := _missing(run, names, predictor, settings)):
            continue
        context = _context(run, predictor, options)
        for name in missing:
            entry = _measured(run, name, predictor, context, settings)
            run = Store(run.path.parent).append_evaluation(run.id, entry)
    return run


def _missing(run: Run, names: Sequence[str], predictor: str, settings: dict[str, Any]) -> list[str]:
    return [name for name in names if recorded_entry(run, name, predictor, **settings) is None]


def _own(run: Run, store: Store) -> Run:
    """Return the run, or, for one that came with the package, the one of `store` or a copy there.

    One without weights, of which there is no copy, is returned as it is.
    """
    if run.path.parent != recorded().root:
        return run
    return store.find(run.id) or adopted(run.id, store) or run


def recorded_entry(run: Run, name: str, predictor: str, **changes: Any) -> Document | None:
    """Return the recorded evaluation with exactly these settings; None if there is none."""
    return run.evaluation(name, predictor, **settings_of(name, **changes))


def _context(run: Run, predictor: str, options: RunOptions) -> EvalContext:
    """Return the predictor, loaded from the run's weights, with the split its recipe names."""
    method, recipe = runner.revive(run, options.numerics)
    images = read_split(recipe, recipe.evaluate_on, options)
    module = method.predictors()[predictor]
    return EvalContext(module, images, options.numerics, method, recipe.augment)


def values(
    run: Run,
    name: str,
    predictor: str = "classifier",
    options: RunOptions | None = None,
    **settings: Any,
) -> Values:
    """Compute an evaluation without recording it, e.g. of an unfinished run.

    Arguments and errors are those of `evaluate`.
    """
    context = _context(run, predictor, options or RunOptions())
    with evaluating(context.module):
        return make(name, settings)(context)


def _measured(
    run: Run, name: str, predictor: str, context: EvalContext, settings: dict[str, Any]
) -> Document:
    """Compute one entry of a record's `evaluations`."""
    timer = Timer()
    with evaluating(context.module):
        found = make(name, settings)(context)
    return {
        "name": name,
        "predictor": predictor,
        "settings": settings_of(name, **settings),
        "values": found,
        "provenance": provenance.collect(
            seconds=timer.seconds,
            cpu_seconds=timer.cpu_seconds,
            steps=0,
            device=runner.device_in_words(context.numerics),
            precision=str(context.numerics),
            data_sha256={context.data.split: context.data.sha256},
            command=_command(run, name, predictor, settings),
            unreadable={context.data.split: left_out(context.data)},
        ),
    }


def _command(run: Run, name: str, predictor: str, settings: dict[str, Any]) -> str:
    """Return the line that computes it again: a shell command, or Python for changed settings."""
    if not settings:
        flag = f"--{name.replace('_', '-')}"
        return shlex.join(["adautomix", "evaluate", run.id, flag, "--predictor", predictor])
    changed = "".join(f", {key}={value!r}" for key, value in settings.items())
    called = f"adautomix.runs.evaluate.evaluate(run, [{name!r}], [{predictor!r}]{changed})"
    return f"{called}  # run {run.id}"
