"""Training mode and evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def evaluating(predict: Any) -> Iterator[Any]:
    """A module in evaluation mode; afterwards each module within is in its own mode again.

    A plain function has no modes and is left alone.
    """
    modules = list(predict.modules()) if isinstance(predict, nn.Module) else []
    modes = [module.training for module in modules]
    if modules:
        predict.eval()
    try:
        yield predict
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training
