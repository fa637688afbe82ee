"""Weights to start from: timm's own, with a quick error offline, or those in a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from adautomix.data.download import host, reachable
from adautomix.errors import DataError, InputError, first_line

FILES = (".safetensors", ".pth", ".pt", ".bin")
"""Endings of files of weights."""
COUNTER = "num_batches_tracked"
"""A buffer of BatchNorm that old files do not have."""


def is_file(pretrained: bool | str) -> bool:
    """Whether `Net.pretrained` names a file of weights, by its ending; if not, it names a run."""
    return isinstance(pretrained, str) and pretrained.endswith(FILES)


def with_weights_in(file: str, name: str, **options: Any) -> nn.Module:
    """Create a timm model with the weights in a file, except those of its head.

    Args:
        file: a state of the same model in timm's names, which for ResNets are torchvision's. A
            pickled file is read without running code.
        name: a timm model name.
        options: further arguments of `timm.create_model`.

    Raises:
        DataError: the file is missing or damaged, or of another model.
    """
    import timm

    model: Any = timm.create_model(name, **options)
    head = {id(t) for t in model.get_classifier().state_dict(keep_vars=True).values()}
    body = [key for key, t in model.state_dict(keep_vars=True).items() if id(t) not in head]
    try:
        if not Path(file).is_file():
            raise FileNotFoundError("there is no such file")
        there = timm.models.load_state_dict(file)
        missing = [key for key in body if key not in there and not key.endswith(COUNTER)]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        model.load_state_dict({k: there[k] for k in body if k in there}, strict=False)
    except Exception as error:  # a damaged file can raise almost anything
        raise DataError(
            f"cannot start from the weights in {file} ({first_line(error)}): give those of a timm "
            f"{name}, as {' or '.join(FILES[:2])}, or set net.pretrained to true or false."
        ) from error
    return model


def with_own_weights(name: str, **options: Any) -> nn.Module:
    """Create a timm model with timm's pretrained weights.

    Args:
        name: a timm model name.
        options: further arguments of `timm.create_model`.

    Raises:
        InputError: timm has no weights for this model.
        DataError: they are not in the cache, and cannot be downloaded.
    """
    import timm

    if not timm.models.is_model_pretrained(name):
        raise InputError(f"timm has no weights for {name}: set net.pretrained=false.")
    address = _address(name)
    online = reachable(address)
    try:
        with _offline(not online):
            return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # of timm, of the hub, of its client, of the system
        reason = first_line(error) if online else f"{host(address)} cannot be reached"
        raise DataError(
            f"timm's weights of {name} are not in its cache and cannot be downloaded ({reason}): "
            "try again with a network, give a file of them (net.pretrained=FILE.safetensors), or "
            "set net.pretrained=false."
        ) from error


def _address(name: str) -> str:
    """Return the URL from which timm downloads the weights of a model."""
    import timm
    from huggingface_hub import constants

    found: Any = timm.get_pretrained_cfg(name)  # not None: timm has weights for it
    return constants.ENDPOINT if found.hf_hub_id else found.url


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Restrict the Hugging Face client to its cache inside the block, if `wanted`.

    Without a network it would otherwise retry for a minute.
    """
    from huggingface_hub import constants

    former = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = wanted or former
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = former
