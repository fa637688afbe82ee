"""Every training method and every evaluation by name, what a reader sees of it, and where it is.

One line registers one: `METHODS` of `adautomix.methods`, `EVALUATIONS` of `adautomix.evaluate`, the
recipes, the command line, the figures and the tables follow it. Nothing here imports torch.
"""

from importlib import import_module
from typing import Any, NamedTuple

from adautomix.errors import unknown


class Registered(NamedTuple):
    """A method as a reader meets it.

    Attributes:
        title: its name in tables and figures.
        colour: of its marks on every page.
        home: module and class below `adautomix`, "mix.cutmix:CutMix": a mixing rule, or the
            hyper-parameters of a method.
    """

    title: str
    colour: str
    home: str


REGISTRY = {
    "plain": Registered("Vanilla", "#595959", "methods.plain:Plain"),
    "mixup": Registered("MixUp", "#0072b2", "mix.mixup:Mixup"),
    "manifoldmix": Registered("ManifoldMix", "#6a86f1", "methods.manifold:ManifoldMix"),
    "alignmix": Registered("AlignMix", "#524bbc", "methods.align:AlignMix"),
    "cutmix": Registered("CutMix", "#009e73", "mix.cutmix:CutMix"),
    "fmix": Registered("FMix", "#005a00", "mix.fmix:FMix"),
    "gridmix": Registered("GridMix", "#596f40", "mix.gridmix:GridMix"),
    "resizemix": Registered("ResizeMix", "#1ea1bd", "mix.resizemix:ResizeMix"),
    "saliencymix": Registered("SaliencyMix", "#93297c", "mix.saliencymix:SaliencyMix"),
    "smoothmix": Registered("SmoothMix", "#be5a96", "mix.smoothmix:SmoothMix"),
    "cutout": Registered("Cutout", "#504632", "mix.cutout:Cutout"),
    "puzzlemix": Registered("PuzzleMix", "#3a0551", "mix.puzzlemix:PuzzleMix"),
    "attentivecutmix": Registered(
        "AttentiveCutMix", "#6000f3", "mix.attentivecutmix:AttentiveCutMix"
    ),
    "snapmix": Registered("SnapMix", "#641081", "mix.snapmix:SnapMix"),
    "automix": Registered("AutoMix", "#ae8f4e", "methods.automix:AutoMix"),
    "samix": Registered("SAMix", "#481f34", "methods.samix:SAMix"),
    "me_ada": Registered("ME-ADA", "#4a0099", "methods.me_ada:MEADA"),
    "dada": Registered("DADA", "#5558f8", "methods.dada:DADA"),
    "adautomix": Registered("AdAutoMix", "#d55e00", "methods.adautomix:AdAutoMix"),
    "adautomix_released": Registered(
        "AdAutoMix (released code)", "#510000", "methods.adautomix_released:AdAutoMixReleased"
    ),
}
"""Methods by the name that recipes and records have, in the order of the tables.

The colours of the four most used are Okabe and Ito's (2008). The others keep to the hue of their
family and were searched for: any two stay apart (CIELAB distance above 15) for normal, protanope
and deuteranope eyes, and all have a contrast of at least 3 on white; `tests/figures/test_style.py`
measures both.
"""


class Evaluated(NamedTuple):
    """An evaluation as a reader meets it.

    Attributes:
        what: it measures, for the command line.
        home: module and class below `adautomix`, "evaluate.attack:FGSM".
        usual: settings that differ from the defaults of the class.
    """

    what: str
    home: str
    usual: dict[str, Any] = {}  # noqa: RUF012, nobody writes to it


SHARED = {"grid": 14, "fill": "mean", "shared": True}
EVALUATIONS = {
    "calibration": Evaluated(
        "calibration errors and reliability diagram", "evaluate.calibration:Confidence"
    ),
    "calibration_scaled": Evaluated(
        "the same after temperature scaling", "evaluate.calibration:Confidence", {"scaled": True}
    ),
    "calibration_released": Evaluated(
        "the same with the bins of the authors' script",
        "evaluate.calibration:Confidence",
        {"bins": 10, "binning": "released"},
    ),
    "fgsm": Evaluated("error under FGSM of 8/255", "evaluate.attack:FGSM"),
    "fgsm_released": Evaluated(
        "error under what the authors' script calls FGSM", "evaluate.attack:ReleasedFGSM"
    ),
    "clamp_released": Evaluated(
        "error under the clamp of that script alone",
        "evaluate.attack:ReleasedFGSM",
        {"epsilon": 0.0},
    ),
    "pgd": Evaluated("error under PGD of 8/255, ten steps", "evaluate.attack:PGD"),
    "corruption": Evaluated(
        "accuracy under each corruption and severity", "evaluate.corruption:Corruptions"
    ),
    "occlusion": Evaluated(
        "accuracy with more and more of each image dropped", "evaluate.occlusion:Occlusions"
    ),
    "occlusion_released": Evaluated(
        "the same as in the authors' script", "evaluate.occlusion:Occlusions", SHARED
    ),
    "cam": Evaluated(
        "where the evidence lies in plain and mixed images (Grad-CAM)",
        "evaluate.localisation:GradCAMLocalisation",
    ),
}
"""Evaluations by the name that records and the command line have.

Name, predictor and settings are the identity of what is recorded.
"""


def method_title(key: str) -> str:
    """The name of a method as a reader sees it; InputError for one that is not registered."""
    return _registered(key).title


def method_colour(key: str) -> str:
    """The colour of a method's marks; InputError for one that is not registered."""
    return _registered(key).colour


def title_of(label: str) -> str:
    """The title of a method; any other label as it is."""
    return REGISTRY[label].title if label in REGISTRY else label


def load(home: str) -> Any:
    """What a registration names: `load("mix.cutmix:CutMix")` is the class."""
    module, _, name = home.partition(":")
    return getattr(import_module(f"adautomix.{module}"), name)


def _registered(key: str) -> Registered:
    if key not in REGISTRY:
        raise unknown("method", key, REGISTRY)
    return REGISTRY[key]
