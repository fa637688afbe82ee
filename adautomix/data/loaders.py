"""Batches for training and evaluation, from a set kept on the device or from any loader."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from adautomix.data.augment import Geometry, normalise
from adautomix.data.image_set import ImageSet
from adautomix.data.labels import Labels
from adautomix.errors import InputError
from adautomix.rng import StepRNG


class _Pair(NamedTuple):
    images: Tensor
    labels: Tensor


class Batch(_Pair):
    """Images (normalised, or pixels in [0, 1]) and their labels, on the device.

    A tuple, so that it can be used wherever a pair (images, labels) can: unpacked in a loop, or in
    a list of batches for `adautomix.fit`.
    """

    __slots__ = ()

    def __new__(cls, images: Float[Tensor, "b c h w"], labels: Labels) -> "Batch":
        return super().__new__(cls, images, labels)


@runtime_checkable
class Batches(Protocol):
    """A source of training batches that can start in the middle of an epoch."""

    def __len__(self) -> int: ...

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]: ...


class DeviceBatches:
    """Shuffled training batches of a small set that is kept on the device as uint8.

    Order and augmentation are functions of (seed, epoch, step).

    Args:
        data: the images.
        batch: images of a step over all processes; the last, smaller batch of an epoch is dropped.
        seed: of the order and the augmentation.
        device: where the images are kept.
        augment: crop, flip and side, or None.
        rank, world: number of this process and of all; each takes its slice of every batch.

    Raises:
        InputError: a batch of less than 2 or more than all images, or one that cannot be divided
            among the processes.
    """

    def __init__(
        self,
        data: ImageSet,
        batch: int,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        augment: Geometry | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        check_batch(batch, len(data), world)
        self.images, self.labels = on_device(data, device)
        self.info, self.batch, self.seed, self.augment = data.info, batch, seed, augment
        self.rank, self.share = rank, batch // world

    def __len__(self) -> int:
        """Number of steps of an epoch."""
        return len(self.labels) // self.batch

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, starting at step `skip`."""
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


def check_batch(batch: int, count: int, world: int) -> None:
    """Raise InputError unless a batch can be drawn from `count` images by `world` processes."""
    if not 2 <= batch <= count:
        raise InputError(
            f"a batch of {batch} cannot be drawn from {count} training images: "
            f"choose a batch between 2 and {count}."
        )
    if batch % world:
        raise InputError(f"a batch of {batch} does not divide among {world} processes.")


Check = Callable[[Any], tuple[Tensor, Tensor]]
"""Function from what a loader yields to (images, labels); InputError if they cannot be used."""


def batches_of(
    loader: Iterable, check: Check, device: torch.device | str, name: str, skip: int = 0
) -> Iterator[Batch]:
    """Yield a loader's batches, checked and moved to the device, starting at batch `skip`.

    Raises:
        InputError: from `check`, with the name of the loader and the number of the batch, from 1.
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
    """Training batches of any loader of images and labels, checked and moved to the device.

    When a run is resumed in the middle of an epoch, the first batches are loaded and dropped; the
    run then equals an uninterrupted one only if the loader's order is a function of the epoch.

    Args:
        loader: a torch `DataLoader`, a list of batches, or another iterable with a length.
        check: applied to every batch.
        device: of the batches.
        steps: batches of an epoch, for a loader without a length or one longer than an epoch is to
            be; an iterator goes on in the next epoch where it stopped. None for the loader's
            length.

    Raises:
        InputError: a loader without a length, or, during iteration, a batch that `check` refuses.
    """

    def __init__(
        self,
        loader: Iterable,
        check: Check,
        device: torch.device | str = "cpu",
        steps: int | None = None,
    ):
        self.loader: Any = loader
        if isinstance(self.loader, Dataset) and not hasattr(loader, "__iter__"):
            raise InputError(
                f"a {type(loader).__name__} gives single images, not batches: wrap it in a torch "
                "DataLoader, e.g. DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)."
            )
        self.check, self.device, self.steps = check, device, steps
        try:
            iter(loader) if steps else len(self)
        except (TypeError, NotImplementedError) as error:  # may come from the loader's dataset
            raise InputError(
                "the loader has no length, so the learning rate's schedule cannot be laid out: "
                "give a torch DataLoader over a dataset with a length, or a list of batches, or "
                "the batches of an epoch by how=How(steps=…)."
            ) from error

    def __len__(self) -> int:
        return self.steps or len(self.loader)

    def first(self) -> Batch | None:
        """Return the first batch, on the CPU; None without one. An iterator keeps it."""
        iterator = iter(self.loader)
        given = list(islice(iterator, 1))
        if iterator is self.loader:
            self.loader = chain(given, iterator)
        return next(batches_of(given, self.check, "cpu", "train loader"), None)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the loader's batches, starting at batch `skip`."""
        set_epoch = getattr(getattr(self.loader, "sampler", None), "set_epoch", None)
        if set_epoch is not None:
            set_epoch(number)
        loader = islice(self.loader, self.steps) if self.steps else self.loader
        yield from batches_of(loader, self.check, self.device, "train loader", skip)


def on_device(data: ImageSet, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return uint8 images "s c h w" and int64 labels " s" on the device."""
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
    return images.to(device), torch.from_numpy(data.labels).to(device)
