"""Checkpoints: weights as safetensors, the optimiser's state, and a JSON that one can read.

Randomness is a function of the step (`adautomix.draw`), so no generator state is saved.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adautomix.errors import RecordError
from adautomix.train.loop import Training

WEIGHTS, OPTIMISER, STATE = "weights.safetensors", "optimiser.pt", "state.json"


def save(training: Training, folder: Path) -> Path:
    """Writes `folder`/step-<step>, whole or not at all, and then removes the older ones.

    Raises:
        RecordError: the folder cannot be written; the former checkpoint is still there.
    """
    training.check_finite()
    final = folder / f"step-{training.step:09d}"
    state = {"step": training.step, "seconds": training.seconds, "curve": training.curve}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        try:
            save_weights(training.method, temporary / WEIGHTS)
            torch.save(
                {
                    "optimiser": training.optimiser.state_dict(),
                    "sums": training.sums,
                    "notes": training.notes,
                },
                temporary / OPTIMISER,
            )
            (temporary / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
            for file in temporary.iterdir():
                _sync(file)
            if final.exists():
                shutil.rmtree(final)
            temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise RecordError(
            f"cannot write a checkpoint to {folder} ({error}): make room or choose another folder; "
            "the former checkpoint is untouched."
        ) from error
    for old in folder.iterdir():
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    return final


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`, or None."""
    return max(folder.glob("step-*"), default=None)


def load(training: Training, checkpoint: Path) -> None:
    """Puts `training` into the state that was saved.

    Raises:
        RecordError: the checkpoint is damaged or of another network.
    """
    try:
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        load_weights(training.method, checkpoint / WEIGHTS)
        tensors = torch.load(
            checkpoint / OPTIMISER, map_location=training.numerics.device, weights_only=True
        )
        training.optimiser.load_state_dict(tensors["optimiser"])
    except Exception as error:
        raise RecordError(
            f"cannot go on from the checkpoint {checkpoint} ({str(error).splitlines()[0]}): "
            "delete that folder to start this run again."
        ) from error
    training.sums, training.notes = tensors["sums"], tensors["notes"]
    training.step, training.seconds = state["step"], state["seconds"]
    training.curve = state["curve"]


def save_weights(module: nn.Module, file: Path) -> None:
    """Every parameter and buffer of `module`, by name."""
    save_file({name: _plain(t) for name, t in module.state_dict().items()}, file)


def load_weights(module: nn.Module, file: Path) -> None:
    """The inverse of `save_weights`; strict."""
    module.load_state_dict(load_file(file), strict=True)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
