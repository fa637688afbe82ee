"""The evaluations by name. Name, predictor and settings are the identity of what is recorded."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from adautomix.errors import unknown
from adautomix.evaluate.attack import FGSM, PGD, ReleasedFGSM
from adautomix.evaluate.calibration import Confidence
from adautomix.evaluate.context import Evaluation
from adautomix.evaluate.corruption import Corruptions
from adautomix.evaluate.localisation import GradCAMLocalisation
from adautomix.evaluate.occlusion import Occlusions

EVALUATIONS: dict[str, Callable[..., Evaluation]] = {
    "calibration": Confidence,
    "calibration_scaled": partial(Confidence, scaled=True),
    "calibration_released": partial(Confidence, bins=10, binning="released"),
    "fgsm": FGSM,
    "fgsm_released": ReleasedFGSM,
    "clamp_released": partial(ReleasedFGSM, epsilon=0.0),
    "pgd": PGD,
    "corruption": Corruptions,
    "occlusion": Occlusions,
    "occlusion_released": partial(Occlusions, grid=14, fill="mean", shared=True),
    "cam": GradCAMLocalisation,
}


def make(name: str, settings: dict[str, Any]) -> Evaluation:
    """The evaluation of that name with some settings changed.

    Raises InputError for a name or a setting that is not there.
    """
    if name not in EVALUATIONS:
        raise unknown("evaluation", name, EVALUATIONS)
    usual = EVALUATIONS[name]
    known = [field.name for field in fields(usual())]
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)
    return usual(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})


def settings_of(name: str, **changes: Any) -> dict[str, Any]:
    """All settings of an evaluation as a record holds them: JSON, lists for tuples.

    >>> settings_of("calibration", bins=10)
    {'bins': 10, 'binning': 'equal', 'scaled': False}
    """
    return json.loads(json.dumps(asdict(make(name, changes))))
