"""Randomness as a function of (seed, stream, step, rank).

Nothing random has to be saved to resume a run: step 4,711 draws the same numbers whether it is
reached straight through or after an interruption, on a CPU or on a GPU. The numbers come from numpy
on the host (a few floats a step) and travel to the device without a synchronisation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adautomix.checked import of_type, shown
from adautomix.errors import InputError, unknown

Device = torch.device | str

STREAMS = ("mix", "augment", "order", "init", "layers", "evaluate", "corrupt")
"""What is drawn for; two streams of one step are independent. Append only:
the position is part of the seed.
"""


class StepRNG:
    """The random numbers of one step.

    Args:
        seed: the run's seed, at least 0.
        step: the position in the run (for the stream "order": the epoch), at least 0.
        rank: the process, so that each of several draws its own.
        stream: one of `STREAMS`.

    Raises:
        InputError: a negative number, or one that is not whole; another stream.
    """

    def __init__(self, seed: int, step: int = 0, rank: int = 0, stream: str = "mix"):
        if stream not in STREAMS:
            raise unknown("stream of random numbers", stream, STREAMS)
        place = {"seed": seed, "step": step, "rank": rank}
        seed, step, rank = (of_type(int, value, name) for name, value in place.items())
        if min(seed, step, rank) < 0:
            raise InputError(
                f"seed, step and rank must be 0 or more, not ({seed}, {step}, {rank})."
            )
        self.key = (seed, STREAMS.index(stream), step, rank)

    def __repr__(self) -> str:
        seed, stream, step, rank = self.key
        return f"StepRNG(seed={seed}, step={step}, rank={rank}, stream={STREAMS[stream]!r})"

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        seed, stream, step, rank = self.key
        return StepRNG, (seed, step, rank, STREAMS[stream])

    @cached_property
    def numpy(self) -> np.random.Generator:
        """The host generator behind every method below."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.key)))

    def entropy(self) -> int:
        """A 63-bit seed for a library that wants one number, always the same for this step."""
        return int(np.random.SeedSequence(self.key).generate_state(1, np.uint64)[0] >> 1)

    def uniform(
        self, low: float, high: float, shape: Sequence[int], device: Device = "cpu"
    ) -> Tensor:
        """float32 in [low, high)."""
        return _to(self.numpy.uniform(low, high, shape).astype(np.float32), device)

    def normal(self, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Standard normal, float32."""
        return _to(self.numpy.standard_normal(shape).astype(np.float32), device)

    def integers(self, low: int, high: int, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """int64 in [low, high)."""
        return _to(self.numpy.integers(low, high, shape), device)

    def permutation(self, length: int, device: Device = "cpu") -> Tensor:
        """A permutation of 0..length-1, int64."""
        return _to(self.numpy.permutation(length), device)

    def beta(self, concentration: float, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Beta(concentration, concentration), float32; one number for a whole batch or one each."""
        _positive(concentration)
        return _to(self.numpy.beta(concentration, concentration, shape).astype(np.float32), device)

    def ratios(
        self, batch: int, n: int, concentration: float = 1.0, device: Device = "cpu"
    ) -> Tensor:
        """λ for each of `batch` sets of n images, "b n", each row on the simplex (sum 1), float32.

        Symmetric Dirichlet: uniform on the simplex at concentration 1, and for n = 2 the
        Beta(concentration, concentration) of the mixup literature. The paper says only that the
        ratios sum to 1 (Sec. 3.2) and calls the concentration "the λ ratio" (Table 9).

        Differs from the released code: there, n > 2 independent Beta draws are divided by their
        sum, once for a whole batch, which concentrates near 1/n.
        """
        _positive(concentration)
        rows = self.numpy.dirichlet(np.full(n, concentration), batch)
        return _to(rows.astype(np.float32), device)

    def partners(self, batch: int, n: int, device: Device = "cpu") -> Tensor:
        """Which images form each set, "b n", int64: itself first, then n - 1 others, all distinct.

        The batch is shuffled onto a ring, and partner j of everyone stands s_j places further on,
        with n - 1 different steps s_j; so each image serves equally often and none meets itself.

        Differs from the published code of the compared rules: there the partners are a random
        permutation, in which on average one image a batch meets itself.
        """
        if n < 2:
            raise InputError(f"mixing needs n = 2 or more images, not {n}.")
        if n > batch:
            raise InputError(
                f"cannot mix n = {n} different images from a batch of {batch}: "
                f"use a batch of at least {n} images, or a smaller n."
            )
        ring = self.numpy.permutation(batch)
        steps = np.concatenate([[0], 1 + self.numpy.permutation(batch - 1)[: n - 1]])
        partners = np.empty((batch, n), dtype=np.int64)
        partners[ring] = ring[(np.arange(batch)[:, None] + steps) % batch]
        return _to(partners, device)


class FixedLambdaRNG(StepRNG):
    """Whoever asks gets the same λ and the same partners: to set methods side by side.

    The first image's λ is `share` and the others divide the rest. The partners are a function of
    the seed and not of what was drawn before, and a permutation is "the next one on the ring", so
    nobody meets itself. All else (boxes, masks, centres) is drawn as usual. A rule that takes no λ
    from a Beta or Dirichlet distribution does not follow `share`.
    """

    def __init__(self, seed: int, share: float):
        super().__init__(seed, stream="evaluate")
        self.share = of_type(float, share, "the share of the first image")
        if not 0 < share < 1:
            raise InputError(f"the share of the first image must lie in (0, 1), not {share}.")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return FixedLambdaRNG, (self.key[0], self.share)

    def beta(self, concentration: float, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """`share`, whatever the concentration."""
        return torch.full(tuple(shape), self.share, device=device)

    def ratios(
        self, batch: int, n: int, concentration: float = 1.0, device: Device = "cpu"
    ) -> Tensor:
        """`share` for the first, the rest in equal parts for the others."""
        rows = torch.full((batch, n), (1 - self.share) / (n - 1), device=device)
        rows[:, 0] = self.share
        return rows

    def partners(self, batch: int, n: int, device: Device = "cpu") -> Tensor:
        """As `StepRNG.partners`, the same for every call; a larger n adds to a smaller one."""
        return StepRNG(self.key[0], stream="evaluate").partners(batch, n, device)

    def permutation(self, length: int, device: Device = "cpu") -> Tensor:
        """Each one's first partner."""
        return self.partners(length, 2, device)[:, 1]


def rng_for(seed: int, step: int, rank: int = 0, stream: str = "mix") -> StepRNG:
    """The random numbers of one step of one process: `rng_for(seed=0, step=12)`."""
    return StepRNG(seed, step, rank, stream)


def check_draw(rng: StepRNG) -> None:
    """InputError for what is given in the place of a step's random numbers."""
    if not isinstance(rng, StepRNG):
        raise InputError(
            "rng must be the random numbers of a step, e.g. rng_for(seed=0, step=0), "
            f"not {shown(rng)}."
        )


@contextmanager
def initial_weights(seed: int, player: int = 0) -> Iterator[None]:
    """Inside, torch's generator is a function of the seed; afterwards it is as it was before.

    `player` is 0 for the classifier and 1 for what plays beside it, so their weights differ.
    """
    with own_randomness():
        torch.manual_seed(StepRNG(seed, step=player, stream="init").entropy())
        yield


@contextmanager
def own_randomness() -> Iterator[None]:
    """Afterwards torch's generators, the GPUs' that are in use too, are as they were before.

    `torch.manual_seed` seeds those as well. A GPU that nobody has used yet is left asleep.
    """
    used = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(used)):
        yield


def _positive(concentration: float) -> None:
    if of_type(float, concentration, "the concentration of the mixing ratios") <= 0:
        raise InputError(
            f"the concentration of the mixing ratios must be positive, not {concentration}."
        )


def _to(array: np.ndarray, device: Device) -> Tensor:
    tensor = torch.from_numpy(np.asarray(array, order="C"))
    if torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
