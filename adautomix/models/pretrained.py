"""Loading of timm's pretrained weights, with a quick error if they cannot be downloaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from adautomix.data.download import host, reachable
from adautomix.errors import DataError, InputError, first_line


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
            "try again with a network, or set net.pretrained=false."
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
