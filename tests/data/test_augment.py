"""Crop and flip against every crop that numpy can make; normalisation against numpy."""

import numpy as np
import pytest
import torch

from adautomix.data.augment import Augment, normalise
from adautomix.errors import InputError
from adautomix.rng import rng_for

MODES = {"black": "constant", "reflect": "reflect"}
each_border = pytest.mark.parametrize("border", MODES)


def batch_of(count, height=6, width=9, channels=3):
    rng = np.random.default_rng(0)
    return torch.tensor(rng.integers(0, 256, (count, channels, height, width), np.uint8))


def every_crop(image, padding, border):
    """All crops of a padded image "c h w" as it is and mirrored, by (row, column, mirrored)."""
    wide = np.pad(image, ((0, 0), (padding, padding), (padding, padding)), MODES[border])
    _, height, width = image.shape
    found = {}
    for row in range(2 * padding + 1):
        for column in range(2 * padding + 1):
            crop = wide[:, row : row + height, column : column + width]
            found[row, column, False] = crop
            found[row, column, True] = crop[:, :, ::-1]
    return found


def which_crops(image, result, padding, border):
    """The crops that `result` is: one, but that a reflection may look like its mirror image."""
    crops = every_crop(image.numpy(), padding, border)
    return [key for key, crop in crops.items() if np.array_equal(crop, result.numpy())]


@each_border
@pytest.mark.parametrize("padding", [1, 4])
def test_each_image_becomes_one_crop_of_itself_padded_perhaps_mirrored(border, padding):
    images = batch_of(24)
    results = Augment(padding, border=border)(images, rng_for(0, 1, stream="augment"))
    assert results.dtype == torch.uint8
    for image, result in zip(images, results, strict=True):
        assert which_crops(image, result, padding, border)


@each_border
def test_all_crops_are_equally_frequent(border):
    image = batch_of(1, 4, 5, 1)
    results = Augment(1, border=border)(image.expand(5400, 1, 4, 5), rng_for(0, 1))
    crops = every_crop(image[0].numpy(), 1, border)
    counts = {key: (results.numpy() == crop).all((1, 2, 3)).sum() for key, crop in crops.items()}
    assert sum(counts.values()) == 5400
    assert len(counts) == 18
    assert all(abs(count - 300) < 6 * 300**0.5 for count in counts.values())


@each_border
def test_without_flip_nothing_is_mirrored(border):
    images = batch_of(24)
    results = Augment(2, flip=False, border=border)(images, rng_for(0, 1))
    for image, result in zip(images, results, strict=True):
        ((_, _, mirrored),) = which_crops(image, result, 2, border)
        assert not mirrored


@each_border
def test_without_padding_and_flip_nothing_changes(border):
    images = batch_of(5)
    assert torch.equal(Augment(0, flip=False, border=border)(images, rng_for(0, 1)), images)


def test_without_padding_an_image_is_itself_or_its_mirror():
    images = batch_of(24)
    results = Augment(0)(images, rng_for(0, 1))
    mirrored = [torch.equal(r, i.flip(2)) for r, i in zip(results, images, strict=True)]
    kept = [torch.equal(r, i) for r, i in zip(results, images, strict=True)]
    assert sum(mirrored) + sum(kept) == 24
    assert min(sum(mirrored), sum(kept)) > 4


@each_border
def test_a_padding_wider_than_the_image(border):
    images = batch_of(6, 3, 4)
    results = Augment(11, flip=False, border=border)(images, rng_for(0, 1))
    for image, result in zip(images, results, strict=True):
        assert which_crops(image, result, 11, border)


def test_same_draw_same_crops_and_the_input_is_untouched():
    images = batch_of(8)
    augment = Augment(4)
    once, again, other = (augment(images, rng_for(0, step)) for step in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(images, batch_of(8))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"border": "blck"}, "unknown border 'blck': did you mean 'black'"),
        ({"padding": -1}, "padding must be 0 or more, not -1"),
    ],
)
def test_impossible_settings_are_named(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Augment(**options)


def test_normalise_is_that_of_numpy():
    images, mean, std = batch_of(4), (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    channels_last = images.numpy().transpose(0, 2, 3, 1).astype(np.float64)
    expected = ((channels_last / 255 - mean) / std).transpose(0, 3, 1, 2)
    found = normalise(images, mean, std)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
