"""A fixed set of images, mixed again and again while a method learns."""

import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adautomix.data.augment import normalise, to_bytes
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import on_device
from adautomix.evaluate import describe_masks, object_coverage
from adautomix.methods import Method
from adautomix.mix import Mixed
from adautomix.rng import StepRNG

SETS = 6
"""Mixed images that are kept as pictures."""
BATCH, ROUNDS = 100, 8
"""Images a batch and number of batches for the numbers."""
LOOKS = (0.0, 0.1, 0.3, 1.0)
"""When pictures are taken, as shares of the run."""


class MaskMonitor:
    """Always the same images of the evaluated split, with the same partners and ratios.

    Args:
        data: the evaluated split; `masks`, where it has them, are the pixels of the object.
        device: where to mix.
    """

    def __init__(self, data: ImageSet, device: torch.device | str = "cpu"):
        self.data, self.device = data, device
        count = min(BATCH, len(data))
        rounds = min(ROUNDS, len(data) // count)
        order = StepRNG(0, stream="evaluate").permutation(len(data)).numpy()
        self.rounds = [order[i * count : (i + 1) * count] for i in range(rounds)]

    @staticmethod
    def epochs(total: int) -> set[int]:
        """After which epochs pictures are taken."""
        return {round(share * total) for share in LOOKS}

    def look(self, method: Method, notes: dict[str, Tensor], epoch: int) -> None:
        """Adds pictures of this epoch to `notes`, once, where the method mixes anything."""
        if f"mixed_{epoch}" in notes:
            return
        mixed = self._mix(method, 0)
        if mixed is None:
            return
        chosen = mixed.partners[:SETS].cpu()
        parents = torch.from_numpy(self.data.images[self.rounds[0]])[chosen]
        notes["parents"], notes["ratios"] = parents, mixed.ratios[:SETS].float().cpu()
        info = self.data.info
        notes[f"mixed_{epoch}"] = to_bytes(mixed.images[:SETS], info.mean, info.std)
        notes[f"masks_{epoch}"] = (mixed.masks[:SETS].float() * 255).round().byte().cpu()

    def describe(self, method: Method) -> dict[str, float]:
        """Means over all images: `mask_peak`, `area_gap` and, with known objects, `kept_share`."""
        found = [self._numbers(method, i) for i in range(len(self.rounds))]
        found = [numbers for numbers in found if numbers]
        return {
            name: float(np.mean([numbers[name] for numbers in found]))
            for name in (found[0] if found else ())
        }

    def finish(self, method: Method, notes: dict[str, Tensor]) -> None:
        """Adds ratio and kept share of every object to `notes`, flat, where known."""
        objects = self.data.masks
        found = [self._mix(method, i) for i in range(len(self.rounds))]
        mixes = [mixed for mixed in found if mixed is not None]  # all, or none where none mix
        if objects is None or not mixes:
            return
        shares = [self._kept(objects, mixed, i) for i, mixed in enumerate(mixes)]
        notes["kept_ratios"] = _flat([mixed.ratios for mixed in mixes])
        notes["kept"] = _flat(shares)

    def files(self, notes: dict[str, Tensor]) -> dict[str, bytes]:
        """`mixed.npz` from the pictures in `notes`.

        It holds parents, ratios, kept_ratios, kept, and mixed_E and masks_E for each epoch E.
        """
        if not notes:
            return {}
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in notes.items()}
        np.savez_compressed(buffer, **arrays)
        return {"mixed.npz": buffer.getvalue()}

    def _numbers(self, method: Method, i: int) -> dict[str, float]:
        mixed = self._mix(method, i)
        if mixed is None:
            return {}
        numbers = describe_masks(mixed)
        if self.data.masks is not None:
            numbers["kept_share"] = float(self._kept(self.data.masks, mixed, i).mean())
        return numbers

    def _mix(self, method: Method, i: int) -> Mixed | None:
        part = self.data.take(self.rounds[i])
        images, _ = on_device(part, self.device)
        info = self.data.info
        with torch.no_grad():
            return method.mixed(
                normalise(images, info.mean, info.std), StepRNG(0, i, stream="evaluate")
            )

    def _kept(self, objects: np.ndarray, mixed: Mixed, i: int) -> Tensor:
        shown = torch.from_numpy(objects[self.rounds[i]]).to(mixed.masks.device)
        return object_coverage(mixed, shown)


def _flat(tensors: list[Tensor]) -> Tensor:
    """All numbers in a row: a method may mix another number of images in every batch."""
    return torch.cat([tensor.flatten() for tensor in tensors]).half().cpu()
