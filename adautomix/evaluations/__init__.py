"""Evaluations of recorded runs: computed once from the kept weights, then read from the record.

An evaluation is a frozen dataclass of settings that is called with a `Subject` and gives plain
numbers. `EVALUATIONS` names them all; `evaluate` puts them into the record of a run.
"""

from adautomix.evaluations.named import EVALUATIONS, settings_of
from adautomix.evaluations.recorded import evaluate, held, values
from adautomix.evaluations.subject import Evaluation, Subject, Values

__all__ = [
    "EVALUATIONS",
    "Evaluation",
    "Subject",
    "Values",
    "evaluate",
    "held",
    "settings_of",
    "values",
]
