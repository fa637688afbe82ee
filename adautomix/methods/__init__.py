"""Training methods:
`METHODS` maps the name used in recipes to the hyper-parameters with their defaults.
"""

from adautomix.methods.adautomix import AdAutoMix, AdAutoMixMethod
from adautomix.methods.adautomix_released import AdAutoMixReleased, AdAutoMixReleasedMethod
from adautomix.methods.align import AlignMix, AlignMixMethod
from adautomix.methods.automix import AutoMix, AutoMixMethod
from adautomix.methods.base import Losses, Method, MethodConfig
from adautomix.methods.dada import DADA, DADAMethod
from adautomix.methods.fixed import Fixed, FixedMethod
from adautomix.methods.guided import Guided, GuidedMethod
from adautomix.methods.manifold import ManifoldMix, ManifoldMixMethod
from adautomix.methods.me_ada import MEADA, MEADAMethod
from adautomix.methods.plain import Plain, PlainMethod
from adautomix.methods.samix import SAMix, SAMixMethod
from adautomix.mix import (
    AttentiveCutMix,
    CutMix,
    Cutout,
    FMix,
    GridMix,
    Mixup,
    PuzzleMix,
    ResizeMix,
    SaliencyMix,
    SmoothMix,
    SnapMix,
)

METHODS: dict[str, MethodConfig] = {
    "plain": Plain(),
    "mixup": Fixed(Mixup()),
    "cutmix": Fixed(CutMix()),
    "fmix": Fixed(FMix()),
    "gridmix": Fixed(GridMix()),
    "resizemix": Fixed(ResizeMix()),
    "saliencymix": Fixed(SaliencyMix()),
    "smoothmix": Fixed(SmoothMix()),
    "cutout": Fixed(Cutout()),
    "puzzlemix": Guided(PuzzleMix()),
    "attentivecutmix": Guided(AttentiveCutMix()),
    "snapmix": Guided(SnapMix()),
    "manifoldmix": ManifoldMix(),
    "alignmix": AlignMix(),
    "me_ada": MEADA(),
    "dada": DADA(),
    "automix": AutoMix(),
    "samix": SAMix(),
    "adautomix": AdAutoMix(),
    "adautomix_released": AdAutoMixReleased(),
}

__all__ = [
    "DADA",
    "MEADA",
    "METHODS",
    "AdAutoMix",
    "AdAutoMixMethod",
    "AdAutoMixReleased",
    "AdAutoMixReleasedMethod",
    "AlignMix",
    "AlignMixMethod",
    "AutoMix",
    "AutoMixMethod",
    "DADAMethod",
    "Fixed",
    "FixedMethod",
    "Guided",
    "GuidedMethod",
    "Losses",
    "MEADAMethod",
    "ManifoldMix",
    "ManifoldMixMethod",
    "Method",
    "MethodConfig",
    "Plain",
    "PlainMethod",
    "SAMix",
    "SAMixMethod",
]
