"""A recipe: everything that decides a run but its seed and its cost, as one typed value."""

import json
import math
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from adautomix.data.augment import Augment
from adautomix.errors import InputError, unknown
from adautomix.methods import METHODS, AdAutoMixReleased, MethodConfig, Plain
from adautomix.mix import GUIDED, MIXERS
from adautomix.models import Net


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent (A.3).

    Attributes:
        lr: peak learning rate of the classifier.
        momentum: of the velocity.
        weight_decay: on every parameter of every player, as in the paper's open-source toolbox.
        generator_lr: the generator's own peak rate (γ of Eq. 16); None for the classifier's.
    """

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    generator_lr: float | None = None

    def __post_init__(self):
        _check_rates(self)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in [0, 1), not {self.momentum}.")


@dataclass(frozen=True)
class AdamW:
    """AdamW, for Swin and ConvNeXt (A.3).

    Attributes:
        lr: peak learning rate of the classifier.
        betas: decay of the two moments.
        weight_decay: decoupled.
        generator_lr: the generator's own peak rate; None for the classifier's.
    """

    lr: float = 5e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    generator_lr: float | None = None

    def __post_init__(self):
        _check_rates(self)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas must lie in [0, 1), not {self.betas}.")


def _check_rates(optim: "SGD | AdamW") -> None:
    """InputError for a rate that would climb the loss, or that is not a number."""
    for name in ("lr", "weight_decay", "generator_lr"):
        value = getattr(optim, name)
        if value is not None and not 0 <= value < math.inf:
            raise InputError(f"{name} must be 0 or more, not {value}.")


@dataclass(frozen=True)
class Cosine:
    """The learning rate falls from its peak to `floor` × peak on half a cosine, step by step.

    Attributes:
        floor: share of the peak that is left at the end; 0 anneals to zero, 0.5 is the released
            configuration of AutoMix and AdAutoMix on CIFAR-100 (0.1 to 0.05).
        warmup: steps of linear rise at the start.
    """

    floor: float = 0.0
    warmup: int = 0

    def __post_init__(self):
        if not 0 <= self.floor <= 1:
            raise InputError(f"floor must lie in [0, 1], not {self.floor}.")
        if self.warmup < 0:
            raise InputError(f"warmup must be 0 or more, not {self.warmup}.")


def schedule_of(method: MethodConfig) -> Cosine:
    """To zero, and to half the peak for what the authors released, as in their configuration."""
    return Cosine(floor=0.5 if isinstance(method, AdAutoMixReleased) else 0.0)


@dataclass(frozen=True)
class Recipe:
    """What is trained on what, and how.

    Attributes:
        data: a dataset of the catalogue.
        net: the backbone.
        method: the hyper-parameters of the training method.
        optim: the optimiser.
        schedule: of the learning rate.
        epochs: passes over the training images.
        batch: images a step, over all processes.
        augment: crop and flip.
        per_class: use only the first so many training images of each class; None for all.
        evaluate_every: epochs between two evaluations; each of the last ten epochs is always
            evaluated.
        evaluate_on: the split that is evaluated, "test", or "validation" where settings are being
            chosen.
    """

    data: str
    net: Net = field(default_factory=Net)
    method: MethodConfig = field(default_factory=Plain)
    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    epochs: int = 200
    batch: int = 100
    augment: Augment = field(default_factory=Augment)
    per_class: int | None = None
    evaluate_every: int = 1
    evaluate_on: str = "test"

    def __post_init__(self):
        for name in ("epochs", "batch", "evaluate_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}.")


KINDS = {
    kind.__name__: kind
    for kind in (
        *(Recipe, Net, SGD, AdamW, Cosine, Augment),
        *map(type, METHODS.values()),
        *MIXERS.values(),
        *GUIDED.values(),
    )
}


def to_dict(value: Any) -> Any:
    """A recipe as plain JSON values; every dataclass says its `kind`."""
    if is_dataclass(value):
        found = {f.name: to_dict(getattr(value, f.name)) for f in fields(value)}
        return {"kind": type(value).__name__, **found}
    return list(value) if isinstance(value, tuple) else value


def from_dict(value: Any) -> Any:
    """The inverse of `to_dict`; InputError for a kind or field that this version does not know."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind not in KINDS:
        raise unknown("kind of recipe value", kind, KINDS)
    known = {f.name for f in fields(KINDS[kind])}
    for name in value:
        if name not in known | {"kind"}:
            raise unknown(f"field of {kind}", name, known)
    missing = [f.name for f in fields(KINDS[kind]) if f.name not in value and _required(f)]
    if missing:
        raise InputError(f"a recipe's {kind} must say {', '.join(missing)}.")
    return KINDS[kind](**{name: from_dict(v) for name, v in value.items() if name != "kind"})


def _required(f: Field) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def override(value: Any, assignment: str) -> Any:
    """A copy with one field changed, e.g. `override(recipe, "method.n=4")`; values are YAML.

    Raises:
        InputError: unknown field, or a value that is not of the field's type.
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"{assignment!r} changes nothing: write FIELD=VALUE, e.g. method.n=4.")
    name, _, rest = path.strip().partition(".")
    known = {f.name for f in fields(value)} if is_dataclass(value) else set()
    if name not in known:
        raise unknown(f"field of {type(value).__name__}", name, known)
    old = getattr(value, name)
    if rest:
        return replace(value, **{name: override(old, f"{rest}={text}")})
    return replace(value, **{name: _read(text, name, old, _types(type(value), name))})


def written(value: Any, path: str) -> str:
    """A field's value as one writes it for `override`: 3 for 3.0, null for None.

    >>> written(SGD(lr=1.0), "lr")
    '1'
    """
    for name in path.split("."):
        value = getattr(value, name)
    return value if isinstance(value, str) else json.dumps(value).removesuffix(".0")


def _types(owner: type, name: str) -> set[type]:
    """The types that a field is declared to have: {int, NoneType} for `int | None`."""
    hint = get_type_hints(owner)[name]
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return {get_origin(kind) or kind for kind in kinds}


def _read(text: str, name: str, old: Any, types: set[type]) -> Any:
    """The value that `text` stands for, of one of the declared types of the field."""
    try:
        new = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"{name}={text} cannot be read: {text!r} is not YAML.") from None
    if float in types and type(new) in (int, str):  # YAML reads 1e-3 as text
        new = _number(new, name)
    if isinstance(old, tuple) and isinstance(new, list) and len(new) == len(old):
        new = tuple(_number(item, name) for item in new)
    if type(new) not in types:
        wanted = " or ".join(sorted(kind.__name__ for kind in types))
        raise InputError(f"{name} is {old!r} ({wanted}); {text!r} is not of that type.")
    return new


def _number(text: Any, name: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, not {text!r}.") from None
