"""Batches from a small set that lies on the device whole, or from any loader."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from adautomix.data.augment import Augment, normalise
from adautomix.data.image_set import ImageSet
from adautomix.errors import InputError
from adautomix.rng import StepRNG


class _Pair(NamedTuple):
    images: Tensor
    labels: Tensor


class Batch(_Pair):
    """Normalised images (or pixels) and their labels, on the device.

    A tuple, so that it stands wherever a pair (images, labels) does: in a loop, in a list for
    `adautomix.fit`.
    """

    __slots__ = ()

    def __new__(cls, images: Float[Tensor, "b c h w"], labels: Int64[Tensor, " b"]) -> "Batch":
        return super().__new__(cls, images, labels)


@runtime_checkable
class Batches(Protocol):
    """A source of training batches that can start in the middle of an epoch."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]: ...


class DeviceBatches:
    """A small set whole on the device as uint8.

    Order and augmentation are functions of (seed, epoch, step).

    Args:
        data: the images.
        batch: images a step over all processes; the last, smaller batch of an epoch is dropped.
        seed: of the order and the augmentation.
        device: where the images live.
        augment: crop and flip, or None.
        rank, world: this process and how many there are; each takes its slice of every batch.
    """

    def __init__(
        self,
        data: ImageSet,
        batch: int,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        augment: Augment | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        if not 2 <= batch <= len(data.labels):
            raise InputError(
                f"a batch of {batch} cannot be drawn from {len(data.labels)} training images: "
                f"choose a batch between 2 and {len(data.labels)}."
            )
        if batch % world:
            raise InputError(f"a batch of {batch} does not divide among {world} processes.")
        self.images, self.labels = on_device(data, device)
        self.info, self.batch, self.seed, self.augment = data.info, batch, seed, augment
        self.rank, self.share = rank, batch // world

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self.labels) // self.batch

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from step `skip` on."""
        order = StepRNG(self.seed, number, stream="order").permutation(
            len(self.labels), self.images.device
        )
        for i in range(skip, len(self)):
            first = i * self.batch + self.rank * self.share
            chosen = order[first : first + self.share]
            images = self.images[chosen]
            if self.augment is not None:
                step = number * len(self) + i
                images = self.augment(images, StepRNG(self.seed, step, self.rank, "augment"))
            yield Batch(normalise(images, self.info.mean, self.info.std), self.labels[chosen])


Check = Callable[[Any], tuple[Tensor, Tensor]]
"""From what a loader yields to its images and labels; InputError if they cannot be used."""


def batches_of(
    loader: Iterable, check: Check, device: torch.device | str, name: str, skip: int = 0
) -> Iterator[Batch]:
    """What a loader yields from batch `skip` on, checked, then moved to the device.

    Raises:
        InputError: of `check`, with the name of the loader and the number of the batch, from 1.
    """
    for i, given in enumerate(loader):
        if i < skip:
            continue
        try:
            images, labels = check(given)
        except InputError as error:
            raise InputError(f"batch {i + 1} of the {name}: {error}") from error
        yield Batch(images.to(device, non_blocking=True), labels.to(device, non_blocking=True))


class LoaderBatches:
    """Batches of anyone's loader of (images, labels), moved to the device.

    On resuming in the middle of an epoch the first batches are loaded and dropped; the run is then
    the same as an uninterrupted one only if the loader's order is a function of the epoch.

    Args:
        loader: a torch `DataLoader`, a list of batches, or what else has a length.
        check: looks at every batch.
        device: where they are wanted.

    Raises:
        InputError: a loader without a length, or, while it is gone through, a batch that `check`
            refuses.
    """

    def __init__(self, loader: Iterable, check: Check, device: torch.device | str = "cpu"):
        self.loader: Any = loader
        self.check, self.device = check, device
        try:
            len(self)
        except (TypeError, NotImplementedError) as error:  # of its dataset, perhaps
            raise InputError(
                "the loader has no length, so the learning rate's schedule cannot be laid out: "
                "give a torch DataLoader over a dataset with a length, or a list of batches."
            ) from error

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The loader's batches from `skip` on."""
        set_epoch = getattr(getattr(self.loader, "sampler", None), "set_epoch", None)
        if set_epoch is not None:
            set_epoch(number)
        yield from batches_of(self.loader, self.check, self.device, "train loader", skip)


def evaluation_batches(
    data: ImageSet, *, batch: int = 500, device: torch.device | str = "cpu"
) -> Iterator[Batch]:
    """Every image of a set once, in order, normalised, without augmentation."""
    images, labels = on_device(data, device)
    for chosen in torch.arange(len(labels), device=images.device).split(batch):
        yield Batch(normalise(images[chosen], data.info.mean, data.info.std), labels[chosen])


def pixel_batches(
    data: ImageSet, *, batch: int = 500, device: torch.device | str = "cpu"
) -> Iterator[Batch]:
    """Every image of a set once, in order, as pixels in [0, 1], not normalised."""
    images, labels = on_device(data, device)
    for pixels, truth in zip(images.split(batch), labels.split(batch), strict=True):
        yield Batch(pixels.float() / 255, truth)


def on_device(data: ImageSet, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """uint8 images "s c h w" and int64 labels " s" on the device."""
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
    return images.to(device), torch.from_numpy(data.labels).to(device)
