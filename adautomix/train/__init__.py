"""Training: one loop for all methods, its numerics, its checkpoints."""

from adautomix.device import Numerics, decide
from adautomix.train.checkpoint import latest, load, save
from adautomix.train.loop import Epoch, Plan, Row, Step, Training, train

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
