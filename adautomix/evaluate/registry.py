"""The evaluations by name."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from adautomix import names
from adautomix.errors import unknown
from adautomix.evaluate.context import Evaluation
from adautomix.names import load

Factory = Callable[..., Evaluation]


EVALUATIONS: dict[str, Factory] = {
    name: partial(load(each.home), **each.usual) for name, each in names.EVALUATIONS.items()
}
"""Settings to an evaluation, by name; registered in `adautomix.names`."""


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
