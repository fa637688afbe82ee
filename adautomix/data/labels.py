"""Conversion of a loader's labels, integers or one-hot rows, to checked class numbers."""

import torch
from jaxtyping import Int
from torch import Tensor

from adautomix.errors import InputError

LEFT_OUT = -100
"""Label of an image that an evaluation leaves out; torch's cross-entropy ignores it by default."""

INTEGERS = (
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
)
NOT_ONE_HOT = torch.iinfo(torch.int64).min
"""Marks a row that is not one-hot until `check_range` reports it; no class has this number."""


def class_numbers(labels: object, classes: int, *, left_out: bool = False) -> Int[Tensor, " b"]:
    """Return one class number for each image, int64.

    Accepts integers of any width, of shape (b,) or (b, 1), and one-hot rows (b, classes) of any
    dtype. Soft labels are refused, since their largest entry alone would lose information, and so
    are floating-point numbers, whole or not.

    The values are checked, which makes the host wait if the labels are on a GPU. To avoid that,
    call `unchecked_numbers` and, later, `check_range`.

    Args:
        labels: of one batch.
        classes: number of classes of the model.
        left_out: accept `LEFT_OUT` as a label, as an evaluation does; training does not.

    Raises:
        InputError: anything else, or a number outside 0 to classes − 1.
    """
    numbers = unchecked_numbers(labels, classes)
    if numbers.numel():
        low, high = extremes(numbers, left_out=left_out).tolist()
        check_range(low, high, classes)
    return numbers


def unchecked_numbers(labels: object, classes: int) -> Int[Tensor, " b"]:
    """As `class_numbers`, but check shape and dtype alone: values may be out of range."""
    if not isinstance(labels, Tensor):
        raise InputError(
            f"labels must be a tensor of class numbers, not a {type(labels).__name__}: "
            "give torch.as_tensor(labels)."
        )
    if labels.is_meta or labels.layout != torch.strided:
        raise InputError(
            "labels must be dense and have values, but these are "
            f"{'on the meta device' if labels.is_meta else labels.layout}: "
            "load them on a device, or convert them with labels.to_dense()."
        )
    if labels.ndim == 2 and labels.shape[1] == classes > 1:
        return _of_rows(labels)
    if labels.ndim != 1 and (labels.ndim != 2 or labels.shape[1] != 1):
        raise InputError(
            f"labels of shape {tuple(labels.shape)} are neither class numbers of shape (batch,) "
            f"nor one-hot rows of shape (batch, {classes}) for the model's {classes} classes."
        )
    if labels.dtype not in INTEGERS:
        raise InputError(
            f"labels are {labels.dtype}, but class numbers are integers: "
            "give labels.long() if these are whole numbers."
        )
    return labels.long().flatten()


def extremes(numbers: Int[Tensor, " b"], *, left_out: bool) -> Int[Tensor, "2"]:
    """Return the smallest and largest number, on their device; `left_out` ignores `LEFT_OUT`."""
    low = high = numbers
    if left_out:
        kept, limits = numbers != LEFT_OUT, torch.iinfo(torch.int64)
        low, high = numbers.where(kept, limits.max), numbers.where(kept, limits.min)
    return torch.stack([low.min(), high.max()])


def check_range(low: int, high: int, classes: int) -> None:
    """Raise InputError unless all labels from `low` to `high` are numbers of the classes."""
    if low == NOT_ONE_HOT:
        raise InputError(
            "some rows of the labels are not one-hot, a single 1 among zeros: give class numbers, "
            "of soft labels labels.argmax(dim=1) if the largest is meant."
        )
    if low < 0 or high >= classes:
        raise InputError(
            f"labels run from {low} to {high}, but the model has {classes} classes "
            f"(0 to {classes - 1}): "
            "correct the labels, or make the model with as many classes as there are."
        )


def _of_rows(rows: Tensor) -> Int[Tensor, " b"]:
    """Return the position of the 1 in each row, or `NOT_ONE_HOT`."""
    rows = rows if rows.is_floating_point() else rows.long()
    ones, zeros = rows == 1, rows == 0
    hot = (ones.sum(dim=1) == 1) & (zeros.sum(dim=1) == rows.shape[1] - 1)
    return ones.long().argmax(dim=1).where(hot, NOT_ONE_HOT)
