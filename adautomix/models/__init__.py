"""Networks: `Backbone`, a timm classifier with tapped features, and `Teacher`, its average."""

from adautomix.models.backbone import Backbone, BackboneOutput, FeatureShape, Net, cifar_stem
from adautomix.models.ema import Teacher, momentum_at
from adautomix.models.modes import evaluating

__all__ = [
    "Backbone",
    "BackboneOutput",
    "FeatureShape",
    "Net",
    "Teacher",
    "cifar_stem",
    "evaluating",
    "momentum_at",
]
