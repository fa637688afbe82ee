"""Networks: `Backbone`, a timm classifier with tapped features, and `Teacher`, its average."""

from adautomix.models.backbone import Backbone, BackboneOutput, FeatureShape
from adautomix.models.ema import Teacher, momentum_at
from adautomix.models.modes import evaluating
from adautomix.models.net import Net, cifar_stem

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
