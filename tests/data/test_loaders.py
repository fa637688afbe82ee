"""Batches: every image once an epoch, the same after an interruption, shared without overlap."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from adautomix.data.augment import Augment
from adautomix.data.evaluation import evaluation_batches
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import (
    Batches,
    DeviceBatches,
    LoaderBatches,
    batches_of,
)
from adautomix.data.photodigits import INFO as PHOTODIGITS
from adautomix.errors import InputError

COUNT, SIDE = 24, 4
MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 0.2)


def numbered():
    """24 images of three classes; every pixel of image s has the value 10 s."""
    info = replace(PHOTODIGITS, side=SIDE, classes=3, mean=MEAN, std=STD)
    images = np.empty((COUNT, SIDE, SIDE, 3), np.uint8)
    images[:] = 10 * np.arange(COUNT)[:, None, None, None]
    return ImageSet(images, np.arange(COUNT) % 3, ("a", "b", "c"), info, "train")


def names(batches):
    """Which images came, batch by batch, read off the pixels; the labels must be theirs."""
    found = []
    for images, labels in batches:
        pixels = images.double().movedim(1, -1) * torch.tensor(STD) + torch.tensor(MEAN)
        numbers = (pixels * 255 / 10).mean(dim=(1, 2, 3)).round().long()
        assert torch.equal(labels, numbers % 3)
        found.append(numbers.tolist())
    return found


def flat(batches):
    return list(chain(*names(batches)))


def device_batches(batch=6, **options):
    return DeviceBatches(numbered(), batch, **{"seed": 0, **options})


def test_an_epoch_shows_each_image_once():
    batches = device_batches()
    found = names(batches.epoch(0))
    assert [len(batch) for batch in found] == [6] * len(batches) == [6] * 4
    assert sorted(chain(*found)) == list(range(COUNT))


def test_the_last_smaller_batch_is_dropped():
    batches = device_batches(7)
    found = flat(batches.epoch(0))
    assert len(found) == len(set(found)) == 7 * len(batches) == 21


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(seed, epoch):
        return flat(device_batches(seed=seed).epoch(epoch))

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)
    assert order(0, 0) != sorted(order(0, 0))


@pytest.mark.parametrize("skip", [0, 1, 3, 4])
def test_skipping_is_dropping_crops_and_flips_included(skip):
    batches = device_batches(augment=Augment(1))
    straight, resumed = list(batches.epoch(2))[skip:], list(batches.epoch(2, skip))
    assert len(straight) == len(resumed) == 4 - skip
    for a, b in zip(straight, resumed, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


def test_each_step_of_each_epoch_is_augmented_anew():
    data = numbered()
    data.images[:] = np.arange(16).reshape(4, 4)[None, :, :, None] * 15  # one picture throughout
    batches = DeviceBatches(data, 6, seed=0, augment=Augment(2))
    pictures = [b.images.numpy().tobytes() for epoch in (0, 1) for b in batches.epoch(epoch)]
    assert len(set(pictures)) == 8


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_partition_the_batch_of_one_process(world):
    whole = names(device_batches().epoch(1))
    parts = [names(device_batches(rank=rank, world=world).epoch(1)) for rank in range(world)]
    for step, batch in enumerate(whole):
        assert list(chain(*(part[step] for part in parts))) == batch
        assert all(len(part[step]) == 6 // world for part in parts)


def test_ranks_crop_differently():
    data = numbered()
    data.images[:] = np.arange(16).reshape(4, 4)[None, :, :, None] * 15
    first, second = (
        next(DeviceBatches(data, 12, seed=0, augment=Augment(2), rank=r, world=2).epoch(0)).images
        for r in (0, 1)
    )
    assert not torch.equal(first, second)


def test_images_are_normalised_and_labels_are_numbers():
    images, labels = next(device_batches().epoch(0))
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert images.shape == (6, 3, SIDE, SIDE)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch": 1}, "a batch of 1 cannot be drawn from 24 .* between 2 and 24"),
        ({"batch": 25}, "a batch of 25 cannot be drawn from 24 training images"),
        ({"batch": 6, "world": 4}, "a batch of 6 does not divide among 4 processes"),
    ],
)
def test_impossible_batches_are_named(options, sentence):
    with pytest.raises(InputError, match=sentence):
        device_batches(**options)


def as_it_is(batch):
    return tuple(batch)


def anyones(labels=None, **options):
    images = torch.arange(COUNT).float()[:, None, None, None].expand(COUNT, 3, 2, 2)
    labels = torch.arange(COUNT) % 3 if labels is None else labels
    return DataLoader(TensorDataset(images, labels), batch_size=5, **options)


def test_batches_of_a_loader_are_its_own():
    batches = LoaderBatches(anyones(), as_it_is)
    assert len(batches) == 5
    for mine, (images, labels) in zip(batches.epoch(0), anyones(), strict=True):
        assert torch.equal(mine.images, images)
        assert torch.equal(mine.labels, labels)
    assert [len(batch.labels) for batch in batches.epoch(0, skip=3)] == [5, 4]


def test_both_sources_keep_the_protocol():
    assert isinstance(device_batches(), Batches)
    assert isinstance(LoaderBatches(anyones(), as_it_is), Batches)


def test_the_sampler_of_several_processes_is_told_the_epoch():
    loader = anyones()
    sampler = DistributedSampler(loader.dataset, num_replicas=2, rank=0, seed=0)
    batches = LoaderBatches(anyones(sampler=sampler), as_it_is)
    first, second, again = (
        torch.cat([batch.images[:, 0, 0, 0] for batch in batches.epoch(number)]).tolist()
        for number in (0, 1, 0)
    )
    assert first == again != second


def test_a_batch_that_is_refused_is_named_by_loader_and_number():
    def check(batch):
        if batch[0][0, 0, 0, 0] == 10:
            raise InputError("its first image is number 10.")
        return tuple(batch)

    batches = LoaderBatches(anyones(), check).epoch(0)
    next(batches), next(batches)
    with pytest.raises(
        InputError, match=r"^batch 3 of the train loader: its first image is number"
    ):
        next(batches)
    assert len(list(LoaderBatches(anyones(), check).epoch(0, skip=3))) == 2  # looked at: the rest
    with pytest.raises(InputError, match=r"^batch 3 of the test loader: "):
        list(batches_of(anyones(), check, "cpu", "test loader", skip=2))


class Endless(IterableDataset):
    def __iter__(self):
        return iter(anyones().dataset)


@pytest.mark.parametrize(
    "loader",
    [(batch for batch in anyones()), DataLoader(Endless(), 5), 5, None],
    ids=["generator", "iterable dataset", "number", "nothing"],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_a_loader_without_a_length_is_refused(loader):
    with pytest.raises(InputError, match=r"the loader has no length.*: give a torch DataLoader"):
        LoaderBatches(loader, as_it_is)


@pytest.mark.parametrize("batch", [1, 5, 24, 500])
def test_evaluation_shows_each_image_once_in_order(batch):
    found = names(evaluation_batches(numbered(), batch=batch))
    assert list(chain(*found)) == list(range(COUNT))
    assert max(map(len, found)) == min(batch, COUNT)
