"""SaliencyMix: boxes around the peaks that OpenCV finds, and what it reads in floats."""

import sys

import numpy as np
import pytest
import torch

from adautomix.errors import InputError
from adautomix.mix import SaliencyMix
from adautomix.mix.saliencymix import peaks, saliency
from adautomix.rng import rng_for

cv2 = pytest.importorskip("cv2")
pytest.importorskip("cv2.saliency")

BATCH, SIDE = 20, 64


def pictures(channels=3):
    """Normalised images of weak noise with one bright square of 4 × 4, and its corners."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 105, (BATCH, channels, SIDE, SIDE))
    corners = rng.integers(4, SIDE - 8, (BATCH, 2))
    for image, (row, column) in zip(pixels, corners, strict=True):
        image[:, row : row + 4, column : column + 4] = 240
    return torch.tensor((pixels / 255 - 0.5) / 0.25, dtype=torch.float32), corners


def hits(images, corners, levels):
    """How many peaks lie in their squares or in the rings that OpenCV finds around them."""
    found = np.floor(peaks(saliency(images, levels)).numpy().T * SIDE)
    return int((np.abs(found - corners - 1.5) < 12).all(1).sum())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_peak_is_the_bright_square(channels):
    assert hits(*pictures(channels), "bytes") >= 0.9 * BATCH


def test_of_floats_opencv_reads_the_bytes_so_that_the_peak_is_elsewhere():
    assert hits(*pictures(), "floats") < BATCH / 3


def published_peak(image):
    """Row and column as the published code seeks them, in an image of floats, channels first."""
    seen = cv2.saliency.StaticSaliencyFineGrained_create().computeSaliency(
        image.numpy().transpose(1, 2, 0)
    )[1]
    seen = (seen * 255).astype("uint8")
    return list(np.unravel_index(np.argmax(seen), seen.shape))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_floats_are_given_to_opencv_as_published(channels, layout):
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.standard_normal((40, channels, 32, 24)), dtype=torch.float32)
    rows, columns = peaks(saliency(images.contiguous(memory_format=layout), "floats"))
    found = torch.stack([rows * 32 - 0.5, columns * 24 - 0.5], dim=1).round().int()
    assert found.tolist() == [published_peak(image) for image in images]


def test_the_map_is_opencv_s_own_of_the_picture_before_normalising():
    grey = np.random.default_rng(0).integers(0, 256, (3, 20, 28), dtype=np.uint8)
    grey[:, 0, :2] = 0, 255  # the scaling finds the full range
    images = torch.tensor((grey[:, None] / 255 - 0.4) / 0.3, dtype=torch.float32)
    for found, picture in zip(saliency(images), grey, strict=True):
        theirs = cv2.saliency.StaticSaliencyFineGrained_create().computeSaliency(picture)[1]
        np.testing.assert_array_equal(found, theirs)


def test_three_channels_are_weighed_as_opencv_weighs_red_green_and_blue():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scaled = np.round((grey - grey.min()) / (grey.max() - grey.min()) * 255).astype(np.uint8)
    theirs = cv2.saliency.StaticSaliencyFineGrained_create().computeSaliency(scaled)[1]
    found = saliency(torch.tensor(picture).permute(2, 0, 1)[None].float())[0]
    assert np.corrcoef(found.flatten(), theirs.flatten())[0, 1] > 0.99


def test_peaks_are_the_middles_of_the_highest_pixels():
    maps = torch.rand(5, 6, 9)
    found = peaks(maps)
    for b in range(5):
        row, column = np.unravel_index(maps[b].numpy().argmax(), (6, 9))
        assert found[:, b].tolist() == pytest.approx([(row + 0.5) / 6, (column + 0.5) / 9])


@pytest.mark.parametrize("peak", ["each", "first"])
def test_boxes_lie_around_the_partner_s_peak(peak):
    images, _ = pictures()
    mixed = SaliencyMix(peak=peak)(images, rng_for(0, 1))
    numbers = rng_for(0, 1)
    numbers.partners(BATCH, 2)
    half = int(SIDE * np.sqrt(1 - numbers.numpy.beta(1, 1, 1))[0]) // 2
    for b in range(BATCH):
        other = mixed.partners[b if peak == "each" else 0, 1:]
        row, column = np.floor(peaks(saliency(images[other]))[:, 0].numpy() * SIDE).astype(int)
        expected = np.zeros((SIDE, SIDE))
        expected[max(row - half, 0) : row + half, max(column - half, 0) : column + half] = 1
        np.testing.assert_array_equal(mixed.masks[b, 1], expected)
    assert (mixed.ratios == mixed.ratios[0]).all() == (peak == "first")


def test_each_sample_may_have_a_ratio_of_its_own():
    images = pictures()[0][:1].expand(BATCH, 3, SIDE, SIDE)
    assert len(SaliencyMix()(images, rng_for(0, 1)).ratios.unique(dim=0)) == 1
    assert len(SaliencyMix(per="sample")(images, rng_for(0, 1)).ratios.unique(dim=0)) > 10


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2.saliency", None)
    with pytest.raises(InputError, match=r"pip install 'adautomix\[saliencymix\]'"):
        SaliencyMix()(pictures()[0], rng_for(0, 1))


def test_unknown_options_are_refused():
    with pytest.raises(InputError, match="unknown choice of saliency peak 'all'"):
        SaliencyMix(peak="all")
    with pytest.raises(InputError, match="unknown kind of grey levels 'float'"):
        SaliencyMix(levels="float")
