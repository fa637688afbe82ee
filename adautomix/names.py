"""Registry of training methods and evaluations: name, title, colour, and the class of each.

A method or an evaluation is registered in one line here. `METHODS` of `adautomix.methods`,
`EVALUATIONS` of `adautomix.evaluate`, the recipes, the command line, the figures and the tables
read this registry. Nothing here imports torch.
"""

from importlib import import_module
from typing import Any, NamedTuple

from adautomix.errors import unknown


class Registered(NamedTuple):
    """A registered training method.

    Attributes:
        title: its name in tables and figures.
        home: module and class below `adautomix`, e.g. "mix.cutmix:CutMix": a mixing rule, or the
            hyper-parameter class of a method.
        colour: hex colour of its lines and bars in every figure. Without one, a figure of several
            methods gives it a colour that none of the others has, and other figures `NEUTRAL`.
    """

    title: str
    home: str
    colour: str | None = None


NEUTRAL = "#80858c"
"""Colour of a method without its own, where a figure shows it alone."""


REGISTRY = {
    "plain": Registered("Vanilla", "methods.plain:Plain", "#595959"),
    "mixup": Registered("MixUp", "mix.mixup:Mixup", "#0072b2"),
    "regmixup": Registered("RegMixup", "methods.regmixup:RegMixup", "#3c00c0"),
    "decoupled": Registered("Decoupled Mixup", "methods.decoupled:DecoupledMixup", "#000024"),
    "manifoldmix": Registered("ManifoldMix", "methods.manifold:ManifoldMix", "#6a86f1"),
    "alignmix": Registered("AlignMix", "methods.align:AlignMix", "#524bbc"),
    "cutmix": Registered("CutMix", "mix.cutmix:CutMix", "#009e73"),
    "fmix": Registered("FMix", "mix.fmix:FMix", "#005a00"),
    "gridmix": Registered("GridMix", "mix.gridmix:GridMix", "#596f40"),
    "resizemix": Registered("ResizeMix", "mix.resizemix:ResizeMix", "#1ea1bd"),
    "saliencymix": Registered("SaliencyMix", "mix.saliencymix:SaliencyMix", "#93297c"),
    "smoothmix": Registered("SmoothMix", "mix.smoothmix:SmoothMix", "#be5a96"),
    "cutout": Registered("Cutout", "mix.cutout:Cutout", "#504632"),
    "puzzlemix": Registered("PuzzleMix", "mix.puzzlemix:PuzzleMix", "#3a0551"),
    "attentivecutmix": Registered(
        "AttentiveCutMix", "mix.attentivecutmix:AttentiveCutMix", "#6000f3"
    ),
    "snapmix": Registered("SnapMix", "mix.snapmix:SnapMix", "#641081"),
    "automix": Registered("AutoMix", "methods.automix:AutoMix", "#ae8f4e"),
    "samix": Registered("SAMix", "methods.samix:SAMix", "#481f34"),
    "me_ada": Registered("ME-ADA", "methods.me_ada:MEADA", "#4a0099"),
    "dada": Registered("DADA", "methods.dada:DADA", "#5558f8"),
    "adautomix": Registered("AdAutoMix", "methods.adautomix:AdAutoMix", "#d55e00"),
    "adautomix_released": Registered(
        "AdAutoMix (released code)", "methods.adautomix_released:AdAutoMixReleased", "#510000"
    ),
}
"""Methods by their name in recipes and records, in the order of the tables.

The colours of the four most used methods are Okabe and Ito's (2008). The others were found by a
search within the hue of their family: the CIELAB distance of any two is above 15 for normal,
protanope and deuteranope vision, and each has a contrast of at least 3 on white.
`tests/figures/test_style.py` measures both. Few colours are left that pass, and a method needs none
of its own.
"""


class Evaluated(NamedTuple):
    """A registered evaluation.

    Attributes:
        what: what it measures, as the command line lists it.
        home: module and class below `adautomix`, e.g. "evaluate.attack:FGSM".
        settings: the settings under this name that differ from the defaults of the class.
    """

    what: str
    home: str
    settings: dict[str, Any] = {}  # noqa: RUF012, nobody writes to it


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
    "mixing": Evaluated(
        "loss on the method's own mixed images and on others, and their diversity",
        "evaluate.mixing:OwnMixing",
    ),
}
"""Evaluations by their name in records and on the command line.

A recorded evaluation is identified by its name, its predictor and its settings.
"""


def method_title(key: str) -> str:
    """Return a method's name in tables and figures; InputError if it is not registered."""
    return _registered(key).title


def method_colour(key: str) -> str:
    """Return a method's hex colour, `NEUTRAL` without one; InputError if it is not registered."""
    return _registered(key).colour or NEUTRAL


def title_of(label: str) -> str:
    """Return the title of a registered method; any other label unchanged."""
    return REGISTRY[label].title if label in REGISTRY else label


def load(home: str) -> Any:
    """Import the object that a `home` names: `load("mix.cutmix:CutMix")` returns the class."""
    module, _, name = home.partition(":")
    return getattr(import_module(f"adautomix.{module}"), name)


def _registered(key: str) -> Registered:
    if key not in REGISTRY:
        raise unknown("method", key, REGISTRY)
    return REGISTRY[key]
