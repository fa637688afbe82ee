"""Random numbers with a generator an image, so that nobody's corruption hangs on its neighbours."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


class Dice:
    """Draws for b images at once; row i comes from generator i alone."""

    def __init__(self, generators: Sequence[np.random.Generator]):
        self.generators = tuple(generators)

    def __len__(self) -> int:
        """How many images are drawn for."""
        return len(self.generators)

    def normal(self, mean: float, sd: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Normal."""
        return np.stack([g.normal(mean, sd, shape) for g in self.generators])

    def uniform(self, low: float, high: float, shape: Sequence[int]) -> Float[np.ndarray, "b *_"]:
        """Uniform in [low, high)."""
        return np.stack([g.uniform(low, high, shape) for g in self.generators])

    def integers(self, low: int, high: int, shape: Sequence[int]) -> Int[np.ndarray, "b *_"]:
        """Whole numbers from low to high - 1."""
        return np.stack([g.integers(low, high, shape) for g in self.generators])

    def poisson(self, rates: Float[np.ndarray, "b *rest"]) -> Int[np.ndarray, "b *rest"]:
        """Poisson with a rate for every value."""
        return np.stack([g.poisson(r) for g, r in zip(self.generators, rates, strict=True)])
