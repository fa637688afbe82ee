"""Where does the network find its evidence? Grad-CAM on plain and on mixed images (Fig. 11).

Fig. 11 shows every method's own mixed images, so picture and network change at once. Here all
networks see the same ones: the mean of two images, in which neither covers the other. Where the
object's pixels are known, the share of a map's mass that lies on them says what pictures do not.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.data.augment import normalise
from adautomix.data.loaders import on_device
from adautomix.errors import InputError
from adautomix.evaluate import Predictions, cam_share, grad_cam, predictions
from adautomix.evaluate.asking import ranks
from adautomix.evaluate.context import EvalContext, Values
from adautomix.rng import StepRNG

BATCH = 500
CELL = 4
"""Pixels along a side of what is kept of a map; the last features of a CIFAR ResNet have 8."""


@dataclass(frozen=True)
class Pairs:
    """Positions of the two images of every mixed one; their classes differ."""

    first: Int[np.ndarray, " pairs"]
    second: Int[np.ndarray, " pairs"]


@dataclass(frozen=True)
class GradCAMLocalisation:
    """Class activation maps of every image, and of both classes of mixed ones.

    Attributes:
        layer: of whose features the map is, see `grad_cam`.
        pairs: mixed images.
        shown: how many of them are kept as pictures.
        seed: of the choice of the pairs.
    """

    layer: str = "final"
    pairs: int = 200
    shown: int = 3
    seed: int = 0

    def __call__(self, context: EvalContext) -> Values:
        """Shares of mass where objects are known, and the pictures' maps.

        clean_own, clean_area: on the digit, in an image of one; what a constant map would have.
        own, other, area: on the digit asked about and on the other one, in a mixed image.
        both: how often the two classes present are the two that the network puts first.
        shown_first, shown_second: positions; shown_maps: per mille, pair by pair, first class
        first, row by row; shown_probabilities in the same order; shown_cells along a map's side.
        """
        data, device = context.data, context.numerics.device
        images, labels = on_device(data, device)
        clean = normalise(images, data.info.mean, data.info.std)
        pairs = pairs_of(data.labels, self.pairs, self.seed)
        first, second = (torch.from_numpy(i).to(device) for i in (pairs.first, pairs.second))
        mixed = (clean[first] + clean[second]) / 2
        maps = [self._maps(context, mixed, labels[chosen]) for chosen in (first, second)]
        present = torch.stack([labels[first], labels[second]], dim=1).cpu()
        said = predictions(context.normalised, [(mixed, labels[first])]).logits
        found: Values = {"both": _both_first(said, present), "n": len(first)}
        if data.masks is not None:
            objects = torch.from_numpy(data.masks).to(device)
            found |= _one(self._maps(context, clean, labels), objects)
            found |= _two(maps, objects[first], objects[second])
        shares = said.softmax(dim=1).gather(1, present)[: self.shown]
        return found | {
            "shown_first": pairs.first[: self.shown].tolist(),
            "shown_second": pairs.second[: self.shown].tolist(),
            "shown_cells": clean.shape[-1] // CELL,
            "shown_maps": _per_mille([each[: self.shown] for each in maps]),
            "shown_probabilities": [round(float(p), 4) for p in shares.ravel()],
        }

    def _maps(
        self, context: EvalContext, images: Tensor, classes: Tensor
    ) -> Float[Tensor, "b h w"]:
        parts = zip(images.split(BATCH), classes.split(BATCH), strict=True)
        return torch.cat([grad_cam(context.backbone, *part, layer=self.layer) for part in parts])


def pairs_of(labels: Int[np.ndarray, " s"], count: int, seed: int) -> Pairs:
    """Up to `count` pairs of images of two classes; every image is in one pair at most."""
    if count < 1:
        raise InputError(f"pairs must be 1 or more, not {count}.")
    order = StepRNG(seed, stream="evaluate").permutation(len(labels)).numpy()
    first, second = order[: len(order) // 2], order[len(order) // 2 : len(order) // 2 * 2]
    differing = labels[first] != labels[second]
    return Pairs(first[differing][:count], second[differing][:count])


def _one(maps: Float[Tensor, "b h w"], objects: Bool[Tensor, "b h w"]) -> Values:
    """The share of mass on the object of a plain image, and the object's share of the area."""
    return {
        "clean_own": _mean(cam_share(maps, objects)),
        "clean_area": float(objects.cpu().double().mean()),
    }


def _two(
    maps: list[Float[Tensor, "b h w"]],
    first: Bool[Tensor, "b h w"],
    second: Bool[Tensor, "b h w"],
) -> Values:
    """The shares of mass on the object asked about and on the other one, of both maps."""
    own = [cam_share(maps[0], first), cam_share(maps[1], second)]
    other = [cam_share(maps[0], second), cam_share(maps[1], first)]
    return {
        "own": _mean(torch.cat(own)),
        "other": _mean(torch.cat(other)),
        "area": float(torch.cat([first, second]).cpu().double().mean()),
    }


def _mean(shares: Float[Tensor, " b"]) -> float:
    """The mean over maps that are not all zero; a map without evidence has no place for it."""
    return float(shares.cpu().double().nanmean()) if not shares.isnan().all() else 0.0


def _both_first(logits: Float[Tensor, "b k"], present: Int[Tensor, "b 2"]) -> float:
    """How often the two classes present are the two most probable ones."""
    first = [ranks(Predictions(logits, labels)) < 2 for labels in present.unbind(dim=1)]
    return float((first[0] & first[1]).cpu().double().mean())


def _per_mille(maps: list[Float[Tensor, "b h w"]]) -> list[int]:
    """The maps of each pair, in cells of `CELL` × `CELL` pixels, as whole numbers."""
    cells = torch.nn.functional.avg_pool2d(torch.stack(maps, dim=1), CELL)
    return (1000 * cells).round().int().ravel().tolist()
