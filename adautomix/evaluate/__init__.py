"""What a trained network is worth:
each evaluation takes a predict function and arrays or batches.
"""

from adautomix.evaluate.accuracy import Accuracy, accuracy
from adautomix.evaluate.asking import answers
from adautomix.evaluate.attack import AttackedError, attacked_error, fgsm, fgsm_released, pgd
from adautomix.evaluate.calibration import (
    Bins,
    Calibration,
    calibration,
    scaled,
    scaled_across,
    temperature,
)
from adautomix.evaluate.cam import cam_share, grad_cam
from adautomix.evaluate.corruption import Corruption, corruption
from adautomix.evaluate.masks import describe_masks, kept_share
from adautomix.evaluate.occlusion import Occlusion, PatchDrop, occlusion
from adautomix.evaluate.predict import Answers, OnPixels
from adautomix.models import evaluating

__all__ = [
    "Accuracy",
    "Answers",
    "AttackedError",
    "Bins",
    "Calibration",
    "Corruption",
    "Occlusion",
    "OnPixels",
    "PatchDrop",
    "accuracy",
    "answers",
    "attacked_error",
    "calibration",
    "cam_share",
    "corruption",
    "describe_masks",
    "evaluating",
    "fgsm",
    "fgsm_released",
    "grad_cam",
    "kept_share",
    "occlusion",
    "pgd",
    "scaled",
    "scaled_across",
    "temperature",
]
