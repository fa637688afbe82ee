"""Mixing rules: tensors in, tensors out. `MIXERS` is the whole registry of hand-crafted rules."""

from adautomix.mix.base import Mixed, MixingRule, blend, interpolate
from adautomix.mix.cutmix import CutMix
from adautomix.mix.generator import MixGenerator
from adautomix.mix.mixup import Mixup

MIXERS: dict[str, type[MixingRule]] = {"mixup": Mixup, "cutmix": CutMix}

__all__ = [
    "MIXERS",
    "CutMix",
    "MixGenerator",
    "Mixed",
    "MixingRule",
    "Mixup",
    "blend",
    "interpolate",
]
