"""What a trained network is worth:
each evaluation takes a predict function and arrays or batches.
"""

from adautomix.evaluate.accuracy import Accuracy, accuracy, evaluating
from adautomix.evaluate.masks import describe_masks, kept_share

__all__ = ["Accuracy", "accuracy", "describe_masks", "evaluating", "kept_share"]
