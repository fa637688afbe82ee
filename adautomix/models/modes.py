"""Training mode and evaluation mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch import nn

Predict = TypeVar("Predict")


@contextmanager
def evaluating(predict: Predict) -> Iterator[Predict]:
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
