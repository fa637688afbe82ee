"""PuzzleMix (Kim et al., 2020): masks that keep the most saliency, and patches moved under them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.mix.base import (
    Mixed,
    areas,
    batch_shape,
    blend,
    check_alpha,
    identity_indices,
    per_batch_or_sample,
    weighing,
)
from adautomix.mix.importance import resized, shares
from adautomix.mix.puzzle import SOLVERS, Terms, assign, carry, puzzle_energy
from adautomix.rng import StepRNG


@dataclass(frozen=True)
@checked
class PuzzleMix:
    """Each block of a grid mixes z of the image and 1 − z of its partner; then patches are moved.

    z ∈ {0, ½, 1} minimises the energy in `adautomix.mix.puzzle.energy`: hidden saliency, smoothness
    of the mask and of the mixed image, and a prior λ. Then patches of each image are moved to where
    it is shown, if the gain in saliency exceeds the cost of the distance.

    The ratios are the means of z of each image. With the transport they are still the shares shown,
    and `masks` still say which image a pixel comes from; but the pixel may come from another place
    in that image, given by `sources`, so the images are not `blend(images, partners, masks)`.

    Cost on one core for an image of 32 pixels, by blocks on a side from 2 to 16: the graph cut
    0.01 to 0.3 ms, `relaxed` 0.1 to 2 ms, the transport 0.05 to 0.6 ms. Graph cut and transport run
    on the CPU, so a GPU has to wait for them.

    Attributes:
        alpha: λ ~ Beta(alpha, alpha); 1 is uniform.
        per: one λ per "batch" (as published) or per "sample".
        blocks: possible numbers of blocks on a side; one that divides the image is chosen at random
            for each batch.
        labels: number of values of z, evenly spaced from 0 to 1.
        smoothness: β of the energy, before it is divided by 16 · blocks.
        contrast: γ in [0, 1], weight of the smoothness of the image, in units of β.
        prior: η, weight of the prior.
        neighbour: maximum side in pixels of the squares that are compared across a border.
        transport: move the patches.
        patch: side of a moved patch in pixels; larger if it does not divide a block, or if there
            would be more than 16 patches on a side.
        distance: cost of moving a patch across the image, as a fraction of the image's saliency.
        solver: "graphcut", exact, needs PyMaxflow; or "relaxed", which needs only torch: slower on
            a CPU, and its energies are above the minimum by 0.1 % on average and by 2 % at most
            (measured on PhotoDigits).

    Differs from the published code: here the cut is exact for any number of labels; there a swap
    heuristic works on costs rounded to integers. Pixels are in units of the batch's range; there in
    [0, 1] with the data set's own mean and standard deviation. The transport is the best
    permutation; there an auction stops after a fixed number of rounds, when some patches have no
    place and some hidden places no patch.
    """

    alpha: float = 1.0
    per: str = "batch"
    blocks: tuple[int, ...] = (2, 4, 8, 16)
    labels: int = 3
    smoothness: float = 1.2
    contrast: float = 0.5
    prior: float = 0.2
    neighbour: int = 4
    transport: bool = True
    patch: int = 4
    distance: float = 0.8
    solver: str = "graphcut"

    guide: ClassVar[str] = "saliency"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.solver not in SOLVERS:
            raise unknown("solver", self.solver, SOLVERS)
        if self.labels < 2:
            raise InputError(f"a block has 2 or more possible shares (labels), not {self.labels}.")
        if not 0 <= self.contrast <= 1:
            raise InputError(f"contrast must lie in [0, 1], not {self.contrast}.")
        for name in ("smoothness", "prior", "distance"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if min(self.blocks, default=0) < 2 or min(self.neighbour, self.patch) < 1:
            raise InputError(
                "blocks are 2 or more on a side, and neighbour and patch 1 pixel or more, not "
                f"blocks={self.blocks}, neighbour={self.neighbour}, patch={self.patch}."
            )

    def __call__(
        self,
        images: Float[Tensor, "b c h w"],
        rng: StepRNG,
        importance: Float[Tensor, "b rows columns"],
    ) -> Mixed:
        batch, height, width = batch_shape(images, rng, importance)
        size = (height, width)
        partners = rng.partners(batch, 2, images.device)
        count = per_batch_or_sample(self.per, batch)
        prior = rng.beta(self.alpha, (count,), images.device).expand(batch)
        blocks = self._blocks(size, rng)
        saliency = resized(importance.double(), size)
        own = self._own_shares(images, saliency, partners, prior, blocks)
        own = resized(own, size, mode="nearest").to(weighing(images))
        masks = torch.stack([own, 1 - own], dim=1)
        ratios, masks = areas(masks), masks.to(images.dtype)
        if not self.transport:
            return Mixed(blend(images, partners, masks), partners, ratios, masks)
        sources = torch.stack(
            [self._move(saliency[partners[:, n]], masks[:, n], blocks) for n in (0, 1)], dim=1
        )
        moved = [_taken(images[partners[:, n]], sources[:, n]) for n in (0, 1)]
        mixed = moved[0] * masks[:, 0, None] + moved[1] * masks[:, 1, None]
        return Mixed(mixed, partners, ratios, masks, sources=sources)

    def _blocks(self, size: tuple[int, int], rng: StepRNG) -> int:
        fitting = [n for n in self.blocks if not any(side % n for side in size)]
        if not fitting:
            raise InputError(
                f"an image of {size[0]}×{size[1]} cannot be cut into {self.blocks} equal blocks "
                "on a side: resize or crop it, or give other blocks."
            )
        return fitting[int(rng.integers(0, len(fitting), ()))]

    def _own_shares(
        self, images: Tensor, saliency: Tensor, partners: Tensor, prior: Tensor, blocks: int
    ) -> Float[Tensor, "b rows columns"]:
        """Return z of every block."""
        energy = puzzle_energy(
            images,
            shares(_on_grid(saliency, (blocks, blocks))),
            partners,
            prior,
            Terms(
                self.smoothness / (16 * blocks),
                self.contrast,
                self.prior,
                self.labels,
                self.neighbour,
            ),
        )
        return SOLVERS[self.solver](energy).double() / (self.labels - 1)

    def _move(self, saliency: Tensor, mask: Tensor, blocks: int) -> Int[Tensor, "b h w"]:
        """Return the source of each pixel when salient patches move to where `mask` is positive."""
        _, height, width = mask.shape
        rows, columns = (blocks * self._patches(side // blocks, blocks) for side in (height, width))
        grid = rows, columns
        there = shares(_on_grid(saliency, grid))
        plan = assign(there, _on_grid(mask.double(), grid) > 0, self.distance)
        unmoved = identity_indices(height, width, mask.device).expand(len(mask), 1, -1, -1)
        return carry(unmoved, plan, grid)[:, 0]

    def _patches(self, side: int, blocks: int) -> int:
        """Return the number of patches along a block of `side` pixels.

        It is the largest for which a patch is at least `patch` pixels wide and an image has at most
        16 patches on a side.
        """
        smallest = min(self.patch, side)
        fitting = (n for n in range(side, 1, -1) if side % n == 0)
        return next((n for n in fitting if side // n >= smallest and n * blocks <= 16), 1)


def _taken(
    images: Float[Tensor, "b c h w"], sources: Int[Tensor, "b h w"]
) -> Float[Tensor, "b c h w"]:
    """Return the images whose pixels are read at `sources`, row-major indices."""
    places = sources.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, places).view_as(images)


def _on_grid(values: Float[Tensor, "b h w"], grid: tuple[int, int]) -> Tensor:
    """Return the means over the cells of a grid that divides the sides."""
    cell = tuple(side // n for side, n in zip(values.shape[1:], grid, strict=True))
    return F.avg_pool2d(values[:, None], cell)[:, 0]
