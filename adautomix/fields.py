"""Hyper-parameter fields that were added after runs had been recorded without them."""

from dataclasses import MISSING, Field, field
from typing import Any

_BEFORE = "value before the field existed"


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
