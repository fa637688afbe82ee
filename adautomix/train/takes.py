"""`Takes`, which checks what a loader of one's own yields against the model it is for."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from adautomix.data.augment import normalise
from adautomix.data.labels import (
    Labels,
    check_range,
    check_rows,
    check_width,
    class_numbers,
    extremes,
    labels_of,
)
from adautomix.errors import InputError
from adautomix.fields import shown
from adautomix.methods.base import check_counts, training_labels
from adautomix.mix.base import check_images
from adautomix.models import Backbone

Keys = tuple[str, str]
MeanStd = tuple[tuple[float, ...], tuple[float, ...]]


class Takes:
    """Checks of images and labels against a model's input and classes.

    Args:
        backbone: the model.
        keys: of images and labels, for batches that are mappings; None for tuples and lists.
        mean_std: mean and standard deviation of each channel to normalise the images by, which are
            then pixels: uint8, or floating point in [0, 1]. None takes normalised images.

    Raises:
        InputError: weights of the model are not float32.
    """

    def __init__(
        self, backbone: Backbone, keys: Keys | None = None, mean_std: MeanStd | None = None
    ):
        self.dtype = torch.float32
        kinds = {p.dtype for p in backbone.parameters() if p.is_floating_point()}
        for kind in kinds - {self.dtype}:
            raise InputError(
                f"the model's weights are {kind}: give model.float(); bf16 is the "
                "precision of how.numerics, which leaves the weights alone."
            )
        self.backbone, self.keys, self.mean_std = backbone, keys, mean_std
        self._classes: dict[torch.Size, int] = {}

    def images(self, images: Tensor) -> Tensor:
        """Return the images, normalised; InputError unless they are as the model takes them."""
        if self.mean_std is not None:
            images = normalised(images, *self.mean_std)
        elif isinstance(images, Tensor) and images.dtype == torch.uint8:
            raise InputError(
                f"images must be floating point and normalised, not {images.dtype} of shape "
                f"{tuple(images.shape)}: convert and normalise them in the loader, or give "
                "how=How(mean_std=((…), (…))) with mean and standard deviation of each channel."
            )
        check_images(images)
        if images.dtype != self.dtype:
            raise InputError(
                f"the images are {images.dtype}, but the model takes {self.dtype}: "
                f"convert them with images.to({self.dtype})."
            )
        if images.shape[1] != self.backbone.channels:
            self._classes_for(images)
        return images

    def to_train(self, batch: object) -> tuple[Tensor, Labels]:
        """Return images and labels of a training batch; InputError if it is not valid."""
        images, labels, classes = self._parts(batch)
        taken = training_labels(images, labels)
        if taken.ndim == 1:
            low, high = extremes(taken, left_out=False).tolist()
            check_range(low, high, classes)
        else:
            check_width(taken, classes)
            check_rows(taken)
        return images, taken

    def to_test(self, batch: object) -> tuple[Tensor, Tensor]:
        """Return images and class numbers of a test batch; InputError if it is not valid.

        The class of a soft label is the one with the largest share.
        """
        images, labels, classes = self._parts(batch)
        if isinstance(labels, Tensor) and labels.ndim == 2 and labels.shape[1] > 1:
            rows = labels_of(labels, torch.float32)
            check_width(rows, classes)
            check_rows(rows)
            numbers = rows.argmax(dim=1)
        else:
            numbers = class_numbers(labels, classes, left_out=True)
        check_counts(images, numbers)
        return images, numbers

    def _parts(self, batch: Any) -> tuple[Tensor, Tensor, int]:
        """Return checked images, the labels as given, and the number of classes."""
        images, labels = self._pair(batch)
        images = self.images(images)
        *_, height, width = images.shape
        if height != width:
            raise InputError(
                "images must be square, of shape (batch, channels, side, side), "
                f"not {tuple(images.shape)}."
            )
        return images, labels, self._classes_for(images)

    def _pair(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return images and labels as given: the first two of a sequence, or those of the keys."""
        _check_collated(batch)
        mapping = hasattr(batch, "keys")
        if self.keys is not None and mapping:
            for key in self.keys:
                if key not in batch:
                    raise InputError(
                        f"it has no {key!r}, only {', '.join(map(repr, batch.keys()))}: name its "
                        f"images and labels by how=How(keys={likely_keys(batch)})."
                    )
            pair = [batch[key] for key in self.keys]
        elif isinstance(batch, list | tuple) and len(batch) > 1 and self.keys is None:
            pair = list(batch[:2])
        else:
            named = likely_keys(batch) if mapping else '("image", "label")'
            needless = self.keys is not None and isinstance(batch, list | tuple)
            raise InputError(
                "it must be a pair (images, labels) of tensors, or a mapping of which "
                f"how=How(keys={named}) names the two, not {described(batch)}"
                f"{': leave how.keys out' if needless else ''}."
            )
        if not all(torch.is_tensor(part) for part in pair):
            raise InputError(
                "it must be a pair (images, labels) of tensors, not of "
                f"{' and '.join(type(part).__name__ for part in pair)}: convert them in the loader."
            )
        if pair[0].ndim < 4 == pair[1].ndim:
            raise InputError(
                f"its images of shape {tuple(pair[1].shape)} come second: give images and labels, "
                "or their keys, in this order."
            )
        return pair[0], pair[1]

    def _classes_for(self, images: Tensor) -> int:
        """Return the number of logits; InputError if the model fails on images of that shape."""
        shape = images.shape[1:]
        if shape not in self._classes:
            self._classes[shape] = self._measured(images)
        return self._classes[shape]

    def _measured(self, images: Tensor) -> int:
        try:
            return self.backbone.classes(images)
        except InputError as error:
            takes = self.backbone.channels
            if takes in (None, images.shape[1]):
                raise
            if takes == images.shape[3]:
                raise channels_last(images) from error
            raise InputError(
                f"the images are of {images.shape[1]} channel(s), but the model takes "
                f"{takes}: make the model with in_chans={images.shape[1]}."
            ) from error


def _check_collated(batch: Any) -> None:
    """InputError for a list of single examples, mappings or tuples, in place of a batch."""
    several = isinstance(batch, list | tuple) and len(batch) > 0
    if several and all(hasattr(part, "keys") or isinstance(part, tuple) for part in batch):
        raise InputError(
            f"it is a {type(batch).__name__} of {len(batch)} single examples: join them in the "
            "loader by torch's default_collate, the collate_fn that a DataLoader has by default."
        )


def described(batch: Any) -> str:
    """Return in a few words what a loader yielded, for a message."""
    if torch.is_tensor(batch):
        return f"a tensor of shape {tuple(batch.shape)}"
    if hasattr(batch, "keys"):
        return f"a mapping of {', '.join(map(repr, batch.keys()))}"
    if isinstance(batch, list | tuple):
        return f"a {type(batch).__name__} of {len(batch)}"
    return shown(batch)


def likely_keys(batch: Any) -> str:
    """Return the keys that seem to be those of images and labels, for a message; … for none.

    Images are the first tensor of four axes, labels the first of one or two whose key says so.
    """
    axes = {key: batch[key].ndim for key in batch.keys() if torch.is_tensor(batch[key])}  # noqa: SIM118
    images = (key for key, count in axes.items() if count == 4)
    labels = (
        key
        for key, count in axes.items()
        if count in (1, 2) and any(word in str(key).lower() for word in ("label", "target"))
    )
    first, second = (next((f'"{key}"' for key in found), "…") for found in (images, labels))
    return f"({first}, {second})"


def channels_last(images: Tensor) -> InputError:
    """Return the error for images whose channels seem to be the last axis."""
    return InputError(
        f"images must be of shape (batch, channels, height, width), but in {tuple(images.shape)} "
        "the channels seem to come last: give images.permute(0, 3, 1, 2)."
    )


def normalised(
    images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "b c h w"]:
    """Return (x − mean) / std of pixels x: uint8, or floating point in [0, 1].

    Raises InputError for other images, or another number of channels.
    """
    if not isinstance(images, Tensor) or images.ndim != 4:
        raise InputError(
            f"images must be a tensor of shape (batch, channels, height, width), not "
            f"{tuple(images.shape) if isinstance(images, Tensor) else shown(images)}."
        )
    if images.shape[1] != len(mean) == images.shape[3]:
        raise channels_last(images)
    if images.shape[1] != len(mean):
        raise InputError(
            f"how.mean_std is for {len(mean)} channel(s), but the images have {images.shape[1]} in "
            f"shape {tuple(images.shape)}: give one mean and one standard deviation for each."
        )
    if images.dtype == torch.uint8:
        return normalise(images, mean, std)
    check_images(images)
    low, high = images.aminmax()
    if low < 0 or high > 1:
        raise InputError(
            "with how.mean_std the images must be uint8, or pixels in [0, 1], but they run from "
            f"{float(low):g} to {float(high):g}: leave mean_std out if they are normalised already."
        )
    scale = images.new_tensor(mean)[:, None, None], images.new_tensor(std)[:, None, None]
    return (images - scale[0]) / scale[1]
