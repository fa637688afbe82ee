"""Mixing rules, which mix a batch of images: those that are registered in `adautomix.names`."""

from adautomix.mix.attentivecutmix import AttentiveCutMix
from adautomix.mix.base import GuidedRule, Mixed, MixingRule, blend, interpolate
from adautomix.mix.cutmix import CutMix
from adautomix.mix.cutout import Cutout
from adautomix.mix.fmix import FMix
from adautomix.mix.generator import MixGenerator
from adautomix.mix.gridmix import GridMix
from adautomix.mix.mixblock import ContentMixBlock, MixBlock
from adautomix.mix.mixup import Mixup
from adautomix.mix.puzzlemix import PuzzleMix
from adautomix.mix.resizemix import ResizeMix
from adautomix.mix.saliencymix import SaliencyMix
from adautomix.mix.smoothmix import SmoothMix
from adautomix.mix.snapmix import SnapMix
from adautomix.names import REGISTRY, load

RULES = {name: load(each.home) for name, each in REGISTRY.items() if each.home.startswith("mix.")}
GUIDED: dict[str, type[GuidedRule]] = {
    name: rule for name, rule in RULES.items() if hasattr(rule, "guide")
}
"""Rules that need an importance map of each image (saliency, attention or CAM)."""
MIXERS: dict[str, type[MixingRule]] = {
    name: rule for name, rule in RULES.items() if name not in GUIDED
}
"""Rules that need only the images."""

__all__ = [
    "GUIDED",
    "MIXERS",
    "AttentiveCutMix",
    "ContentMixBlock",
    "CutMix",
    "Cutout",
    "FMix",
    "GridMix",
    "GuidedRule",
    "MixBlock",
    "MixGenerator",
    "Mixed",
    "MixingRule",
    "Mixup",
    "PuzzleMix",
    "ResizeMix",
    "SaliencyMix",
    "SmoothMix",
    "SnapMix",
    "blend",
    "interpolate",
]
