"""Evaluations by name, and their settings."""

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
    name: partial(load(each.home), **each.settings) for name, each in names.EVALUATIONS.items()
}
"""Name → function from settings to an evaluation; registered in `adautomix.names`."""


def make(name: str, settings: dict[str, Any]) -> Evaluation:
    """Return the evaluation of that name with some settings changed.

    Raises InputError for an unknown name or setting.
    """
    if name not in EVALUATIONS:
        raise unknown("evaluation", name, EVALUATIONS)
    kind = EVALUATIONS[name]
    known = [field.name for field in fields(kind())]
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})


def settings_of(name: str, **changes: Any) -> dict[str, Any]:
    """Return all settings of an evaluation as in a record: JSON, lists for tuples.

    >>> settings_of("calibration", bins=10)
    {'bins': 10, 'binning': 'equal', 'scaled': False}
    """
    return json.loads(json.dumps(asdict(make(name, changes))))
