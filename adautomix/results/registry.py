"""Experiments by name. Importing them does not import torch."""

from adautomix.errors import unknown
from adautomix.names import REGISTRY
from adautomix.results.ablations import ABLATIONS
from adautomix.results.columns import BY_COLUMN
from adautomix.results.controls import CONTROLS
from adautomix.results.experiment import EMBEDDED, Experiment
from adautomix.results.mechanism import MECHANISM
from adautomix.results.photographs import PHOTOGRAPHS
from adautomix.results.reporting import REPORTING

FLOOR = "schedule.floor=0.5"

EXPERIMENTS: dict[str, Experiment] = {
    "reporting": REPORTING,
    "controls": CONTROLS,
    "mechanism": MECHANISM,
    **ABLATIONS,
    **PHOTOGRAPHS,
    "photodigits": Experiment(
        "PhotoDigits, the embedded default",
        family=EMBEDDED,
        methods=("plain", "mixup", "cutmix", "adautomix"),
    ),
    **BY_COLUMN,
    "evaluations": Experiment(
        "Calibration, robustness, occlusion and class maps of trained networks",
        family="cifar100/resnet18",
        methods=("plain", "mixup", "cutmix", "automix", "adautomix"),
        also_photodigits=True,
    ),
    "mixed-images": Experiment(
        "What learned methods paint",
        family="cifar100/resnet18",
        methods=("adautomix", "automix", "samix", "adautomix_released"),
    ),
    "every-method": Experiment(
        "Every method of the package on PhotoDigits",
        family=EMBEDDED,
        methods=tuple(REGISTRY),
    ),
    "paper-vs-code": Experiment(
        "The generator's objective and the schedule: the paper's, and the released code's",
        family=EMBEDDED,
        methods=("adautomix", "adautomix_released"),
        variants={
            "AdAutoMix, adversary 1": "adautomix/method.adversary=1",
            "AdAutoMix, floor": f"adautomix/{FLOOR}",
            "released, paper's signs": "adautomix_released/method.signs=paper",
            "released, classifier's loss": "adautomix_released/method.adversary=1",
            "released, to zero": "adautomix_released/schedule.floor=0",
        },
    ),
    "floor": Experiment(
        "The learning rate annealed to zero, or to half of its peak",
        family=EMBEDDED,
        methods=(),
        variants={
            f"{label}{words}": f"{method}{change}"
            for label, method in {
                "Vanilla": "plain",
                "MixUp": "mixup",
                "CutMix": "cutmix",
                "AutoMix": "automix",
                "AdAutoMix": "adautomix",
            }.items()
            for words, change in {", to zero": "", ", floor": f"/{FLOOR}"}.items()
        },
    ),
}


def get(name: str) -> Experiment:
    """Return the experiment of that name. Raises InputError if there is none."""
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
