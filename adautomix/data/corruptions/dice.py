"""Random numbers for a batch, with one generator for each image.

The corruption of an image thus does not depend on the other images of the batch.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import prod

import numpy as np
from jaxtyping import Float, Int, UInt8


class Dice:
    """Random numbers for b images at once; row i comes from generator i alone."""

    def __init__(self, generators: Iterable[np.random.Generator]):
        self._given = generators

    @cached_property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """One for each image; they are made when they are first needed."""
        return tuple(self._given)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.generators)

    def random(self, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Uniform in [0, 1)."""
        rows = np.empty((len(self), *shape))
        for g, row in zip(self.generators, rows, strict=True):
            g.random(out=row)
        return rows

    def standard_normal(self, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Normal with mean 0 and standard deviation 1."""
        rows = np.empty((len(self), *shape))
        for g, row in zip(self.generators, rows, strict=True):
            g.standard_normal(out=row)
        return rows

    def bits(self, shape: Sequence[int]) -> UInt8[np.ndarray, "b *_"]:
        """0 or 1, as `integers(0, 2, shape)` of a generator draws them: an even number of them.

        numpy takes the highest bit of each half of a word of 64 bits, the lower half first.
        """
        words = np.stack([g.bit_generator.random_raw(prod(shape) // 2) for g in self.generators])
        halves = words.astype("<u8", copy=False).view("<u4")
        return (halves >> np.uint32(31)).astype(np.uint8).reshape(len(self), *shape)

    def normal(self, mean: float, sd: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Normal with this mean and standard deviation."""
        return np.stack([g.normal(mean, sd, shape) for g in self.generators])

    def uniform(self, low: float, high: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Uniform in [low, high)."""
        return np.stack([g.uniform(low, high, shape) for g in self.generators])

    def poisson(self, rates: Float[np.ndarray, "b *rest"]) -> Int[np.ndarray, "b *rest"]:
        """Poisson with a rate for every value."""
        return np.stack([g.poisson(r) for g, r in zip(self.generators, rates, strict=True)])
