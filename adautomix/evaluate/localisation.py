"""The evaluation "cam": Grad-CAM localisation on plain and on mixed images (Fig. 11).

Fig. 11 shows each method's own mixed images, so image and network change together. Here all
networks get the same images: the mean of two, in which neither covers the other. If the object's
pixels are known, the share of a map's sum that lies on them is measured.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.data.augment import normalise
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import on_device
from adautomix.errors import InputError
from adautomix.evaluate import Predictions, cam_share, grad_cam, predictions
from adautomix.evaluate.checked_predict import ranks
from adautomix.evaluate.context import EvalContext, Values
from adautomix.rng import StepRNG

BATCH = 500
CELL = 4
"""Side in pixels of the cells to which recorded maps are averaged; a position of the last features
of a CIFAR ResNet has 8.
"""


@dataclass(frozen=True)
class Pairs:
    """Positions in the split of the two images of each mixed one; their classes differ."""

    first: Int[np.ndarray, " pairs"]
    second: Int[np.ndarray, " pairs"]


@dataclass(frozen=True)
class GradCAMLocalisation:
    """Grad-CAM maps of every image, and of both classes of mixed images.

    Attributes:
        layer: the features the map is computed from, see `grad_cam`.
        pairs: maximum number of mixed images.
        shown: number of mixed images whose maps are recorded.
        seed: of the choice of the pairs.
    """

    layer: str = "final"
    pairs: int = 200
    shown: int = 3
    seed: int = 0

    def __call__(self, context: EvalContext) -> Values:
        """Return shares of the maps' sums on the objects, if these are known, and some maps.

        - clean_own: share on the object in plain images; clean_area: chance, a constant map's.
        - own, other, area: share on the object of the map's class and on the other object in mixed
          images; chance.
        - both: fraction of mixed images whose two classes are the two most probable.
        - n: number of mixed images.
        - shown_first, shown_second: positions of the recorded pairs; shown_maps: their maps in per
          mille, pair by pair, first class first, row by row; shown_probabilities: of the classes,
          in the same order; shown_cells: cells along a map's side.
        """
        data, device = context.data, context.numerics.device
        pairs = pairs_of(data.labels, self.pairs, self.seed)
        chosen = [context.held(positions) for positions in (pairs.first, pairs.second)]
        (first, one), (second, other) = (_normal(images, device) for images in chosen)
        mixed = (first + second) / 2
        maps = [self._maps(context, mixed, labels) for labels in (one, other)]
        present = torch.stack([one, other], dim=1).cpu()
        said = predictions(context.normalised, [(mixed, one)]).logits
        found: Values = {"both": _both_first(said, present), "n": len(one)}
        objects = [each.masks for each in chosen]
        if objects[0] is not None and objects[1] is not None:
            whole = context.held(np.arange(len(data)))
            maps_of_all = self._maps(context, *_normal(whole, device))
            found |= _one(maps_of_all, _objects(whole.masks, device))
            found |= _two(maps, *(_objects(each, device) for each in objects))
        shares = said.softmax(dim=1).gather(1, present)[: self.shown]
        return found | {
            "shown_first": pairs.first[: self.shown].tolist(),
            "shown_second": pairs.second[: self.shown].tolist(),
            "shown_cells": mixed.shape[-1] // CELL,
            "shown_maps": _per_mille([each[: self.shown] for each in maps]),
            "shown_probabilities": [round(float(p), 4) for p in shares.ravel()],
        }

    def _maps(
        self, context: EvalContext, images: Tensor, classes: Tensor
    ) -> Float[Tensor, "b h w"]:
        parts = zip(images.split(BATCH), classes.split(BATCH), strict=True)
        return torch.cat([grad_cam(context.backbone, *part, layer=self.layer) for part in parts])


def _normal(
    images: ImageSet, device: torch.device | str
) -> tuple[Float[Tensor, "b c h w"], Int[Tensor, " b"]]:
    """Return normalised images and their labels."""
    pixels, labels = on_device(images, device)
    return normalise(pixels, images.info.mean, images.info.std), labels


def _objects(masks: np.ndarray | None, device: torch.device | str) -> Bool[Tensor, "b h w"]:
    return torch.as_tensor(masks).to(device)


def pairs_of(labels: Int[np.ndarray, " s"], count: int, seed: int) -> Pairs:
    """Choose up to `count` pairs of images of different classes, each image in one pair at most."""
    if count < 1:
        raise InputError(f"pairs must be 1 or more, not {count}.")
    order = StepRNG(seed, stream="evaluate").permutation(len(labels)).numpy()
    first, second = order[: len(order) // 2], order[len(order) // 2 : len(order) // 2 * 2]
    differing = labels[first] != labels[second]
    return Pairs(first[differing][:count], second[differing][:count])


def _one(maps: Float[Tensor, "b h w"], objects: Bool[Tensor, "b h w"]) -> Values:
    """Return the share of the sum on the object of plain images, and the object's area."""
    return {
        "clean_own": _mean(cam_share(maps, objects)),
        "clean_area": float(objects.cpu().double().mean()),
    }


def _two(
    maps: list[Float[Tensor, "b h w"]],
    first: Bool[Tensor, "b h w"],
    second: Bool[Tensor, "b h w"],
) -> Values:
    """Return the shares of the sum on the object of the map's class and on the other object."""
    own = [cam_share(maps[0], first), cam_share(maps[1], second)]
    other = [cam_share(maps[0], second), cam_share(maps[1], first)]
    return {
        "own": _mean(torch.cat(own)),
        "other": _mean(torch.cat(other)),
        "area": float(torch.cat([first, second]).cpu().double().mean()),
    }


def _mean(shares: Float[Tensor, " b"]) -> float:
    """Return the mean over maps that are not all zero; 0 if all are."""
    return float(shares.cpu().double().nanmean()) if not shares.isnan().all() else 0.0


def _both_first(logits: Float[Tensor, "b k"], present: Int[Tensor, "b 2"]) -> float:
    """Return how often the two classes of a mixed image are the two most probable."""
    first = [ranks(Predictions(logits, labels)) < 2 for labels in present.unbind(dim=1)]
    return float((first[0] & first[1]).cpu().double().mean())


def _per_mille(maps: list[Float[Tensor, "b h w"]]) -> list[int]:
    """Return the maps of each pair, averaged over `CELL` × `CELL` pixels, in per mille."""
    cells = torch.nn.functional.avg_pool2d(torch.stack(maps, dim=1), CELL)
    return (1000 * cells).round().int().ravel().tolist()
