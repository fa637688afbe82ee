"""Training: the loop for all methods, its checkpoints, and `fit` for one's own model and data."""

from adautomix.device import Numerics, decide
from adautomix.train.checkpoint import latest, load, save
from adautomix.train.loop import Epoch, Row, Step, Training, train
from adautomix.train.plan import Plan

__all__ = [
    "Epoch",
    "Numerics",
    "Plan",
    "Row",
    "Step",
    "Training",
    "decide",
    "latest",
    "load",
    "save",
    "train",
]
