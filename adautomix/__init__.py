"""Adversarial AutoMixup (ICLR 2024): the method, the methods it is compared with, recorded runs.

Importing the package does not import torch; the public names below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from adautomix.data.labels import Targets
    from adautomix.methods import AdAutoMix, Fixed, Plain
    from adautomix.mix import CutMix, MixGenerator, Mixup
    from adautomix.mix.collate import MixBatch
    from adautomix.models import Backbone
    from adautomix.recipes import SGD, AdamW, Cosine
    from adautomix.rng import rng_for
    from adautomix.train.fitting import Fitted, How, fit
    from adautomix.train.watch import CSVLog, TensorBoardLog

_HOMES = {
    "AdAutoMix": "methods",
    "AdamW": "recipes",
    "Backbone": "models",
    "CSVLog": "train.watch",
    "Cosine": "recipes",
    "CutMix": "mix",
    "Fitted": "train.fitting",
    "Fixed": "methods",
    "How": "train.fitting",
    "MixBatch": "mix.collate",
    "MixGenerator": "mix",
    "Mixup": "mix",
    "Plain": "methods",
    "SGD": "recipes",
    "Targets": "data.labels",
    "TensorBoardLog": "train.watch",
    "rng_for": "rng",
    "fit": "train.fitting",
}
__all__ = [
    "SGD",
    "AdAutoMix",
    "AdamW",
    "Backbone",
    "CSVLog",
    "Cosine",
    "CutMix",
    "Fitted",
    "Fixed",
    "How",
    "MixBatch",
    "MixGenerator",
    "Mixup",
    "Plain",
    "Targets",
    "TensorBoardLog",
    "fit",
    "rng_for",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'adautomix' has no attribute {name!r}")
    return getattr(import_module(f"adautomix.{_HOMES[name]}"), name)
