"""Fields of dataclasses: type checks with a readable error, and fields added to what is recorded.

`checked`, written between `@dataclass(frozen=True)` and the class, checks every field of a new
object; `of_type` checks one value. Numpy scalars are converted to Python numbers, lists and arrays
to tuples, so that equal settings are stored and hashed alike. A field declared float accepts an int
and keeps it. Booleans and strings are not accepted as numbers, nor are NaN and infinity.

`added` declares a hyper-parameter that did not exist when runs were recorded.
"""

import sys
from dataclasses import MISSING, Field, field, fields
from functools import cache
from textwrap import shorten
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from adautomix.errors import InputError

WORDS = {
    bool: "True or False",
    int: "a whole number (int)",
    float: "a finite number",
    str: "text",
    NoneType: "None",
}
"""Type → its description in an error message."""
_REFUSED = object()
_BEFORE = "value before the field existed"

Kind = TypeVar("Kind", bound=type)


def checked(kind: Kind) -> Kind:
    """Class decorator: check the types of all fields before the dataclass's own `__post_init__`.

    Creating an object then raises InputError for a value that is not of the field's declared type.
    """
    own = getattr(kind, "__post_init__", lambda self: None)

    def __post_init__(self: object) -> None:
        own_kind: type = type(self)
        for name, hint in _hints(own_kind).items():
            object.__setattr__(self, name, of_type(hint, getattr(self, name), name))
        own(self)

    made: Any = kind
    made.__post_init__ = __post_init__
    return kind


def of_type(hint: Any, value: Any, name: str) -> Any:
    """Return `value` converted to the declared type `hint`.

    Args:
        hint: a class, a union of classes, or a tuple type.
        value: what was given.
        name: how the error message calls the value.

    Raises:
        InputError: the value is not of that type.

    >>> of_type(tuple[float, float], [np.float64(0.5), 1], "betas")
    (0.5, 1)
    """
    taken = _taken(hint, value)
    if taken is _REFUSED:
        kind = ", a class" if isinstance(value, type) else ""
        raise InputError(f"{name} must be {_words(hint)}, not {shown(value)}{kind}.")
    return taken


def shown(value: Any) -> str:
    """Return the repr of a value, shortened to at most 80 characters on one line."""
    return shorten(repr(value), 80, placeholder=" …")


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the declared type of each field of a dataclass, by name."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _taken(hint: Any, value: Any) -> Any:
    """Return the value, converted where that loses nothing; `_REFUSED` if the type is wrong."""
    if type(value) is hint is not float:  # nearly always, and several times a step
        return value
    value = value.item() if isinstance(value, np.generic) else value
    if get_origin(hint) is UnionType:
        each = (_taken(option, value) for option in get_args(hint))
        return next((found for found in each if found is not _REFUSED), _REFUSED)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value)
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number and abs(value) <= sys.float_info.max else _REFUSED
    if hint is int and isinstance(value, bool):
        return _REFUSED
    return value if isinstance(value, hint) and not isinstance(value, type) else _REFUSED


def _tuple(hints: tuple[Any, ...], value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value  # an array, or torch's tensor
    if not isinstance(value, tuple | list):
        return _REFUSED
    each = [hints[0]] * len(value) if hints[-1] is Ellipsis else hints
    if len(each) != len(value):
        return _REFUSED
    found = tuple(map(_taken, each, value))
    return _REFUSED if any(item is _REFUSED for item in found) else found


def _words(hint: Any) -> str:
    if get_origin(hint) is UnionType:
        return " or ".join(map(_words, get_args(hint)))
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        count = "" if rest[-1:] == [Ellipsis] else f"{1 + len(rest)} "
        return f"a tuple of {count}values, each {_words(first)}"
    return WORDS.get(hint) or f"of type {hint.__name__}"


def added(before: Any, *, default: Any = MISSING) -> Any:
    """Declare a dataclass field that did not exist when runs of its class were first recorded.

    A run is found by the hash of its recipe, so an additional field would change the id of every
    earlier run. A field declared here is left out of the recipe's JSON form while it has the value
    `before`, and a JSON form without it is read as `before`.

    Args:
        before: the value that describes what the code did without the field. It must never change.
        default: default of the field in new objects; `before` unless given.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Cosine:
    ...     warmup: int = 0
    ...     cycles: int = added(before=1)
    >>> Cosine()
    Cosine(warmup=0, cycles=1)
    """
    return field(default=before if default is MISSING else default, metadata={_BEFORE: before})


def value_before(f: Field) -> Any:
    """Return the value `before` of a field made by `added`; `MISSING` for any other field."""
    return f.metadata.get(_BEFORE, MISSING)
