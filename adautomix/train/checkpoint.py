"""Checkpoints: weights as safetensors, the optimiser's state, and a JSON that one can read.

Randomness is a function of the step (`adautomix.draw`), so no generator state is saved.
"""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adautomix.errors import RecordError, unknown
from adautomix.models import Backbone
from adautomix.train.loop import Training

WEIGHTS, OPTIMISER, STATE = "weights.safetensors", "optimiser.pt", "state.json"
PROGRESS = ("step", "seconds", "cpu_seconds", "curve", "segments")
"""What `STATE` holds: attributes of `Training`."""
UNWRITABLE = (OSError, RuntimeError, SafetensorError)
"""How a full disk shows itself: to Python, to torch, to safetensors."""
PREFIXES = {"classifier": "classifier.", "teacher": "teacher.network."}
"""Where the backbone of each predictor stands among the weights of a `Method`."""


def save(training: Training, folder: Path) -> Path:
    """Writes `folder`/step-<step>, whole or not at all, and then removes the older ones.

    Raises:
        RecordError: the folder cannot be written; the former checkpoint is still there.
        DivergenceError: a loss or a weight is not a number; the former checkpoint is still there.
    """
    training.check_finite()
    training.check_weights()
    final = folder / f"step-{training.step:09d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        try:
            _write(training, temporary)
            if final.exists():  # of the same step: moved aside, so that none is ever half removed
                final.rename(Path(tempfile.mkdtemp(prefix=".former-", dir=folder)) / final.name)
            temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except UNWRITABLE as error:
        raise RecordError(
            f"cannot write a checkpoint to {folder} ({_first_line(error)}): make room or choose "
            "another folder; the former checkpoint is untouched."
        ) from error
    _sync_folder(folder)
    for old in folder.iterdir():
        if old != final and old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    return final


def _write(training: Training, folder: Path) -> None:
    """The files of a checkpoint, on the disk when this returns."""
    save_file(_tensors(training.method), folder / WEIGHTS)
    tensors = {
        "optimiser": training.optimiser.state_dict(),
        "sums": training.sums,
        "notes": training.notes,
    }
    torch.save(tensors, folder / OPTIMISER)
    state = {name: getattr(training, name) for name in PROGRESS}
    (folder / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    for file in folder.iterdir():
        _sync(file)
    _sync_folder(folder)


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`, or None."""
    return max(folder.glob("step-*"), default=None)


def load(training: Training, checkpoint: Path) -> None:
    """Puts `training` into the state that was saved.

    Raises:
        RecordError: the checkpoint is damaged or of another network.
    """
    device = training.numerics.device
    try:
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        training.method.load_state_dict(load_file(checkpoint / WEIGHTS))
        tensors = torch.load(checkpoint / OPTIMISER, map_location="cpu", weights_only=True)
        training.optimiser.load_state_dict(tensors["optimiser"])  # moves them to the weights
        training.sums = {name: value.to(device) for name, value in tensors["sums"].items()}
        training.notes = tensors["notes"]
        for name in PROGRESS:
            setattr(training, name, state[name])
    except Exception as error:
        raise RecordError(
            f"cannot go on from the checkpoint {checkpoint} ({_first_line(error)}): "
            "delete that folder to start this run again."
        ) from error


def save_weights(module: nn.Module, file: Path) -> None:
    """Every parameter and buffer of `module`, by name; the whole file or none.

    Raises:
        RecordError: the file cannot be written; a former file of that name is untouched.
    """
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(_tensors(module), temporary)
        _sync(temporary)
        temporary.replace(file)
    except UNWRITABLE as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RecordError(
            f"cannot write {file} ({_first_line(error)}): make room or choose another folder."
        ) from error


def load_weights(module: nn.Module, file: Path) -> None:
    """The inverse of `save_weights`; strict.

    Raises:
        RecordError: the file is damaged or of another network.
    """
    try:
        module.load_state_dict(load_file(file))
    except UNWRITABLE as error:
        raise RecordError(
            f"cannot read the weights in {file} ({_first_line(error)}): "
            f"delete {file.parent} and train the run again."
        ) from error


def load_body(network: Backbone, file: Path, predictor: str = "classifier") -> None:
    """Every weight of `network` but its head's, from a predictor of the method saved in `file`.

    Args:
        network: a backbone of the same architecture; its classes may differ.
        file: what `save_weights` made of a `Method`.
        predictor: "classifier" or "teacher".

    Raises:
        InputError: another predictor.
        RecordError: the file is damaged, of another network, or has no such predictor.
    """
    if predictor not in PREFIXES:
        raise unknown("predictor to start from", predictor, PREFIXES)
    head = {id(t) for t in network.model.get_classifier().state_dict(keep_vars=True).values()}
    own = network.state_dict(keep_vars=True)
    body = {name: PREFIXES[predictor] + name for name, t in own.items() if id(t) not in head}
    try:
        there = load_file(file)
        network.load_state_dict({name: there[key] for name, key in body.items()}, strict=False)
    except (KeyError, *UNWRITABLE) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else _first_line(error)
        raise RecordError(
            f"cannot start from the weights of the {predictor} in {file} ({what}): "
            "give a run of the same network that has one."
        ) from error


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}


def _first_line(error: Exception) -> str:
    """What an error says, without the stack that torch appends."""
    return next(iter(str(error).splitlines()), "").rstrip(".: ") or type(error).__name__


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Makes renames last through a power cut, where the system can sync a folder."""
    with suppress(OSError):
        _sync(folder)
