"""Checks of batches, images, labels and logits, shared by all evaluations."""

from collections.abc import Iterable, Mapping, Sized

import torch
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.errors import InputError, NotFiniteError
from adautomix.mix.base import check_images


def check_batches(batches: object) -> Iterable:
    """Return `batches`; InputError unless it is an iterable of batches."""
    if isinstance(batches, Tensor | Mapping) or not isinstance(batches, Iterable):
        raise _no_pair(f"a {type(batches).__name__}")
    return batches


def check_pair(batch: object) -> tuple[Tensor, object]:
    """Return (images, labels) of a batch; InputError unless it is such a pair.

    The labels are checked later, by `adautomix.data.labels`.
    """
    if not isinstance(batch, list | tuple):
        raise _no_pair(f"a {type(batch).__name__}")
    if len(batch) != 2:
        raise _no_pair(f"{len(batch)} things at once")
    images, labels = batch
    check_tensor(images)
    if images.ndim < 2:
        raise _no_pair(f"images of shape {tuple(images.shape)}")
    return images, labels


def check_tensor(images: object) -> None:
    """Raise InputError unless the images are a tensor; an array would fail inside the network."""
    if not isinstance(images, Tensor):
        raise InputError(
            f"images must be a tensor, not a {type(images).__name__}: give torch.as_tensor(images)."
        )


def check_finite(images: Tensor) -> None:
    """Raise InputError unless one batch "b c h w" is finite; the host waits for the device."""
    check_tensor(images)
    check_images(images)
    refuse_images(int(not_finite(images)), len(images))


def check_logits(said: object, images: Sized) -> Float[Tensor, "b k"]:
    """Return a predict function's result; InputError unless it has a row of logits an image."""
    what = f"a {type(said).__name__}"
    if isinstance(said, Tensor):
        rows = said.ndim == 2 and len(said) == len(images) and said.shape[1] > 1
        if rows and said.is_floating_point():
            return said
        what = f"{said.dtype} of shape {tuple(said.shape)}"
    raise InputError(
        "logits must be floating point of shape (images, classes), of two classes or more, "
        f"not {what} for {len(images)} images."
    )


def check_count(labels: Tensor, images: Tensor) -> None:
    """Raise InputError unless there is one label for each image."""
    if len(labels) != len(images):
        raise InputError(
            f"{len(images)} images came with {len(labels)} labels: give one label an image."
        )


def check_objects(objects: Tensor, size: tuple[int, ...]) -> None:
    """Raise InputError unless `objects` are bool of shape `size`, one value for each pixel."""
    if objects.dtype != torch.bool or tuple(objects.shape) != tuple(size):
        raise InputError(
            f"objects are {objects.dtype} of shape {tuple(objects.shape)}: mark the pixels of each "
            f"image's object, bool of shape {tuple(size)}."
        )


def not_finite(rows: Tensor) -> Int[Tensor, ""]:
    """Return the number of rows with NaN or infinite values, as a tensor on their device."""
    return (~rows.isfinite()).flatten(1).any(dim=1).sum()


def refuse_images(bad: int, of: int) -> None:
    """Raise InputError if `bad` of `of` images have NaN or infinite values."""
    if bad:
        raise InputError(
            f"{bad} of {of} images hold a NaN or an infinity, so the network's answers to them "
            "mean nothing: repair these images, or leave them out."
        )


def refuse_logits(bad: int, of: int) -> None:
    """Raise NotFiniteError if `bad` of `of` rows of logits have NaN or infinite values."""
    if bad:
        raise NotFiniteError(
            f"{bad} of {of} answers hold logits that are not finite numbers, which have no order: "
            "evaluate a network that converged."
        )


def _no_pair(what: str) -> InputError:
    return InputError(
        f"an evaluation goes through batches that are pairs (images, labels) of tensors, and got "
        f"{what}: give a loader of pairs, or [(images, labels)] for a single one."
    )
