"""Conversion of recipes to and from JSON values, with the names used in the first records.

A run's id is the hash of its recipe's JSON form, so that form must not change: a class or a field
that is renamed keeps its recorded name here, and a field declared by `adautomix.fields.added` is
written only if it differs from what the code did before.
"""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from adautomix.data.augment import Augment, ResizedCrop
from adautomix.data.labels import Targets
from adautomix.errors import InputError, unknown
from adautomix.fields import value_before
from adautomix.methods import METHODS
from adautomix.mix import GUIDED, MIXERS
from adautomix.models import Net
from adautomix.recipes.base import SGD, AdamW, Cosine, Recipe

KINDS = {
    kind.__name__: kind
    for kind in (
        *(Recipe, Net, SGD, AdamW, Cosine, Augment, ResizedCrop, Targets),
        *map(type, METHODS.values()),
        *MIXERS.values(),
        *GUIDED.values(),
    )
}
"""Every class that a recipe can hold, by its present name."""
RECORDED_KINDS: dict[str, str] = {}
"""Renamed classes: present name → name in records."""
RECORDED_FIELDS: dict[tuple[str, str], str] = {
    ("AdAutoMix", "classifier_updates"): "classifier_turns",
    ("AdAutoMix", "generator_updates"): "generator_turns",
    ("Cosine", "final_fraction"): "floor",
}
"""Renamed fields: (present class, present field) → field in records."""


def to_dict(value: Any) -> Any:
    """Return a recipe as JSON values; every dataclass has an entry `kind`, its class."""
    if is_dataclass(value):
        kind = type(value)
        kept = {f.name: getattr(value, f.name) for f in fields(value) if _is_written(f, value)}
        plain = {recorded_field(kind, name): to_dict(held) for name, held in kept.items()}
        return {"kind": RECORDED_KINDS.get(kind.__name__, kind.__name__), **plain}
    return list(value) if isinstance(value, tuple) else value


def from_dict(value: Any) -> Any:
    """Invert `to_dict`; InputError for a class or field that this version does not know."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return value
    kind = _kind(value.get("kind"))
    known = {recorded_field(kind, f.name): f for f in fields(kind)}
    for name in value:
        if name not in known and name != "kind":
            raise unknown(f"field of {kind.__name__}", name, known)
    missing = [name for name, f in known.items() if name not in value and _is_required(f)]
    if missing:
        raise InputError(f"a recipe's {kind.__name__} must say {', '.join(missing)}.")
    found = {f.name: value_before(f) for f in known.values()}
    found |= {known[name].name: from_dict(v) for name, v in value.items() if name != "kind"}
    return kind(**{name: held for name, held in found.items() if held is not MISSING})


def recorded_field(kind: type, name: str) -> str:
    """Return a field's name in records; `kind` may be a subclass of the recorded class."""
    renamed = (RECORDED_FIELDS.get((base.__name__, name)) for base in kind.__mro__)
    return next((old for old in renamed if old is not None), name)


def field_today(kind: type, name: str) -> str:
    """Return the present name of a field of `kind`, given that name or the one in records."""
    there = {recorded_field(kind, f.name): f.name for f in fields(kind)}
    return there.get(name, name)


def recorded_path(value: Any, path: str) -> str:
    """Return a path of fields, e.g. "method.n", with the names in records."""
    name, _, rest = path.partition(".")
    today = field_today(type(value), name)
    own = recorded_field(type(value), today)
    return f"{own}.{recorded_path(getattr(value, today), rest)}" if rest else own


def _kind(name: object) -> type:
    """Return the class that records call `name`; InputError if there is none."""
    today = next((new for new, old in RECORDED_KINDS.items() if old == name), name)
    if not isinstance(today, str) or today not in KINDS:
        raise unknown("kind of recipe value", name, KINDS)
    return KINDS[today]


def _is_written(f: Field, value: Any) -> bool:
    """Whether a field is written: always, unless `added` and at its value before it existed."""
    before = value_before(f)
    return before is MISSING or getattr(value, f.name) != before


def _is_required(f: Field) -> bool:
    return f.default is MISSING and f.default_factory is MISSING
