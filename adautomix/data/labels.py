"""A loader's labels, checked: class numbers, or for training the share of each class."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.errors import InputError
from adautomix.fields import checked

LEFT_OUT = -100
"""Label of an image that an evaluation leaves out; torch's cross-entropy ignores it by default."""

INTEGERS = (
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
)
Labels = Int[Tensor, " b"] | Float[Tensor, "b classes"]
"""Class numbers, or soft labels: the share of each class, which sum to 1 before class weights."""
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
    labels = _dense(labels)
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


def _dense(labels: Tensor) -> Tensor:
    """Return the labels; InputError unless they are dense and have values."""
    if labels.is_meta or labels.layout != torch.strided:
        raise InputError(
            "labels must be dense and have values, but these are "
            f"{'on the meta device' if labels.is_meta else labels.layout}: "
            "load them on a device, or convert them with labels.to_dense()."
        )
    return labels


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


@dataclass(frozen=True)
@checked
class Targets:
    """What the losses are told in place of the labels y, "b k": w_k ((1 − ε) y_k + ε / K).

    The defaults leave the labels alone. Mixing is linear in the label, so the target of a mixed
    image is the mixed target, Σ_n λ_n w ((1 − ε) y_n + ε / K).

    Attributes:
        smoothing: ε of label smoothing (Szegedy et al., 2016), as torch's `label_smoothing`.
        class_weights: w, one for each class, as torch's `weight`; None for 1.

    Differs from torch: losses are averaged over the images, as torch does for soft labels, also
    where the labels are class numbers; there torch divides by the sum of the weights.
    """

    smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1:
            raise InputError(f"smoothing must lie in [0, 1], not {self.smoothing}.")
        weights = self.class_weights
        if weights is not None and (min(weights, default=0) < 0 or not any(weights)):
            raise InputError(f"class weights must be 0 or more and not all 0, not {weights}.")

    @property
    def plain(self) -> bool:
        """Whether the targets are the labels themselves."""
        return self.smoothing == 0 and self.class_weights is None

    def __call__(self, labels: Labels, classes: int) -> Float[Tensor, "b k"]:
        """Return the targets for class numbers or soft labels of a model with `classes` classes.

        Raises InputError unless there are as many class weights as classes.
        """
        rows = soft(labels, classes)
        if self.smoothing:
            rows = (1 - self.smoothing) * rows + self.smoothing / classes
        if self.class_weights is None:
            return rows
        if len(self.class_weights) != classes:
            raise InputError(
                f"there are {len(self.class_weights)} class weights, but the model has {classes} "
                "classes: give one weight for each."
            )
        return rows * _weights(self.class_weights, rows.device).to(rows.dtype)


def labels_of(labels: object, dtype: torch.dtype) -> Labels:
    """Return labels to train on: class numbers, int64, or soft labels of the given dtype.

    Class numbers are integers of any width, "b" or "b 1"; one-hot or soft labels are rows "b k" of
    any dtype. The values of rows are checked on a CPU, by `check_rows`; a GPU is not waited for.

    Raises:
        InputError: labels of another shape or dtype, or rows that are no shares.
    """
    if not isinstance(labels, Tensor) or labels.ndim != 2 or labels.shape[1] < 2:
        return unchecked_numbers(labels, classes=0)
    rows = _dense(labels).to(dtype)
    if _readable(rows):
        check_rows(rows)
    return rows


def soft(labels: Labels, classes: int) -> Float[Tensor, "b k"]:
    """Return soft labels: one-hot rows, float32, for class numbers; soft labels unchanged.

    Raises:
        InputError: labels of other classes, where they are on the CPU.
    """
    if labels.ndim == 2:
        check_width(labels, classes)
        return labels
    if _readable(labels) and labels.numel():
        low, high = extremes(labels, left_out=False).tolist()
        check_range(low, high, classes)
    return (labels[:, None] == torch.arange(classes, device=labels.device)).float()


def independent(labels: object, classes: int, dtype: torch.dtype) -> Float[Tensor, "b k"]:
    """Return labels of which each is a question of its own (multi-label), as numbers in [0, 1].

    Raises:
        InputError: anything else than rows "b k", or, where they are on the CPU, other values.
    """
    if not isinstance(labels, Tensor) or labels.ndim != 2 or labels.shape[1] != classes:
        found = tuple(labels.shape) if isinstance(labels, Tensor) else type(labels).__name__
        raise InputError(
            f"with multi_label the labels are rows of {classes} numbers, one for each class, not "
            f"{found}: leave multi_label out if an image has one class number."
        )
    rows = _dense(labels).to(dtype)
    if _readable(rows) and not ((rows >= 0) & (rows <= 1)).all():
        raise InputError(
            "with multi_label each label is 0, 1 or between, but these run from "
            f"{float(rows.min()):g} to {float(rows.max()):g}: mend the labels."
        )
    return rows


def check_width(rows: Float[Tensor, "b k"], classes: int) -> None:
    """Raise InputError unless soft labels have as many classes as the model."""
    if rows.shape[1] != classes:
        raise InputError(
            f"the soft labels are of {rows.shape[1]} classes, but the model has {classes}: mend "
            "the labels, or make the model with num_classes to fit."
        )


def _readable(labels: Tensor) -> bool:
    """Whether the values can be read without waiting for a GPU or breaking a graph."""
    return labels.device.type == "cpu" and not torch.compiler.is_compiling()


def check_rows(rows: Float[Tensor, "b k"]) -> None:
    """Raise InputError unless each row holds shares of 0 or more that sum to 1 within 0.01.

    So labels in half precision pass. The host waits for the labels if they are on a GPU.
    """
    sums = rows.sum(dim=1)
    bad = ~((sums - 1).abs() <= 0.01) | (rows < 0).any(dim=1)
    if not bad.any():
        return
    row = int(bad.nonzero()[0])
    rule = f"soft labels are shares of 0 or more that sum to 1, but row {row}"
    if not bool((rows[row] >= 0).all()):
        raise InputError(
            f"{rule} has the entry {float(rows[row].min()):g}: mend the labels, or give their "
            "softmax(dim=1) if they are logits."
        )
    raise InputError(
        f"{rule} sums to {float(sums[row]):g}: divide the rows by their sums if they are weights; "
        "several independent labels an image (multi-label) are only for "
        "MixBatch(…, multi_label=True) in a loop of your own."
    )


@lru_cache
def _weights(values: tuple[float, ...], device: torch.device) -> Float[Tensor, " k"]:
    """Cached, since a copy from pageable host memory makes the host wait for the device."""
    return torch.tensor(values, device=device)
