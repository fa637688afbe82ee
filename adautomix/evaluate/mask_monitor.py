"""`MaskMonitor`, which mixes a fixed set of images repeatedly during training."""

import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adautomix.data.augment import Geometry, normalise, to_bytes
from adautomix.data.evaluation import WHOLE, seen
from adautomix.data.file_set import Images
from adautomix.data.loaders import on_device
from adautomix.evaluate import describe_masks, object_coverage
from adautomix.methods import Method
from adautomix.mix import Mixed
from adautomix.rng import StepRNG

SETS = 6
"""Number of mixed images that are saved."""
BATCH, ROUNDS = 100, 8
"""Images of a batch, and number of batches, over which masks are described."""
LOOKS = (0.0, 0.1, 0.3, 1.0)
"""Times at which mixed images are saved, as fractions of the run."""


class MaskMonitor:
    """Mixes the same images of the evaluated split, with the same random numbers, at any time.

    Args:
        data: the evaluated split; its `masks`, if any, are the pixels of the object.
        device: where to mix.
        augment: whose `evaluated` gives the images their side.
    """

    def __init__(self, data: Images, device: torch.device | str = "cpu", augment: Geometry = WHOLE):
        self.device = device
        count = min(BATCH, len(data))
        rounds = min(ROUNDS, len(data) // count)
        order = StepRNG(0, stream="evaluate").permutation(len(data)).numpy()
        self.rounds = [order[i * count : (i + 1) * count] for i in range(rounds)]
        self.sets = [seen(data.take(chosen), augment) for chosen in self.rounds]

    @staticmethod
    def epochs(total: int) -> set[int]:
        """Return the epochs after which mixed images are saved."""
        return {round(share * total) for share in LOOKS}

    def look(self, method: Method, notes: dict[str, Tensor], epoch: int) -> None:
        """Add this epoch's mixed images and masks to `notes`, once, if the method mixes images."""
        if f"mixed_{epoch}" in notes:
            return
        mixed = self._mix(method, 0)
        if mixed is None:
            return
        chosen = mixed.partners[:SETS].cpu()
        parents = torch.from_numpy(self.sets[0].images)[chosen]
        notes["parents"], notes["ratios"] = parents, mixed.ratios[:SETS].float().cpu()
        info = self.sets[0].info
        notes[f"mixed_{epoch}"] = to_bytes(mixed.images[:SETS], info.mean, info.std)
        notes[f"masks_{epoch}"] = (mixed.masks[:SETS].float() * 255).round().byte().cpu()

    def describe(self, method: Method) -> dict[str, float]:
        """Return means over all images: `mask_peak`, `area_gap` and, if objects are known,
        `kept_share` (object coverage); see `adautomix.evaluate.masks`. Empty if nothing is mixed.
        """
        found = [self._numbers(method, i) for i in range(len(self.sets))]
        found = [numbers for numbers in found if numbers]
        return {
            name: float(np.mean([numbers[name] for numbers in found]))
            for name in (found[0] if found else ())
        }

    def finish(self, method: Method, notes: dict[str, Tensor]) -> None:
        """Add λ and coverage of every object to `notes`, flattened, if objects are known."""
        found = [self._mix(method, i) for i in range(len(self.sets))]
        mixes = [mixed for mixed in found if mixed is not None]  # all, or none where none mix
        if self.sets[0].masks is None or not mixes:
            return
        shares = [self._kept(mixed, i) for i, mixed in enumerate(mixes)]
        notes["kept_ratios"] = _flat([mixed.ratios for mixed in mixes])
        notes["kept"] = _flat(shares)

    def files(self, notes: dict[str, Tensor]) -> dict[str, bytes]:
        """Return the file `mixed.npz` made from `notes`, by name.

        It holds parents, ratios, kept_ratios and kept (λ and coverage of every object), and mixed_E
        and masks_E for each saved epoch E.
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
        if self.sets[i].masks is not None:
            numbers["kept_share"] = float(self._kept(mixed, i).mean())
        return numbers

    def _mix(self, method: Method, i: int) -> Mixed | None:
        images, _ = on_device(self.sets[i], self.device)
        info = self.sets[i].info
        with torch.no_grad():
            return method.mixed(
                normalise(images, info.mean, info.std), StepRNG(0, i, stream="evaluate")
            )

    def _kept(self, mixed: Mixed, i: int) -> Tensor:
        shown = torch.as_tensor(self.sets[i].masks).to(mixed.masks.device)
        return object_coverage(mixed, shown)


def _flat(tensors: list[Tensor]) -> Tensor:
    """Concatenate all values in one axis, as N may differ between batches; float16, on the CPU."""
    return torch.cat([tensor.flatten() for tensor in tensors]).half().cpu()
