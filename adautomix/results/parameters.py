"""Validation of the notebooks' parameters.

A parameter's name has the same meaning in every notebook, so one table serves all of them, and
`adautomix book` can refuse a value before a notebook runs. papermill's command line passes `false`,
lists and `1e4` as text, so text that is a value in YAML is accepted as that value.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import yaml

from adautomix.errors import InputError
from adautomix.fields import shown
from adautomix.names import REGISTRY
from adautomix.record import BUDGETS


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        one, many: descriptions of one value and of several, for messages.
        fits: whether a plain value is of the kind; see `plain`.
    """

    one: str
    many: str
    fits: Callable[[Any], bool]


def one_of(names: Sequence[str]) -> Kind:
    """Return the kind: one of some names."""
    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    return Kind(listed, f"the names {listed}", lambda value: value in tuple(names))


def text(pattern: str, one: str, many: str) -> Kind:
    """Return the kind: text that matches a pattern as a whole."""
    whole = re.compile(pattern, re.DOTALL)
    return Kind(one, many, lambda value: isinstance(value, str) and bool(whole.fullmatch(value)))


def whole(low: int, high: int | float = math.inf) -> Kind:
    """Return the kind: an integer from `low` to `high`, but not True or False."""
    words = _between(low, high)
    return Kind(
        f"a whole number {words}",
        f"whole numbers {words}",
        lambda value: type(value) is int and low <= value <= high,
    )


def number(low: int | float, high: int | float = math.inf) -> Kind:
    """Return the kind: a number from `low` to `high`, but not True, False or NaN."""
    words = _between(low, high)
    return Kind(
        f"a number {words}",
        f"numbers {words}",
        lambda value: type(value) in (int, float) and low <= value <= high,
    )


def list_of(kind: Kind) -> Kind:
    """Return the kind: a list of one or more different values of a kind."""

    def fits(value: Any) -> bool:
        return (
            isinstance(value, list)
            and all(map(kind.fits, value))
            and len(set(value)) == len(value) > 0
        )

    words = f"{kind.many}, at least one and each once"
    return Kind(f"a list of {words}", f"lists of {words}", fits)


def or_none(kind: Kind) -> Kind:
    """Return the kind: None, or a value of a kind."""
    return Kind(
        f"{kind.one}, or None",
        f"{kind.many}, or None",
        lambda value: value is None or kind.fits(value),
    )


def _between(low: int | float, high: int | float) -> str:
    return f"from {low} up" if high == math.inf else f"from {low} to {high}"


def _is_plain(value: Any) -> bool:
    """Whether a notebook can contain the value as a literal."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(v) for name, v in value.items())
    return value is None or type(value) in (bool, int, float, str)


ANY = Kind("text, a number, True, False, None, or lists and dicts of these", "values", _is_plain)
NAMES = list_of(text(".+", "a name", "names"))
FLAG = Kind("True or False", "True and False", lambda value: isinstance(value, bool))
WHERE = text(r"auto|cpu|mps|cuda(:\d+)?", "auto, cpu, cuda, cuda:1 or mps", "devices")

PARAMETERS = {
    "budget": one_of(BUDGETS),
    "data": or_none(text(".+", "the path of a folder or .npz", "paths")),
    "datasets": or_none(NAMES),
    "device": WHERE,
    "every": FLAG,
    "measured_on": one_of(("cpu", "cuda")),
    "methods": list_of(one_of(tuple(REGISTRY))),
    "per_class": or_none(whole(1)),
    "ratio": number(0, 1),
    "ratio_2": number(0, 1),
    "sections": or_none(NAMES),
    "seed": whole(0),
    "seeds": list_of(whole(0)),
    "severities": list_of(whole(1, 5)),
    "steps": whole(1),
    "time_limit": number(0),
    "train": FLAG,
    "train_at": one_of(("none", "lite", "short")),
}
"""Parameter of the notebooks → its kind."""


def accept(name: str, value: Any, kind: Kind | None = None) -> Any:
    """Return the value of a parameter, converted to its kind.

    >>> accept("seeds", (0, 1)), accept("train", "false"), accept("time_limit", "1e4")
    ([0, 1], False, 10000.0)

    Args:
        name: name of the parameter; one that is not in `PARAMETERS` may have any plain value.
        value: what was given; see `plain` for conversions.
        kind: replaces the kind in `PARAMETERS`.

    Raises:
        InputError: the value is neither of its kind nor text for such a value.
    """
    kind = kind or PARAMETERS.get(name, ANY)
    given = plain(value)
    for candidate in (given, _said(given)):
        if kind.fits(candidate):
            return candidate
    raise InputError(f"{name} must be {kind.one}, not {shown(value)}.")


def plain(value: Any) -> Any:
    """Convert tuples, ranges and arrays to lists, numpy scalars to Python's, paths to text.

    Nested values too. papermill would write a tuple as text and fail on a numpy scalar. Other
    values are unchanged.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, PurePath) else value


def _said(value: Any) -> Any:
    """Return the YAML value of a text, or a number such as 1e4, which is text in YAML 1.1."""
    if not isinstance(value, str) or not value.strip():  # YAML reads None there
        return value
    try:
        said = yaml.safe_load(value)
        return float(said) if isinstance(said, str) else said
    except (ValueError, yaml.YAMLError):
        return value
