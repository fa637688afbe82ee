"""Metrics for a trained classifier, whatever run it comes from.

Each evaluation takes a function from images to logits, or its logits, and the images or labels.
"""

from adautomix.evaluate.accuracy import Accuracy, accuracy, accuracy_of
from adautomix.evaluate.attack import AttackedError, attacked_error, fgsm, fgsm_released, pgd
from adautomix.evaluate.bins import Bins
from adautomix.evaluate.calibration import (
    Calibration,
    calibration,
    scaled,
    scaled_across,
    temperature,
)
from adautomix.evaluate.cam import cam_share, grad_cam
from adautomix.evaluate.checked_predict import predictions
from adautomix.evaluate.corruption import Corruption, corruption
from adautomix.evaluate.masks import describe_masks, object_coverage
from adautomix.evaluate.occlusion import Occlusion, PatchDrop, occlusion
from adautomix.evaluate.predict import NormalizedModel, Predictions
from adautomix.models import evaluating

__all__ = [
    "Accuracy",
    "AttackedError",
    "Bins",
    "Calibration",
    "Corruption",
    "NormalizedModel",
    "Occlusion",
    "PatchDrop",
    "Predictions",
    "accuracy",
    "accuracy_of",
    "attacked_error",
    "calibration",
    "cam_share",
    "corruption",
    "describe_masks",
    "evaluating",
    "fgsm",
    "fgsm_released",
    "grad_cam",
    "object_coverage",
    "occlusion",
    "pgd",
    "predictions",
    "scaled",
    "scaled_across",
    "temperature",
]
