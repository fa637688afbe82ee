"""Execution of a job: training, checkpoints, resuming, evaluation, and writing of the record."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from adautomix import data, processes, recipes
from adautomix.data.file_batches import training_batches
from adautomix.data.file_set import Images
from adautomix.data.loaders import Batches
from adautomix.device import Numerics
from adautomix.errors import RecordError
from adautomix.evaluate import Accuracy, accuracy_of
from adautomix.evaluate.mask_monitor import MaskMonitor
from adautomix.methods import Method
from adautomix.recipes import Recipe
from adautomix.record import Run, Store, adopted, provenance
from adautomix.record.lock import locked, taken
from adautomix.rng import own_randomness
from adautomix.runs.curve import final_metrics, measures
from adautomix.runs.interrupt import Watch, stop_signals
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.sets import left_out, read_sets, read_split
from adautomix.runs.unfinished import CHECKPOINTS, note
from adautomix.runs.weights import WEIGHTS, start_network, start_sha256, weights_of
from adautomix.train import Epoch, Plan, Training, checkpoint, train
from adautomix.train.progress import Progress, notice
from adautomix.train.weights_file import load_weights, save_weights


def obtain(job: Job, options: RunOptions | None = None) -> Run:
    """Return the run of the store, or a copy of the recorded one if `adopt`, or train it.

    Raises:
        RecordError: a file of the record is missing or not the one that was recorded.
        AdAutoMixError: see `execute`.
    """
    options = options or RunOptions()
    done = processes.from_first(lambda: _there(job.id(), options))
    if done is None:
        return execute(job, options)
    done.check()
    shutil.rmtree(done.path / CHECKPOINTS, ignore_errors=True)  # left if killed after recording
    return done


def _there(id: str, options: RunOptions) -> Run | None:
    """Return the run of the store, or a copy of the recorded one if that may be taken."""
    return options.store.find(id) or (adopted(id, options.store) if options.adopt else None)


def execute(job: Job, options: RunOptions) -> Run:
    """Train a job to its end and record it, resuming from a checkpoint if there is one.

    If another process is making the same run, wait for it and return its record. Of several
    processes that make it together (`adautomix.processes`) the first one writes.

    Raises:
        Interrupted: the time limit passed, or SIGTERM or Ctrl-C was received; a checkpoint exists.
        DivergenceError: a loss is not finite; nothing after the last checkpoint is kept.
        DataError: the dataset is missing; the message says what to do.
        RecordError: the record's folder cannot be created, which is checked before training, or
            written.
    """
    recipe = job.recipe()
    folder = options.store.path(job.id())
    sets = read_sets(recipe, options)
    train_set, test_set = sets["train"], sets["test"]
    training, batches = prepare(
        recipe,
        job.seed,
        train_set,
        options.numerics,
        options.store,
        sync_batchnorm=options.sync_batchnorm,
    )
    processes.from_first(lambda: _make(folder))
    monitor = MaskMonitor(test_set, training.numerics.device, recipe.augment)
    with _ours(job, folder / CHECKPOINTS):
        if (done := processes.from_first(lambda: options.store.find(job.id()))) is not None:
            return done
        processes.from_first(lambda: note(job, folder / CHECKPOINTS))
        training.run = job.id()
        _go_on(training, folder / CHECKPOINTS)
        _take_over(training, sync_batchnorm=options.sync_batchnorm)
        _drive(job, options, training, batches, test_set, monitor)
        run = processes.from_first(lambda: _record(job, options, training, monitor, sets))
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return run


@contextmanager
def _ours(job: Job, folder: Path) -> Iterator[None]:
    """Hold the run's folder; while another process holds it, say so and wait.

    Of several processes that make a run together the first one does.
    """
    if processes.rank() > 0:
        yield
        return
    waiting = taken(folder)
    done = notice(f"Waiting for another process, which is making {job.id()}.") if waiting else None
    with locked(folder, wait=True):
        if done is not None:
            done()
        yield


def _go_on(training: Training, folder: Path) -> None:
    """Load the newest checkpoint, if there is one."""
    resumed = checkpoint.latest(folder)
    if resumed is not None and not checkpoint.load(training, resumed).sha256:
        notice(
            f"{resumed} has no digests, for an earlier version made it: the run goes on from it, "
            "but whether it is as it was saved, and of this run, cannot be told."
        )


def _take_over(training: Training, *, sync_batchnorm: bool) -> None:
    """Append the provenance of the next steps, unless it equals that of the steps before."""
    device = device_in_words(training.numerics, sync_batchnorm=sync_batchnorm)
    here = provenance.segment(device, str(training.numerics))
    if not training.segments or here.items() - training.segments[-1].items():
        training.segments.append({"from_step": training.step, **here})


def evaluate_run(
    run: Run,
    numerics: Numerics,
    root: str | Path | None = None,
    *,
    skip_unreadable: bool = False,
) -> dict[str, Accuracy]:
    """Compute the accuracy of every predictor of a recorded run from its weights.

    Raises:
        RecordError: the run was recorded without weights.
    """
    method, recipe = revive(run, numerics)
    options = RunOptions(numerics, root=root, skip_unreadable=skip_unreadable)
    test_set = read_split(recipe, recipe.evaluate_on, options)
    return {
        name: accuracy_of(module, test_set, numerics, recipe.augment)
        for name, module in method.predictors().items()
    }


def revive(run: Run, numerics: Numerics) -> tuple[Method, Recipe]:
    """Return the trained networks of a run, loaded from its weights, and its recipe."""
    weights = weights_of(run)
    recipe = recipes.from_dict(run.recipe)
    info = data.info(recipe.data)
    net = replace(recipe.net, pretrained=False)  # the run's weights replace all others
    method = recipe.method.build(net.build(info.classes), recipe.augment.side_of(info))
    load_weights(method, weights)
    return numerics.place(method), recipe


def prepare(
    recipe: Recipe,
    seed: int,
    train_set: Images,
    numerics: Numerics,
    store: Store | None = None,
    *,
    sync_batchnorm: bool = False,
) -> tuple[Training, Batches]:
    """Build the networks, the optimiser and the batches of a recipe, at step 0.

    `store` holds the run that `recipe.net.pretrained` names, if any; see
    `adautomix.runs.weights.start_network`.
    """
    info = train_set.info
    recipe.net.check_side(recipe.augment.side_of(info))
    classifier = start_network(recipe.net, info.classes, seed=seed, store=store)
    method = recipe.method.build(classifier, recipe.augment.side_of(info), seed=seed)
    method.targets = recipe.targets
    if sync_batchnorm:
        processes.synchronised(method, numerics.device)
    batches = training_batches(
        train_set, recipe.batch, seed=seed, augment=recipe.augment, device=numerics.device
    )
    plan = Plan(recipe.epochs, recipe.optim, recipe.schedule, recipe.evaluate_every, recipe.parts)
    return Training(method, plan, len(batches), numerics=numerics, seed=seed), batches


def _make(folder: Path) -> None:
    """Create the folder of the run, so that a failure is reported before training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"cannot make the folder {folder} for the record ({error.strerror}): "
            "name another place with --runs or ADAUTOMIX_RUNS."
        ) from error


def _drive(
    job: Job,
    options: RunOptions,
    training: Training,
    batches: Batches,
    test_set: Images,
    monitor: MaskMonitor,
) -> None:
    """Train to the end, with progress display, checkpoints, mask monitor and stop conditions."""
    watch = Watch(training, options, options.store.path(job.id()) / CHECKPOINTS)
    if torch.device(training.numerics.device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(training.numerics.device)  # an earlier run's peak
    first = processes.rank() == 0
    if first and training.step == 0:
        monitor.look(training.method, training.notes, 0)
    measure = measures(test_set, options.numerics, job.recipe().augment)
    progress = Progress(
        f"{job.recorded_name()} {job.budget} seed {job.seed}",
        training.total,
        training.step,
        show=first and options.progress,
        waiting=training.numerics.first_step,
    )
    with own_randomness(), stop_signals() as stop, progress:
        for event in train(training, batches, measure):
            progress.at(training.step)
            if isinstance(event, Epoch):
                progress.tell({k: v for k, v in event.row.items() if k.endswith("_top1")})
                if first and event.epoch in monitor.epochs(training.plan.epochs):
                    monitor.look(training.method, training.notes, event.epoch)
            elif training.step % training.steps_per_epoch == 0:
                continue  # no checkpoint before the epoch's row is in the curve
            watch.after(stop.is_set())


def _record(
    job: Job,
    options: RunOptions,
    training: Training,
    monitor: MaskMonitor,
    sets: dict[str, Images],
) -> Run:
    """Write the weights and the record."""
    device = training.numerics.device
    cuda = torch.device(device).type == "cuda"
    peak = torch.cuda.max_memory_allocated(device) / 2**20 if cuda else None
    monitor.finish(training.method, training.notes)
    document = {
        "id": job.id(),
        "name": job.recorded_name(),
        "recipe": recipes.to_dict(job.recipe()),
        "budget": job.budget,
        "seed": job.seed,
        "metrics": final_metrics(training.curve),
        "extras": monitor.describe(training.method),
        "provenance": provenance.collect(
            seconds=training.seconds,
            cpu_seconds=training.cpu_seconds,
            steps=training.step,
            device=device_in_words(training.numerics, sync_batchnorm=options.sync_batchnorm),
            precision=str(training.numerics),
            updates=training.way if cuda else None,
            data_sha256={name: split.sha256 for name, split in sets.items()}
            | start_sha256(job.recipe().net),
            peak_memory_mib=peak,
            command=job.command(training.numerics, skip_unreadable=options.skip_unreadable),
            segments=training.segments,
            waiting_for_data=training.waiting_share,
            unreadable={name: left_out(split) for name, split in sets.items()},
        ),
    }
    digest = save_weights(training.method, options.store.path(job.id()) / WEIGHTS)
    pictures = monitor.files(training.notes)
    return options.store.write(document, training.curve, pictures, beside={WEIGHTS: digest})


def device_in_words(numerics: Numerics, *, sync_batchnorm: bool = False) -> str:
    """Return a description of the device for a record, e.g. "cpu: <model name>, 2 threads".

    Several processes are named too: "cuda: <model name>, 8 processes, SyncBatchNorm".
    """
    several = f", {processes.count()} processes" if processes.count() > 1 else ""
    several += ", SyncBatchNorm" if sync_batchnorm else ""
    if torch.device(numerics.device).type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(numerics.device)}{several}"
    threads = torch.get_num_threads()
    return f"{numerics.device}: {provenance.cpu_name()}, {threads} threads{several}"
