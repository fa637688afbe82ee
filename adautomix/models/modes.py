"""A context manager for evaluation mode that restores the mode of every module."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def evaluating(predict: Any) -> Iterator[Any]:
    """Put a module in evaluation mode inside the block; restore the mode of each submodule after.

    A plain function has no modes and is yielded unchanged.
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
