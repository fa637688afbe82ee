"""The transport of PuzzleMix: salient patches of an image are moved to where its mask shows it."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def assign(
    saliency: Float[Tensor, "b rows columns"],
    shown: Bool[Tensor, "b rows columns"],
    distance: float,
) -> Int[Tensor, "b l"]:
    """Return the patch for each place: the permutation of least total cost (Kim et al., 2020).

    Patch i at place j costs `distance` · |i − j|² − s_i · shown_j, where the grid has length 1 from
    its first place to its last along each side. Solved exactly, image by image, on the CPU.

    Args:
        saliency: s, of each patch.
        shown: whether the mask shows the image at a place.
        distance: weight of the squared distance.
    """
    far = distance * _squared_distances(*saliency.shape[1:])
    gains = saliency.flatten(1).double().cpu().numpy()
    places = shown.flatten(1).cpu().numpy()
    plan = np.empty(gains.shape, dtype=np.int64)
    for i, (gain, place) in enumerate(zip(gains, places, strict=True)):
        patches, there = linear_sum_assignment(far - gain[:, None] * place)
        plan[i, there] = patches
    return torch.from_numpy(plan).to(saliency.device)


def carry(
    images: Shaped[Tensor, "b c h w"], plan: Int[Tensor, "b l"], grid: tuple[int, int]
) -> Shaped[Tensor, "b c h w"]:
    """Return the images with patch plan[b, j] at place j of a `grid` of (rows, columns) patches."""
    batch, channels, height, width = images.shape
    (rows, columns), count = grid, plan.shape[1]
    cut = (batch, channels, rows, height // rows, columns, width // columns)
    patches = images.reshape(cut).movedim(4, 3).flatten(2, 3)  # "b c l patch_h patch_w"
    places = plan[:, None, :, None, None].expand(-1, channels, -1, *patches.shape[3:])
    moved = patches.gather(2, places).unflatten(2, (rows, count // rows))
    return moved.movedim(3, 4).reshape(images.shape)


def _squared_distances(rows: int, columns: int) -> np.ndarray:
    """Return the squared distances between all places of the grid, "l l"."""
    sides = (np.linspace(0, 1, n) for n in (rows, columns))
    places = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    return ((places[:, None] - places[None]) ** 2).sum(axis=-1)
