"""Protocols: which runs settle a question, written down before they are made, and run in order."""

from adautomix.results.comparison.execute import (
    RunStatus,
    duration,
    in_words,
    run_all,
    statuses,
    treatments_of,
)
from adautomix.results.comparison.plan import Planned, Protocol, read

__all__ = [
    "Planned",
    "Protocol",
    "RunStatus",
    "duration",
    "in_words",
    "read",
    "run_all",
    "statuses",
    "treatments_of",
]
