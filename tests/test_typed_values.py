"""What crosses a module's border with tensors is looked at when it is made, while tests run.

The import hook checks functions and dataclasses. It does not look into a named tuple, so a value
with tensors is a frozen dataclass, or says its shapes in a `__new__` of its own.
"""

import ast
from collections.abc import Callable
from dataclasses import FrozenInstanceError, is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from adautomix.data.loaders import Batch
from adautomix.evaluate import Predictions
from adautomix.evaluate.calibration import Bins
from adautomix.evaluate.localisation import Pairs
from adautomix.methods.base import Losses
from adautomix.mix import Mixed
from adautomix.mix.gridmix import Grid
from adautomix.mix.puzzle.energy import Energy, Seams
from adautomix.mix.snapmix import Box
from adautomix.models.backbone import BackboneOutput

PACKAGE = Path(__file__).resolve().parents[1] / "adautomix"
IMAGES, MASKS = torch.rand(4, 3, 8, 8), torch.rand(4, 2, 8, 8)
SHARES = torch.rand(4, 2)
PARTNERS = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]])

GOOD = {
    Mixed: {
        "images": IMAGES,
        "partners": PARTNERS,
        "ratios": SHARES,
        "masks": MASKS,
        "weights": SHARES,
        "sources": MASKS.long(),
    },
    BackboneOutput: {"logits": torch.rand(4, 10), "features": torch.rand(4, 16, 2, 2)},
    Batch: {"images": IMAGES, "labels": torch.arange(4)},
    Predictions: {"logits": torch.rand(4, 10), "labels": torch.arange(4)},
    Bins: {
        "low": np.zeros(5),
        "high": np.ones(5),
        "count": np.arange(5),
        "confidence": np.ones(5),
        "accuracy": np.ones(5),
    },
    Pairs: {"first": np.arange(5), "second": np.arange(5)},
    Energy: {
        "unary": torch.rand(4, 3, 2, 5),
        "down": torch.rand(4, 2, 2),
        "across": torch.rand(4, 3, 1),
    },
    Seams: {name: torch.rand(4, 3, 2) for name in ("aa", "ab", "ba", "bb")},
    Grid: {name: torch.rand(4) for name in ("top", "left", "height", "width", "cell", "hole")},
    Box: {name: torch.rand(4) for name in ("top", "bottom", "left", "right")},
}
"""Each value with the arguments that make it, all with tensors of the right shape."""


def another_rank(value):
    """The same with an axis more."""
    return value[..., None]


def another_count(value):
    """The same without its first row, so of fewer images than the other fields."""
    return value[1:]


def another_dtype(value):
    """Whole numbers for floats, and floats for whole numbers."""
    if isinstance(value, np.ndarray):
        return value.astype(int if value.dtype.kind == "f" else float)
    return value.long() if value.is_floating_point() else value.float()


CASES = [
    (kind, name, change)
    for kind, fields in GOOD.items()
    for name in fields
    for change in (another_rank, another_count, another_dtype)
]


@pytest.mark.parametrize("kind", GOOD)
def test_right_shapes_are_taken(kind: Callable) -> None:
    made = kind(**GOOD[kind])
    assert all(getattr(made, name) is value for name, value in GOOD[kind].items())


@pytest.mark.parametrize(("kind", "name", "change"), CASES)
def test_a_wrong_shape_or_dtype_is_caught(kind: Callable, name: str, change: Callable) -> None:
    with pytest.raises(TypeCheckError):
        kind(**GOOD[kind] | {name: change(GOOD[kind][name])})


@pytest.mark.parametrize("kind", GOOD)
def test_a_value_does_not_change(kind: Callable) -> None:
    with pytest.raises(FrozenInstanceError if is_dataclass(kind) else AttributeError):
        setattr(kind(**GOOD[kind]), next(iter(GOOD[kind])), None)


def test_every_loss_of_a_step_is_a_scalar() -> None:
    one, two = torch.rand(()), torch.rand(2)
    assert Losses.of(one, ce=one, mce=one).terms == {"ce": one, "mce": one}
    for wrong in (lambda: Losses.of(two), lambda: Losses.of(one, ce=one, mce=two, ace=one)):
        with pytest.raises(TypeCheckError):
            wrong()
    with pytest.raises(FrozenInstanceError):
        Losses.of(one).total = two


def test_sides_and_borders_belong_together() -> None:
    good = GOOD[Mixed]
    with pytest.raises(TypeCheckError):
        Mixed(**good | {"masks": good["masks"][..., :-1]})
    good = GOOD[Energy]
    with pytest.raises(TypeCheckError):
        Energy(**good | {"down": good["across"], "across": good["down"]})


def test_a_batch_is_a_pair() -> None:
    batch = Batch(**GOOD[Batch])
    images, labels = batch
    assert isinstance(batch, tuple)
    assert (images is batch.images, labels is batch.labels) == (True, True)
    assert type(batch._replace(labels=labels + 1)) is Batch


UNCHECKED = {
    "Sets": "taken apart where it is used, into arguments that are checked",
    "Draws": "made by one function beside it, and by no caller",
    "Drawn": "made by one function beside it, and by no caller",
}
"""Named tuples with tensors that are left as they are, and why."""


def named_tuples_with_tensors(code: str) -> set[str]:
    """Named tuples with a field of tensors or arrays, but for those that a class below checks."""
    classes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef)]
    bases = {node.name: {ast.unparse(base) for base in node.bases} for node in classes}
    found = set()
    for node in classes:
        fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
        holds = any("Tensor" in each or "np.ndarray" in each for each in fields)
        checked = any(node.name in each for each in bases.values())
        if "NamedTuple" in bases[node.name] and holds and not checked:
            found.add(node.name)
    return found


def test_no_named_tuple_holds_unchecked_tensors() -> None:
    found = [named_tuples_with_tensors(path.read_text()) for path in PACKAGE.rglob("*.py")]
    assert set().union(*found) == UNCHECKED.keys()
    field = 'images: Float[Tensor, "b c h w"]'
    assert named_tuples_with_tensors(f"class A(NamedTuple):\n    {field}") == {"A"}
    assert named_tuples_with_tensors("class A(NamedTuple):\n    n: int") == set()
