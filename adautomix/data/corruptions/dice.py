"""Random numbers for a batch, with one generator for each image.

The corruption of an image thus does not depend on the other images of the batch.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


class Dice:
    """Random numbers for b images at once; row i comes from generator i alone."""

    def __init__(self, generators: Sequence[np.random.Generator]):
        self.generators = tuple(generators)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.generators)

    def normal(self, mean: float, sd: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Normal with this mean and standard deviation."""
        return np.stack([g.normal(mean, sd, shape) for g in self.generators])

    def uniform(self, low: float, high: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Uniform in [low, high)."""
        return np.stack([g.uniform(low, high, shape) for g in self.generators])

    def integers(self, low: int, high: int, shape: Sequence[int]) -> Int[np.ndarray, "b *_"]:
        """Integers from low to high - 1."""
        return np.stack([g.integers(low, high, shape) for g in self.generators])

    def poisson(self, rates: Float[np.ndarray, "b *rest"]) -> Int[np.ndarray, "b *rest"]:
        """Poisson with a rate for every value."""
        return np.stack([g.poisson(r) for g, r in zip(self.generators, rates, strict=True)])
