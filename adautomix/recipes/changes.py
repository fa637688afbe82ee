"""Changing one field of a recipe by a text FIELD=VALUE, for the command line and names of runs."""

import json
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from adautomix.errors import InputError, unknown
from adautomix.fields import of_type
from adautomix.recipes.serialise import field_today


def override(value: Any, assignment: str) -> Any:
    """Return a copy with one field changed, e.g. `override(recipe, "method.n=4")`.

    Values are YAML. A renamed field may also be given by its name in older records.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"{assignment!r} changes nothing: write FIELD=VALUE, e.g. method.n=4.")
    return _changed(value, path.strip(), text, "")


def _changed(value: Any, path: str, text: str, at: str) -> Any:
    """Return `value`, which is at the path `at` of the whole, with the field at `path` changed."""
    said, _, rest = path.partition(".")
    name = field_today(type(value), said) if is_dataclass(value) else said
    known = {f.name for f in fields(value)} if is_dataclass(value) else set()
    if name not in known:
        meant = [f"{at}{each}" for each in _paths(value) if path and each.endswith(f".{path}")]
        if meant:
            raise InputError(f"unknown field {at + path!r}: did you mean {' or '.join(meant)}?")
        raise unknown(f"field of {type(value).__name__}", said, known)
    old = getattr(value, name)
    if rest:
        return replace(value, **{name: _changed(old, rest, text, f"{at}{said}.")})
    hint = get_type_hints(type(value))[name]
    return replace(value, **{name: _read(text, f"{at}{said}", hint)})


def _paths(value: Any) -> list[str]:
    """Return the path of every field of a dataclass and of those in it, e.g. "method.n"."""
    if not is_dataclass(value):
        return []
    return [
        path
        for f in fields(value)
        for path in (f.name, *(f"{f.name}.{below}" for below in _paths(getattr(value, f.name))))
    ]


def written(value: Any, path: str) -> str:
    """Return a field's value as text for `override`: 3 for 3.0, null for None.

    >>> from adautomix.recipes import SGD
    >>> written(SGD(lr=1.0), "lr")
    '1'
    """
    for name in path.split("."):
        value = getattr(value, field_today(type(value), name))
    return value if isinstance(value, str) else json.dumps(value).removesuffix(".0")


def _read(text: str, name: str, hint: Any) -> Any:
    """Parse `text` to a value of one of the field's declared types; InputError for others."""
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
    return of_type(hint, new, name)


def _number(text: Any, name: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, not {text!r}.") from None
