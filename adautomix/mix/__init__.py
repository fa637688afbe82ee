"""Mixing rules: tensors in, tensors out. `MIXERS` and `GUIDED` are the whole registry."""

from adautomix.mix.base import GuidedRule, Mixed, MixingRule, blend, interpolate
from adautomix.mix.cutmix import CutMix
from adautomix.mix.generator import MixGenerator
from adautomix.mix.mixup import Mixup

MIXERS: dict[str, type[MixingRule]] = {
    "mixup": Mixup,
    "cutmix": CutMix,
}
"""Rules that need the images alone."""

GUIDED: dict[str, type[GuidedRule]] = {}
"""Rules that need to know what matters in each image."""

__all__ = [
    "GUIDED",
    "MIXERS",
    "CutMix",
    "GuidedRule",
    "MixGenerator",
    "Mixed",
    "MixingRule",
    "Mixup",
    "blend",
    "interpolate",
]
