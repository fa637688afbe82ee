"""Weights as safetensors: a tensor that several names share is saved once, under the first."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adautomix import files, seals
from adautomix.errors import RecordError, first_line, unknown
from adautomix.models import Backbone

PREFIXES = {"classifier": "classifier.", "teacher": "teacher.network."}
"""Where the backbone of each predictor stands among the weights of a `Method`."""


def save_weights(module: nn.Module, file: Path) -> str:
    """Writes every parameter and buffer of `module`, by name; the whole file or none.

    Returns the sha256 of the file.

    Raises:
        RecordError: the file cannot be written; a former file of that name is untouched.
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
    """Writes a new file, and returns its sha256.

    Raises:
        OSError: it cannot be written.
        RecordError: safetensors has no place for such weights.
    """
    firsts = dict.fromkeys(_first_names(module).values())
    own = module.state_dict(keep_vars=True)
    try:
        save_file(_apart({name: own[name] for name in firsts}), file)
        return seals.of_file(file)
    except OSError:
        raise
    except SafetensorError as error:  # a full disk, for one
        raise OSError(first_line(error)) from error
    except Exception as error:  # whatever torch and safetensors say of an unusual tensor
        raise RecordError(
            f"the weights of this {type(module).__name__} cannot be saved ({first_line(error)}): "
            "use a network whose parameters and buffers are dense tensors."
        ) from error


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a file that `save_weights` made, by name.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        return load_file(file)
    except Exception as error:  # a damaged file can raise almost anything
        raise _unreadable(file, error) from error


def load_weights(module: nn.Module, file: Path) -> None:
    """The inverse of `save_weights`; strict.

    Raises:
        RecordError: the file is damaged or of another network; the module is to be discarded.
    """
    weights = under_all_names(module, read_weights(file))
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise _unreadable(file, error) from error


def load_body(network: Backbone, file: Path, predictor: str = "classifier") -> None:
    """Every weight of `network` but its head's, from a predictor of the method saved in `file`.

    Args:
        network: a backbone of the same architecture; its classes may differ.
        file: what `save_weights` made of a `Method`.
        predictor: "classifier" or "teacher".

    Raises:
        InputError: another predictor.
        RecordError: the file is damaged, of another network, or has no such predictor; the network
            is to be discarded.
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
    """The tensors on the processor, each with memory of its own: safetensors takes no others."""
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
    """Of every name in the state of `module` the first that stands for the same tensor."""
    first: dict[int, str] = {}
    own = module.state_dict(keep_vars=True).items()
    return {name: first.setdefault(id(tensor), name) for name, tensor in own}


def under_all_names(module: nn.Module, there: dict[str, Tensor]) -> dict[str, Tensor]:
    """Saved tensors, those that several names of `module` share under each of them."""
    firsts = _first_names(module).items()
    return there | {n: there[first] for n, first in firsts if n not in there and first in there}


def _unreadable(file: Path, error: Exception) -> RecordError:
    return RecordError(
        f"cannot read the weights in {file} ({first_line(error)}): "
        f"delete {file.parent} and train the run again."
    )
