"""Protocols: which runs settle a question, written down before they are made, and run in order."""

from adautomix.results.comparison.course import (
    Standing,
    conduct,
    duration,
    in_words,
    standings,
    treatments_of,
)
from adautomix.results.comparison.plan import Planned, Protocol, read

__all__ = [
    "Planned",
    "Protocol",
    "Standing",
    "conduct",
    "duration",
    "in_words",
    "read",
    "standings",
    "treatments_of",
]
