"""The energy that PuzzleMix minimises (Kim et al., 2020), over a label for every block of an image.

Label t of 0..m gives the image the share z = t / m of a block and its partner the rest. For image
a with partner b,

    E(z) = Σ_p [ z_p s_b(p) + (1 − z_p) s_a(p) ]             saliency that is hidden
         + β Σ_pq (z_p − z_q)²                               smoothness of the mask
         + β γ Σ_pq φ(z_p, z_q)                              smoothness of the mixed image
         − η / blocks² Σ_p log Binomial(m z_p; m, λ)         prior: the mean of z is λ

with neighbours p, q on the grid, s the saliency of a block (sum 1 over the image), and φ the mean
absolute difference of the pixels on both sides of the border of p and q in the mixed image. φ is
interpolated between its values at z = 0 and 1, so that (z_p − z_q)² is the only term that is not
linear in z.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Energy:
    """E(labels) = Σ_p unary_p(label_p) + Σ_pq w_pq (z_p − z_q)², z = label / m.

    Attributes:
        unary: cost of each of the m + 1 labels at each block.
        down: weight w ≥ 0 between each block and the one below it.
        across: weight w ≥ 0 between each block and the one to its right.
    """

    unary: Float[Tensor, "b rows columns labels"]
    down: Float[Tensor, "b rows-1 columns"]
    across: Float[Tensor, "b rows columns-1"]


class Terms(NamedTuple):
    """Weights and settings of the terms of the energy.

    Attributes:
        beta: β, weight of the mask's smoothness, on the grid in use.
        gamma: γ in [0, 1], weight of the image's smoothness in units of β.
        eta: η, weight of the prior.
        labels: m + 1, the number of values of z.
        neighbour: side in pixels of the squares that are averaged before the difference across a
            border is computed; reduced to a divisor of the block's side.
    """

    beta: float
    gamma: float
    eta: float
    labels: int = 3
    neighbour: int = 4


@dataclass(frozen=True)
class Seams:
    """Mean differences across the borders of blocks, in units of the pixels' range, so in [0, 1].

    `ab` is the difference if image a is shown above (or left of) the border and b on its other
    side; `aa`, `ba` and `bb` likewise.
    """

    aa: Float[Tensor, "b rows columns"]
    ab: Float[Tensor, "b rows columns"]
    ba: Float[Tensor, "b rows columns"]
    bb: Float[Tensor, "b rows columns"]

    def weight(self) -> Tensor:
        """Return the extra cost of two different neighbours over two equal ones, in [−1, 1]."""
        return (self.ab + self.ba - self.aa - self.bb) / 2


def puzzle_energy(
    images: Float[Tensor, "b c h w"],
    saliency: Float[Tensor, "b rows columns"],
    partners: Int[Tensor, "b 2"],
    ratios: Float[Tensor, " b"],
    terms: Terms,
) -> Energy:
    """Return the energy of each image of the batch with its partner, in float64.

    Args:
        images: pixels of any range; each channel is divided by its range over the batch.
        saliency: saliency of each block; sum 1 over an image.
        partners: batch positions of the image itself and its partner.
        ratios: λ, the mean share of the image itself under the prior.
        terms: weights of the terms.
    """
    (a, b), (_, rows, columns) = partners.unbind(dim=1), saliency.shape
    grid = rows, columns
    down, across = seams(_pooled(images, grid, terms.neighbour), partners, grid)
    contrast = terms.beta * terms.gamma
    own, other = saliency[b].clone(), saliency[a].clone()  # saliency hidden if a, or b, is shown
    for seam, first, second in (
        (down, (..., slice(None, -1), slice(None)), (..., slice(1, None), slice(None))),
        (across, (..., slice(None, -1)), (..., slice(1, None))),
    ):
        own[first] += contrast * (seam.ab + seam.aa) / 2
        own[second] += contrast * (seam.ba + seam.aa) / 2
        other[first] += contrast * (seam.ba + seam.bb) / 2
        other[second] += contrast * (seam.ab + seam.bb) / 2
    z = torch.linspace(0, 1, terms.labels, dtype=torch.float64, device=images.device)
    prior = -terms.eta / saliency[0].numel() * log_binomial(ratios, terms.labels)
    unary = z * own[..., None] + (1 - z) * other[..., None] + prior[:, None, None]
    return Energy(unary, *(terms.beta + contrast * seam.weight() for seam in (down, across)))


def log_binomial(ratios: Float[Tensor, " b"], labels: int) -> Float[Tensor, "b labels"]:
    """Return log Binomial(t; m, λ) for t in 0..m = labels − 1; λ is clamped to [1e-8, 1 − 1e-8]."""
    m = labels - 1
    own = ratios.double().clamp(1e-8, 1 - 1e-8)[:, None]
    t = torch.arange(labels, device=ratios.device)
    ways = own.new_tensor([math.log(math.comb(m, i)) for i in range(labels)])
    return ways + t * own.log() + (m - t) * (1 - own).log()


def seams(
    pooled: Float[Tensor, "b c h w"], partners: Int[Tensor, "b 2"], grid: tuple[int, int]
) -> tuple[Seams, Seams]:
    """Return the differences across the horizontal and across the vertical borders of the grid."""
    rows, columns = grid
    pairs = [(first, second) for first in partners.unbind(1) for second in partners.unbind(1)]
    down = [_seam(pooled[i], pooled[j], rows, columns) for i, j in pairs]
    across = [_seam(pooled[i].mT, pooled[j].mT, columns, rows).mT for i, j in pairs]
    return Seams(*down), Seams(*across)


def total(energy: Energy, labels: Int[Tensor, "b rows columns"]) -> Float[Tensor, " b"]:
    """Return the energy E of one labelling of each image."""
    z = labels / (energy.unary.shape[-1] - 1)
    unary = energy.unary.gather(-1, labels[..., None]).sum(dim=(1, 2, 3))
    down = (energy.down * (z[:, 1:] - z[:, :-1]) ** 2).sum(dim=(1, 2))
    across = (energy.across * (z[:, :, 1:] - z[:, :, :-1]) ** 2).sum(dim=(1, 2))
    return unary + down + across


def _pooled(images: Tensor, grid: tuple[int, int], neighbour: int) -> Tensor:
    """Return means of squares of pixels, in units of each channel's range over the batch.

    The side of a square is the largest common divisor of `neighbour` and the side of a block.
    """
    low, high = images.amin(dim=(0, 2, 3)), images.amax(dim=(0, 2, 3))
    span = (high - low).double().clamp(min=1e-12)[:, None, None]
    sides = zip(images.shape[-2:], grid, strict=True)
    square = tuple(math.gcd(neighbour, length // blocks) for length, blocks in sides)
    return F.avg_pool2d(images.double() / span, square)


def _seam(above: Tensor, below: Tensor, rows: int, columns: int) -> Tensor:
    """Return the mean difference across each horizontal border, "b rows-1 columns".

    The last row of squares of a block in one image is compared with the first row of the next
    block in the other.
    """
    per_block = above.shape[2] // rows
    last, first = above[:, :, per_block - 1 : -1 : per_block], below[:, :, per_block::per_block]
    difference = (last - first).abs().mean(dim=1)
    return difference.unflatten(2, (columns, -1)).mean(dim=3)
