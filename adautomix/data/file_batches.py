"""Batches of a `FileSet`: files are read, cropped and resized by processes of their own."""

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from adautomix import processes
from adautomix.data.augment import Geometry, ResizedCrop, normalise
from adautomix.data.file_set import FileSet, Images
from adautomix.data.loaders import Batch, Batches, DeviceBatches, check_batch
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError, InputError
from adautomix.rng import StepRNG

MOST_WORKERS = 8
Share = tuple[int, int]
"""Number of a process, and of all of them."""
ALONE = (0, 1)
Item = tuple[Tensor, Tensor] | DataError
"""uint8 images "b c h w" and labels " b", or why they cannot be read: a worker's exception would
reach the user with a traceback in its text.
"""


class FileBatches:
    """Shuffled training batches of image files.

    Order and crops are functions of (seed, epoch, step), so the number of worker processes does not
    matter. Images are uint8 until they are normalised on the device.

    Args:
        data: the images.
        batch: images of a step over all processes; the last, smaller batch of an epoch is dropped.
        seed: of the order and the crops.
        augment: the crop; images of different sizes need one that gives them a common side.
        device: of the batches.
        rank, world: number of this process and of all; each takes its slice of every batch.
        workers: processes that read; 0 reads in this one. None for one a processor, at most 8.

    Raises:
        InputError: a batch that `DeviceBatches` refuses, or an `augment` of no common side.
        DataError: while iterating, for an image that is missing or cannot be read.
    """

    def __init__(
        self,
        data: FileSet,
        batch: int,
        *,
        seed: int,
        augment: Geometry,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
        workers: int | None = None,
    ):
        check_batch(batch, len(data), world)
        if not isinstance(augment, ResizedCrop):
            raise InputError(
                f"the images of {data.info.title} differ in size, so padding and cropping them "
                "gives no batch: give the recipe augment=ResizedCrop(side=...)."
            )
        self.info, self.device = data.info, torch.device(device)
        self.steps = _Steps(len(data) // batch)
        reader = _Crops(data, batch, seed, augment, rank, batch // world)
        self.loader = prefetched(reader, self.steps, self.device, workers)

    def __len__(self) -> int:
        """Number of steps of an epoch."""
        return self.steps.count

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch, starting at step `skip`."""
        self.steps.epoch, self.steps.skip = number, skip
        for images, labels in _checked(self.loader):
            images = images.to(self.device, non_blocking=True)
            labels = labels.to(self.device, non_blocking=True)
            yield Batch(normalise(images, self.info.mean, self.info.std), labels)


class _Steps(Sampler[tuple[int, int]]):
    """Yields (epoch, step) for the steps of an epoch, from the step `skip`."""

    def __init__(self, count: int):
        self.count, self.epoch, self.skip = count, 0, 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter([(self.epoch, step) for step in range(self.skip, self.count)])

    def __len__(self) -> int:
        return self.count - self.skip


class _Crops(Dataset[Item]):
    """Whole training batches by (epoch, step)."""

    def __init__(
        self, data: FileSet, batch: int, seed: int, augment: ResizedCrop, rank: int, share: int
    ):
        self.data, self.batch, self.seed, self.augment = data, batch, seed, augment
        self.rank, self.share = rank, share

    def __getitem__(self, place: tuple[int, int]) -> Item:
        epoch, step = place
        first = step * self.batch + self.rank * self.share
        chosen = _order(self.seed, epoch, len(self.data))[first : first + self.share]
        overall = epoch * (len(self.data) // self.batch) + step
        rng = StepRNG(self.seed, overall, self.rank, "augment")
        draws = self.augment.draw(self.share, rng)
        images = _empty(self.share, self.augment.side)
        try:
            for k, position in enumerate(chosen.tolist()):
                images[k] = self.augment.one(_pixels(self.data, position), draws.of(k))
        except DataError as error:
            return error
        return images, torch.from_numpy(self.data.labels[chosen])


class _Evaluated(Dataset[Item]):
    """Whole batches for evaluation by number, in the order of the set."""

    def __init__(self, data: FileSet, batch: int, augment: Geometry):
        self.data, self.batch, self.augment = data, batch, augment

    def __getitem__(self, number: int) -> Item:
        positions = range(number * self.batch, min((number + 1) * self.batch, len(self.data)))
        try:
            images = [self.augment.evaluated(_pixels(self.data, i)[None]) for i in positions]
        except DataError as error:
            return error
        return torch.cat(images), torch.from_numpy(self.data.labels[positions[0] :][: len(images)])


def training_batches(
    data: Images, batch: int, *, seed: int, augment: Geometry, device: torch.device | str
) -> Batches:
    """Return this process's training batches: `DeviceBatches` in memory, `FileBatches` on disk."""
    kind: Any = FileBatches if isinstance(data, FileSet) else DeviceBatches
    share = {"rank": processes.rank(), "world": processes.count()}
    return kind(data, batch, seed=seed, augment=augment, device=device, **share)


def evaluated_files(
    data: FileSet,
    augment: Geometry,
    batch: int,
    device: torch.device | str = "cpu",
    workers: int | None = None,
    share: Share = ALONE,
) -> Iterator[tuple[UInt8[Tensor, "b c h w"], Int64[Tensor, " b"]]]:
    """Yield every image of a set once, in order, as evaluation sees it; see `evaluation_batches`.

    Raises InputError for an `augment` of no common side, DataError for an unreadable image.
    """
    augment.side_of(data.info)
    place = torch.device(device)
    numbers = range(share[0], -(-len(data) // batch), share[1])
    reader = _Evaluated(data, batch, augment)
    few = min(_workers() if workers is None else workers, len(numbers))
    loader = prefetched(reader, numbers, place, few)
    for images, labels in _checked(loader):
        yield images.to(place, non_blocking=True), labels.to(place, non_blocking=True)


def prefetched(
    reader: Dataset, order: Sampler | range, device: torch.device, workers: int | None = None
) -> DataLoader:
    """Return a reader's items in an order; processes make them ahead of time.

    Args:
        reader: items by what `order` yields. An item may be an error to be raised by the caller.
        order: of the items.
        device: where tensors will be needed.
        workers: number of processes; 0 for none, None for one a processor, at most `MOST_WORKERS`.
    """
    count = _workers() if workers is None else workers
    return DataLoader(
        reader,
        batch_size=None,
        sampler=order,
        num_workers=count,
        persistent_workers=count > 0,
        pin_memory=device.type == "cuda",
        collate_fn=_unchanged,
    )


def _workers() -> int:
    available = getattr(os, "sched_getaffinity", None)
    cpus = len(available(0)) if available else os.cpu_count() or 1
    return min(MOST_WORKERS, max(1, cpus // processes.neighbours()))


def _unchanged(item: Any) -> Any:
    return item


def _checked(loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    for item in loader:
        if isinstance(item, DataError):
            raise item
        images, labels = item
        yield images, labels


def _empty(count: int, side: int) -> UInt8[Tensor, "count 3 side side"]:
    """Return room for a batch, channels last, as decoders write and convolutions read pixels."""
    return torch.empty((count, side, side, 3), dtype=torch.uint8).permute(0, 3, 1, 2)


def _pixels(data: FileSet, position: int) -> UInt8[Tensor, "3 h w"]:
    return torch.from_numpy(read_rgb(data.path(position))).permute(2, 0, 1)


@lru_cache(maxsize=1)
def _order(seed: int, epoch: int, count: int) -> Int64[np.ndarray, " _"]:
    """Return the order of an epoch; kept, since a worker asks for it at every step."""
    return StepRNG(seed, epoch, stream="order").permutation(count).numpy()
