"""Checkpoints: saving and loading weights (safetensors), optimiser state, and progress (JSON).

The JSON (`adautomix.train.state`) holds the id of the run and the digests of all three files, which
are checked before loading. Random numbers are a function of the step (`adautomix.rng`), so no
generator state is saved.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from adautomix.errors import RecordError, first_line
from adautomix.storage import files, seals
from adautomix.train.loop import Training
from adautomix.train.optimiser import restore
from adautomix.train.state import PROGRESS, STATE, TIMES, State
from adautomix.train.weights_file import under_all_names, write_weights

WEIGHTS, OPTIMISER = "weights.safetensors", "optimiser.pt"
NAME = re.compile(r"step-\d{9}")
T = TypeVar("T")


def save(training: Training, folder: Path) -> Path:
    """Write the checkpoint `folder`/step-<step> atomically, then remove the older ones.

    Raises:
        RecordError: the folder cannot be written; the former checkpoint is kept.
        DivergenceError: a loss or a weight is not finite; the former checkpoint is kept.
    """
    training.check_finite()
    training.check_weights()
    final = folder / _name(training.step)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.workplace(folder) as place:
            made = place / final.name
            _write(training, made)
            if final.exists():  # of the same step: moved aside, so that none is half removed
                final.rename(place / "former")
            made.rename(final)
    except OSError as error:
        raise RecordError(
            f"cannot write a checkpoint to {folder} ({first_line(error)}): make room or choose "
            "another folder; the former checkpoint is untouched."
        ) from error
    files.sync_folder(folder)
    for old in _all(folder):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    return final


def _write(training: Training, folder: Path) -> None:
    """Write the files of a checkpoint and flush them to the disk."""
    folder.mkdir()
    digests = {WEIGHTS: write_weights(training.method, folder / WEIGHTS)}
    tensors = {
        "optimiser": training.optimiser.state_dict(),
        "sums": training.sums,
        "notes": training.notes,
    }
    try:
        torch.save(tensors, folder / OPTIMISER)
    except RuntimeError as error:  # torch raises this if the disk is full
        raise OSError(first_line(error)) from error
    digests[OPTIMISER] = seals.of_file(folder / OPTIMISER)
    for name in digests:
        files.sync(folder / name)
    files.write(folder / STATE, State.of(training, digests).dump())
    files.sync_folder(folder)


def _name(step: int) -> str:
    return f"step-{step:09d}"


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint in `folder`, or None."""
    return max(_all(folder), default=None)


def _all(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if NAME.fullmatch(path.name) and path.is_dir()]


def newest(folder: Path, look: Callable[[Path], T]) -> T | None:
    """Return `look(newest checkpoint in folder)`; None without a checkpoint.

    If a process that is training replaces the checkpoint meanwhile, the newer one is read.
    """
    while (found := latest(folder)) is not None:
        try:
            return look(found)
        except RecordError:
            if found.exists():
                raise
    return None


def read_state(checkpoint: Path) -> State:
    """Read the progress of a checkpoint's run.

    Raises:
        RecordError: the state is missing or damaged.
    """
    try:
        return State.parse((checkpoint / STATE).read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(checkpoint, error) from error


def load(training: Training, checkpoint: Path) -> State:
    """Restore `training` to the saved state; if that fails, it is unchanged.

    A checkpoint written before digests existed has no digests and no id of a run, so neither can be
    checked.

    Returns:
        The state of the checkpoint.

    Raises:
        RecordError: the checkpoint is damaged, of another run or of another network.
    """
    device = training.numerics.device
    try:
        state = State.parse((checkpoint / STATE).read_bytes())
        _check(state, checkpoint, training)
        weights = under_all_names(training.method, load_file(checkpoint / WEIGHTS))
        _check_shapes(weights, training.method)
        tensors = torch.load(checkpoint / OPTIMISER, map_location="cpu", weights_only=True)
        sums = {name: value.to(device) for name, value in tensors["sums"].items()}
        notes = dict(tensors["notes"])
        restore(training.optimiser, tensors["optimiser"])  # checks before it changes
    except Exception as error:  # a damaged file can raise almost anything
        raise _unusable(checkpoint, error) from error
    training.method.load_state_dict(weights)
    training.sums, training.notes = sums, notes
    for name in (*PROGRESS, *TIMES):
        setattr(training, name, getattr(state, name))
    return state


def _check(state: State, checkpoint: Path, training: Training) -> None:
    """Raise ValueError unless a checkpoint is unchanged and belongs to this training."""
    for name, digest in state.sha256.items():
        if seals.of_file(checkpoint / name) != digest:
            raise ValueError(f"{name} was changed since it was written (another sha256)")
    if state.sha256 and state.run != training.run:
        raise ValueError(f"it is of the run {state.run!r}, not {training.run!r}")
    if NAME.fullmatch(checkpoint.name) and checkpoint.name != _name(state.step):
        raise ValueError(f"its step is {state.step}, unlike its name")
    open_steps = state.step - len(state.curve) * training.steps_per_epoch
    if state.step > training.total or not 0 <= open_steps <= training.steps_per_epoch:
        raise ValueError(
            f"step {state.step} with {len(state.curve)} lines of the curve is no state of a run of "
            f"{training.plan.epochs} epochs of {training.steps_per_epoch} steps"
        )


def _check_shapes(weights: Mapping[str, Tensor], method: nn.Module) -> None:
    """Raise ValueError unless all weights fit the method; torch would copy some before failing."""
    own = method.state_dict()
    for name in sorted(own.keys() ^ weights.keys()):
        raise ValueError(f"its weights are of another network, {name} is in one of them alone")
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            raise ValueError(
                f"its weights are of another network, {name} has shape "
                f"{tuple(weights[name].shape)} instead of {tuple(tensor.shape)}"
            )


def _unusable(checkpoint: Path, error: Exception) -> RecordError:
    return RecordError(
        f"cannot go on from the checkpoint {checkpoint} ({first_line(error)}): "
        "delete that folder to start this run again."
    )
