"""Batches of every image of a set once, in order, as evaluation sees them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from adautomix.data.augment import Augment, Geometry, normalise
from adautomix.data.file_batches import ALONE, Share, evaluated_files
from adautomix.data.file_set import FileSet, Images
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import Batch, on_device

WHOLE = Augment(0, flip=False)
"""Shows images as they are."""


def evaluation_batches(
    data: Images,
    *,
    augment: Geometry = WHOLE,
    batch: int | None = None,
    device: torch.device | str = "cpu",
    share: Share = ALONE,
) -> Iterator[Batch]:
    """Yield batches of every image of a set once, in order, normalised, without augmentation.

    Args:
        data: in memory or on disk.
        augment: whose `evaluated` gives the images their side.
        batch: images of a batch; None for 500 of up to 64 pixels, else 100.
        device: of the batches.
        share: (i, n) for every n-th batch from the i-th on; n processes have all images in common.

    Raises InputError for images of different sizes and an `augment` of no common side, DataError
    for a file that cannot be read.
    """
    for images, labels in _seen(data, augment, batch, device, share):
        yield Batch(normalise(images, data.info.mean, data.info.std), labels)


def pixel_batches(
    data: Images,
    *,
    augment: Geometry = WHOLE,
    batch: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Yield batches as `evaluation_batches` does, but of pixels in [0, 1]."""
    for images, labels in _seen(data, augment, batch, device):
        yield Batch(images.float() / 255, labels)


def seen(data: Images, augment: Geometry) -> ImageSet:
    """Return the images in memory, of the side and with the pixels that evaluation sees.

    A set in memory that is seen as it is is returned unchanged. Masks are left out of a changed
    one. Memory is 3 bytes a pixel: 150 kB for an image of side 224.
    """
    if isinstance(data, ImageSet) and _as_it_is(data, augment):
        return data
    parts = [images.cpu() for images, _ in _seen(data, augment, None, "cpu")]
    images = np.ascontiguousarray(torch.cat(parts).permute(0, 2, 3, 1).numpy())
    info = replace(data.info, side=augment.side_of(data.info))
    return ImageSet(images, data.labels, data.classes, info, data.split)


def _as_it_is(data: ImageSet, augment: Geometry) -> bool:
    first = torch.from_numpy(data.images[:1]).permute(0, 3, 1, 2)
    return augment.evaluated(first) is first


def _seen(
    data: Images,
    augment: Geometry,
    batch: int | None,
    device: torch.device | str,
    share: Share = ALONE,
) -> Iterator[tuple[UInt8[Tensor, "b c h w"], Int64[Tensor, " b"]]]:
    size = batch or (500 if augment.side_of(data.info) <= 64 else 100)
    if isinstance(data, FileSet):
        yield from evaluated_files(data, augment, size, device, share=share)
        return
    images, labels = on_device(data, device)
    mine = slice(share[0], None, share[1])
    for part, truth in zip(images.split(size)[mine], labels.split(size)[mine], strict=True):
        yield augment.evaluated(part), truth
