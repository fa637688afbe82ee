"""Fields of hyper-parameters that were added after runs had been recorded without them."""

from dataclasses import MISSING, Field, field
from typing import Any

_BEFORE = "value before the field existed"


def added(before: Any, *, default: Any = MISSING) -> Any:
    """A dataclass field that did not exist when the first runs of its class were recorded.

    A run is found by the hash of its recipe, so one field more would orphan every record. A field
    that was `added` is left out of the recipe's plain form while it has the value `before`, and a
    plain form without it is read as `before`.

    Args:
        before: what the code did when the field did not exist. It must never change.
        default: for new values; as `before` unless given.

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
    """What a field that was `added` meant before it existed; `MISSING` for any other field."""
    return f.metadata.get(_BEFORE, MISSING)
