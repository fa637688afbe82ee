"""How long a run takes on this device: from runs like it, or from a few of its own steps."""

import time
from collections.abc import Callable, Sequence
from statistics import median

from adautomix import recipes
from adautomix.evaluate import accuracy_of
from adautomix.methods import METHODS
from adautomix.record import Run
from adautomix.rng import own_randomness
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.sets import read_sets
from adautomix.train import Step, train

SIZE = ("data", "net", "epochs", "batch", "per_class")
"""Fields of a recipe that determine, with its method, how long a run takes."""
MARGIN = 1.1
"""A run is begun if this many times its expected duration is left."""
WARM_UP, STEPS = 2, 10
"""Steps before the measured ones, which compile and allocate, and measured steps."""


class Pace:
    """Durations that were measured, by method and size of the run.

    Args:
        options: device and precision; where data and other runs are.
    """

    def __init__(self, options: RunOptions):
        self.options = options
        self._measured: dict[str, float] = {}

    def known(self, job: Job) -> float | None:
        """Return the seconds of a run like this one, if they were measured."""
        return self._measured.get(_kind(job))

    def measured(self, job: Job) -> float:
        """Return the seconds of the run, measured at the first call for a run like it."""
        if _kind(job) not in self._measured:
            self._measured[_kind(job)] = probe(job, self.options)
        return self._measured[_kind(job)]


def _kind(job: Job) -> str:
    recipe = recipes.to_dict(job.recipe())
    return repr([job.method, *(recipe.get(name) for name in SIZE)])


def expected(job: Job, pool: Sequence[Run]) -> float | None:
    """Estimate the seconds of a run: the median of its method's runs.

    Without such runs it is estimated from other methods, in proportion to the network passes.
    """
    wanted = recipes.to_dict(job.recipe())
    alike = [run for run in pool if all(run.recipe.get(f) == wanted[f] for f in SIZE)]
    own = [run.provenance["seconds"] for run in alike if run.method == job.method]
    if own:
        return median(own)
    each = [run.provenance["seconds"] / METHODS[run.method].passes for run in alike]
    return median(each) * METHODS[job.method].passes if each else None


def probe(job: Job, options: RunOptions) -> float:
    """Take a few steps of a run and evaluate it once; return the seconds of the whole run.

    Nothing of it is kept. Raises what the run itself would raise: DataError, InputError.
    """
    recipe, numerics = job.recipe(), options.numerics
    sets = read_sets(recipe, options)
    training, batches = runner.prepare(recipe, job.seed, sets["train"], numerics, options.store)
    events = (event for event in train(training, batches) if isinstance(event, Step))
    warm_up = min(WARM_UP, training.total - 1)
    steps = min(STEPS, training.total - warm_up)

    def take(count: int) -> None:
        for _ in range(count):
            next(events)
        numerics.wait()

    def evaluate() -> None:
        for module in training.method.predictors().values():
            accuracy_of(module, sets["test"], numerics, recipe.augment)

    with own_randomness():
        first = _seconds(lambda: take(warm_up))
        each = _seconds(lambda: take(steps)) / steps
        evaluation = _seconds(evaluate)
    evaluations = sum(map(training.plan.evaluates, range(1, recipe.epochs + 1)))
    return first + training.total * each + evaluations * evaluation


def _seconds(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started
