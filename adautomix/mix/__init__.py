"""Mixing rules: tensors in, tensors out. `MIXERS` and `GUIDED` are the whole registry."""

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

MIXERS: dict[str, type[MixingRule]] = {
    "mixup": Mixup,
    "cutmix": CutMix,
    "fmix": FMix,
    "gridmix": GridMix,
    "resizemix": ResizeMix,
    "saliencymix": SaliencyMix,
    "smoothmix": SmoothMix,
    "cutout": Cutout,
}
"""Rules that need the images alone."""

GUIDED: dict[str, type[GuidedRule]] = {
    "puzzlemix": PuzzleMix,
    "attentivecutmix": AttentiveCutMix,
    "snapmix": SnapMix,
}
"""Rules that need to know what matters in each image."""

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
