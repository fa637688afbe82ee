"""Eq. 7 and the interpolation of Eq. 4, pixel by pixel."""

import numpy as np
import pytest
import torch

from adautomix.mix import blend, interpolate
from adautomix.rng import rng_for

BATCH, CHANNELS, HEIGHT, WIDTH = 5, 2, 3, 4


def sets(n, height=HEIGHT, width=WIDTH):
    numpy_rng, rng = np.random.default_rng(0), rng_for(0, 1)
    images = torch.tensor(numpy_rng.normal(size=(BATCH, CHANNELS, HEIGHT, WIDTH)))
    masks = torch.tensor(numpy_rng.dirichlet(np.ones(n), (BATCH, height, width))).movedim(-1, 1)
    return images, rng.partners(BATCH, n), masks


@pytest.mark.parametrize("n", [2, 3, 5])
def test_blend_is_eq_7(n):
    images, partners, masks = sets(n)
    slow = np.zeros((BATCH, CHANNELS, HEIGHT, WIDTH))
    for b, c, i, j in np.ndindex(slow.shape):
        for place in range(n):
            slow[b, c, i, j] += images[partners[b, place], c, i, j] * masks[b, place, i, j]
    np.testing.assert_allclose(blend(images, partners, masks), slow, rtol=1e-12)


@pytest.mark.parametrize("n", [2, 4])
def test_interpolate_weighs_every_pixel_of_an_image_alike(n):
    images, partners, _ = sets(n)
    ratios = rng_for(0, 2).ratios(BATCH, n).double()
    slow = np.zeros((BATCH, CHANNELS, HEIGHT, WIDTH))
    for b in range(BATCH):
        for place in range(n):
            slow[b] += float(ratios[b, place]) * images[partners[b, place]].numpy()
    np.testing.assert_allclose(interpolate(images, partners, ratios), slow, rtol=1e-12)


def test_one_mask_may_stand_for_a_row_a_column_or_the_image():
    images, partners, masks = sets(3, height=1)
    assert torch.equal(
        blend(images, partners, masks),
        blend(images, partners, masks.expand(BATCH, 3, HEIGHT, WIDTH)),
    )


def test_the_gradient_of_a_mask_is_the_image_it_uncovers():
    images, partners, masks = sets(3)
    masks.requires_grad_()
    blend(images, partners, masks).sum().backward()
    torch.testing.assert_close(masks.grad, images.sum(1)[partners])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("of_masks", [torch.bfloat16, torch.float32])
def test_the_dtype_is_that_of_the_images_whatever_the_masks_and_ratios_have(dtype, of_masks):
    images, partners, masks = sets(3)
    images, masks = images.to(dtype), masks.to(of_masks)
    found = blend(images, partners, masks)
    assert found.dtype == dtype
    exact = blend(images.double(), partners, masks.double())
    torch.testing.assert_close(found.double(), exact, atol=0.05, rtol=0)
    ratios = rng_for(0, 2).ratios(BATCH, 3)
    assert interpolate(images, partners, ratios).dtype == dtype
