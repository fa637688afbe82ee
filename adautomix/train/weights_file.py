"""Saving and loading of weights as safetensors.

A tensor that several names share is saved once, under the first name.
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adautomix.errors import RecordError, first_line, unknown
from adautomix.models import Backbone
from adautomix.storage import files, seals

PREFIXES = {"classifier": "classifier.", "teacher": "teacher.network."}
"""Predictor → prefix of its backbone's names in the state of a `Method`."""


def save_weights(module: nn.Module, file: Path) -> str:
    """Write every parameter and buffer of `module`, by name, atomically.

    Returns the sha256 of the file.

    Raises:
        RecordError: the file cannot be written; a former file of that name is unchanged.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(file) as new:
            return write_weights(module, new)
    except OSError as error:
        raise RecordError(
            f"cannot write {file} ({first_line(error)}): make room or choose another folder."
        ) from error


def write_weights(module: nn.Module, file: Path) -> str:
    """Write the weights to a new file and return its sha256.

    Raises:
        OSError: the file cannot be written.
        RecordError: safetensors cannot hold such weights.
    """
    firsts = dict.fromkeys(_first_names(module).values())
    own = module.state_dict(keep_vars=True)
    try:
        save_file(_apart({name: own[name] for name in firsts}), file)
        return seals.of_file(file)
    except OSError:
        raise
    except SafetensorError as error:  # e.g. a full disk
        raise OSError(first_line(error)) from error
    except Exception as error:  # torch and safetensors raise various errors for unusual tensors
        raise RecordError(
            f"the weights of this {type(module).__name__} cannot be saved ({first_line(error)}): "
            "use a network whose parameters and buffers are dense tensors."
        ) from error


def read_weights(file: Path) -> dict[str, Tensor]:
    """Read the tensors of a file made by `save_weights`, by name.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        return load_file(file)
    except Exception as error:  # a damaged file can raise almost anything
        raise _unreadable(file, error) from error


def load_weights(module: nn.Module, file: Path) -> None:
    """Load a file made by `save_weights`; all names and shapes must match.

    Raises:
        RecordError: the file is damaged or of another network; discard the module then.
    """
    weights = under_all_names(module, read_weights(file))
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise _unreadable(file, error) from error


def load_body(network: Backbone, file: Path, predictor: str = "classifier") -> None:
    """Load all weights of `network` except the head's, from a predictor of a saved method.

    Args:
        network: a backbone of the same architecture; the number of classes may differ.
        file: the weights of a `Method`, written by `save_weights`.
        predictor: "classifier" or "teacher".

    Raises:
        InputError: another predictor.
        RecordError: the file is damaged, of another network, or has no such predictor; discard the
            network then.
    """
    if predictor not in PREFIXES:
        raise unknown("predictor to start from", predictor, PREFIXES)
    prefix = PREFIXES[predictor]
    head = {id(t) for t in network.model.get_classifier().state_dict(keep_vars=True).values()}
    body = [name for name, t in network.state_dict(keep_vars=True).items() if id(t) not in head]
    try:
        saved = load_file(file)
        there = {k.removeprefix(prefix): t for k, t in saved.items() if k.startswith(prefix)}
        there = under_all_names(network, there)
        network.load_state_dict({name: there[name] for name in body}, strict=False)
    except Exception as error:  # a damaged file can raise almost anything
        missing = isinstance(error, KeyError)
        what = f"it has no {prefix}{error.args[0]}" if missing else first_line(error)
        raise RecordError(
            f"cannot start from the weights of the {predictor} in {file} ({what}): "
            "give a run of the same network that has one."
        ) from error


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors on the CPU, each in its own memory, as safetensors requires."""
    made, taken = {}, set()
    for name, tensor in tensors.items():
        mine = tensor.detach().cpu().contiguous()
        memory = mine.untyped_storage()
        if memory.data_ptr() in taken or memory.nbytes() != mine.nbytes:
            mine = mine.clone()
        taken.add(mine.untyped_storage().data_ptr())
        made[name] = mine
    return made


def _first_names(module: nn.Module) -> dict[str, str]:
    """Map every name in the state of `module` to the first name of the same tensor."""
    first: dict[int, str] = {}
    own = module.state_dict(keep_vars=True).items()
    return {name: first.setdefault(id(tensor), name) for name, tensor in own}


def under_all_names(module: nn.Module, there: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the saved tensors with those that several names share under each of the names."""
    firsts = _first_names(module).items()
    return there | {n: there[first] for n, first in firsts if n not in there and first in there}


def _unreadable(file: Path, error: Exception) -> RecordError:
    return RecordError(
        f"cannot read the weights in {file} ({first_line(error)}): "
        f"delete {file.parent} and train the run again."
    )
