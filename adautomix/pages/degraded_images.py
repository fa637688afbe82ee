"""Corrupted and occluded example images, as the arguments of figures."""

from collections.abc import Sequence

import numpy as np
import torch

from adautomix import data
from adautomix.data.corrupted import corrupted
from adautomix.data.corruptions import SEVERITIES
from adautomix.evaluate import PatchDrop
from adautomix.evaluate.corruption import runnable


def corrupted_pictures(name: str = "photodigits", position: int = 0) -> dict:
    """Return the arguments of `figures.corruption_sheet`: a test image under all corruptions."""
    image = data.load(name, "test").images[position]
    ways = {
        kind: np.concatenate([corrupted(image[None], kind, severity) for severity in SEVERITIES])
        for kind in runnable()
    }
    return {"clean": image, "corrupted": ways}


def occluded_pictures(
    positions: Sequence[int],
    name: str = "photodigits",
    shares: Sequence[float] = (0.0, 0.3, 0.5, 0.7, 0.9),
) -> dict:
    """Return the arguments of `figures.contact_sheet`: test images with dropped cells."""
    images = data.load(name, "test").images[list(positions)]
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    drop = PatchDrop()
    orders = drop.orders(pixels, drop.rng())
    shown = [drop(pixels, orders, share).permute(0, 2, 3, 1).numpy() for share in shares]
    rows = np.stack(shown, axis=1).reshape(-1, *images.shape[1:])
    labels = [f"{100 * share:.0f} %" for share in shares] * len(images)
    return {"images": rows, "labels": labels, "columns": len(shares)}
