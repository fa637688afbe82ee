"""One field of a recipe changed by text, as the command line and the names of runs say it."""

import json
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from adautomix.errors import InputError, unknown
from adautomix.recipes.serialise import field_today


def override(value: Any, assignment: str) -> Any:
    """A copy with one field changed, e.g. `override(recipe, "method.n=4")`; values are YAML.

    A field that was renamed may also be called as in older records.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"{assignment!r} changes nothing: write FIELD=VALUE, e.g. method.n=4.")
    said, _, rest = path.strip().partition(".")
    name = field_today(type(value), said) if is_dataclass(value) else said
    known = {f.name for f in fields(value)} if is_dataclass(value) else set()
    if name not in known:
        raise unknown(f"field of {type(value).__name__}", said, known)
    old = getattr(value, name)
    if rest:
        return replace(value, **{name: override(old, f"{rest}={text}")})
    return replace(value, **{name: _read(text, name, old, get_type_hints(type(value))[name])})


def written(value: Any, path: str) -> str:
    """A field's value as one writes it for `override`: 3 for 3.0, null for None.

    >>> from adautomix.recipes import SGD
    >>> written(SGD(lr=1.0), "lr")
    '1'
    """
    for name in path.split("."):
        value = getattr(value, field_today(type(value), name))
    return value if isinstance(value, str) else json.dumps(value).removesuffix(".0")


def _read(text: str, name: str, old: Any, hint: Any) -> Any:
    """The value that `text` stands for, of one of the declared types of the field."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    types = {get_origin(kind) or kind for kind in kinds}
    try:
        new = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"{name}={text} cannot be read: {text!r} is not YAML.") from None
    if float in types and type(new) in (int, str):  # YAML reads 1e-3 as text
        new = _number(new, name)
    if tuple in types and isinstance(new, list):
        new = tuple(_number(item, name) if float in get_args(hint) else item for item in new)
    if type(new) not in types:
        wanted = " or ".join(sorted(kind.__name__ for kind in types))
        raise InputError(f"{name} is {old!r} ({wanted}); {text!r} is not of that type.")
    return new


def _number(text: Any, name: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, not {text!r}.") from None
