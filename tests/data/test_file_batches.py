"""Image files: the number of processes does not matter, and training can start in mid-epoch."""

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
import torch

from adautomix.data import cub200
from adautomix.data.augment import Augment, ResizedCrop
from adautomix.data.evaluation import evaluation_batches, pixel_batches, seen
from adautomix.data.file_batches import FileBatches, evaluated_files
from adautomix.data.file_set import FileSet
from adautomix.errors import DataError, InputError
from adautomix.rng import StepRNG

CROP = ResizedCrop(side=16, shorter=20)
FORKED = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> FileSet:
    """Ten images of two classes and of different sizes."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    names = [f"{i}.png" for i in range(10)]
    for i, name in enumerate(names):
        pixels = rng.integers(0, 256, (20 + i, 30 - i, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(root / name)
    row = replace(cub200.INFO, classes=2, counts={"train": 10})
    listed = np.array([name.encode() for name in names])
    return FileSet(root, listed, np.arange(10) % 2, ("a", "b"), row, "train")


def training(files: FileSet, workers: int = 0, **changes) -> FileBatches:
    settings = {"seed": 3, "augment": CROP} | changes
    return FileBatches(files, 4, workers=workers, **settings)


def drawn(batches: FileBatches, number: int, skip: int = 0) -> list:
    return list(batches.epoch(number, skip))


def assert_same(some, others) -> None:
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


@FORKED
@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes:UserWarning")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_does_not_matter(files, workers):
    alone, several = training(files), training(files, workers=workers)
    for number in (0, 1):
        assert_same(drawn(alone, number), drawn(several, number))
    assert not torch.equal(drawn(alone, 0)[0].images, drawn(alone, 1)[0].images)


@FORKED
@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_goes_on_where_it_was_left(files, workers):
    batches = training(files, workers=workers)
    whole = drawn(batches, 1)
    next(batches.epoch(1))  # left in the middle
    assert_same(drawn(batches, 1, skip=1), whole[1:])
    assert len(batches) == 2


def test_a_batch_is_crops_of_the_images_in_the_order_of_the_epoch(files):
    batches = training(files)
    order = StepRNG(3, 1, stream="order").permutation(10).tolist()
    second = drawn(batches, 1)[1]
    draws = CROP.draw(4, StepRNG(3, 3, 0, "augment"))
    for k, position in enumerate(order[4:8]):
        pixels = np.array(PIL.Image.open(files.path(position)))
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        mean, std = (torch.tensor(x)[:, None, None] for x in (files.info.mean, files.info.std))
        expected = (CROP.one(image, draws.of(k)).float() / 255 - mean) / std
        assert torch.allclose(second.images[k], expected)
        assert second.labels[k] == files.labels[position]


def test_one_image_is_cropped_as_in_a_batch_but_for_rounding():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 40, 50), np.uint8))
    for seed in range(20):
        rng = StepRNG(seed, stream="augment")
        alone = CROP.one(image[0], CROP.draw(1, StepRNG(seed, stream="augment")))
        assert (CROP(image, rng)[0].int() - alone.int()).abs().max() <= 1


def test_processes_share_a_batch(files):
    whole = drawn(training(files), 0)[0].labels
    halves = [drawn(training(files, rank=rank, world=2), 0)[0].labels for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), whole)


def test_evaluation_shows_each_image_once_in_order(files):
    found = list(evaluated_files(files, CROP, 3, workers=0))
    assert [len(labels) for _, labels in found] == [3, 3, 3, 1]
    assert torch.cat([labels for _, labels in found]).tolist() == files.labels.tolist()
    for position, image in enumerate(torch.cat([images for images, _ in found])):
        pixels = torch.from_numpy(np.array(PIL.Image.open(files.path(position))))
        assert torch.equal(CROP.evaluated(pixels.permute(2, 0, 1)[None])[0], image)


@FORKED
def test_seen_holds_what_evaluation_shows(files):
    held = seen(files, CROP)
    assert held.images.shape == (10, 16, 16, 3)
    assert held.info.side == 16
    (shown,) = pixel_batches(files, augment=CROP)
    pixels = (shown.images * 255).round().byte().permute(0, 2, 3, 1)
    assert np.array_equal(pixels.numpy(), held.images)
    again = next(evaluation_batches(held))
    assert torch.equal(again.images, next(evaluation_batches(files, augment=CROP)).images)
    assert seen(held, Augment()) is held


def test_a_set_in_memory_is_seen_at_the_side_of_the_recipe(files):
    held = seen(files, CROP)
    larger = seen(held, Augment(side=24))
    assert larger.images.shape == (10, 24, 24, 3)
    batch = next(evaluation_batches(held, augment=Augment(side=24)))
    assert torch.equal(batch.images, next(evaluation_batches(larger)).images)


@FORKED
@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_named_in_one_sentence(files, tmp_path, workers):
    for i in range(10):
        content = files.path(i).read_bytes()
        (tmp_path / f"{i}.png").write_bytes(content[:50] if i == 7 else content)
    with pytest.raises(DataError, match=r"^\S*7\.png cannot be read as an image: [^\n]*\.$"):
        list(evaluated_files(replace(files, root=tmp_path), CROP, 4, workers=workers))
    batches = training(replace(files, root=tmp_path), workers)
    with pytest.raises(DataError, match=r"^\S*7\.png cannot be read as an image: [^\n]*\.$"):
        drawn(batches, 0) + drawn(batches, 1) + drawn(batches, 2)


def test_padding_and_cropping_images_of_different_sizes_is_refused(files):
    with pytest.raises(InputError, match=r"differ in size.*augment=ResizedCrop"):
        training(files, augment=Augment())
    with pytest.raises(InputError, match=r"differ in size.*augment=ResizedCrop"):
        seen(files, Augment())


def test_a_batch_larger_than_the_set_is_refused(files):
    with pytest.raises(InputError, match="a batch of 12 cannot be drawn from 10"):
        FileBatches(files, 12, seed=0, augment=CROP)
