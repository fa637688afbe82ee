"""Random numbers as a function of (seed, stream, step, rank).

No state of a generator has to be saved to resume a run: step 4,711 gets the same numbers whether
the run was interrupted before it or not, on a CPU or on a GPU. numpy generates them on the host (a
few floats a step), and they are copied to the device without a synchronisation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adautomix.errors import InputError, unknown
from adautomix.fields import of_type, shown

Device = torch.device | str

STREAMS = ("mix", "augment", "order", "init", "layers", "evaluate", "corrupt")
"""Purposes of random numbers; the streams of one step are independent of each other.

Append only: the position in this tuple is part of the seed.
"""


class StepRNG:
    """The random numbers of one step.

    The methods that return tensors take a `device` and give float32 or int64.

    Args:
        seed: the run's seed, at least 0.
        step: the step of the run, at least 0; for the stream "order" it is the epoch.
        rank: the process, at least 0; every process has random numbers of its own.
        stream: one of `STREAMS`.

    Raises:
        InputError: a seed, step or rank that is negative or not an integer; an unknown stream.
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
        """The numpy generator from which every method below draws."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.key)))

    def entropy(self) -> int:
        """Return a 63-bit seed for a library that takes a single one; the same at every call."""
        return int(np.random.SeedSequence(self.key).generate_state(1, np.uint64)[0] >> 1)

    def uniform(
        self, low: float, high: float, shape: Sequence[int], device: Device = "cpu"
    ) -> Tensor:
        """Uniform numbers in [low, high), float32."""
        return _to(self.numpy.uniform(low, high, shape).astype(np.float32), device)

    def normal(self, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Standard normal numbers, float32."""
        return _to(self.numpy.standard_normal(shape).astype(np.float32), device)

    def integers(self, low: int, high: int, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Integers in [low, high), int64."""
        return _to(self.numpy.integers(low, high, shape), device)

    def permutation(self, length: int, device: Device = "cpu") -> Tensor:
        """A permutation of 0..length-1, int64."""
        return _to(self.numpy.permutation(length), device)

    def beta(self, concentration: float, shape: Sequence[int], device: Device = "cpu") -> Tensor:
        """Numbers from Beta(concentration, concentration), float32, of the given shape."""
        _positive(concentration)
        return _to(self.numpy.beta(concentration, concentration, shape).astype(np.float32), device)

    def ratios(
        self, batch: int, n: int, concentration: float = 1.0, device: Device = "cpu"
    ) -> Tensor:
        """Mixing ratios λ, "b n", float32: one row for each set of n images; a row sums to 1.

        Symmetric Dirichlet: uniform on the simplex at concentration 1, and for n = 2 the
        Beta(concentration, concentration) of the mixup literature. The paper says only that the
        ratios sum to 1 (Sec. 3.2) and calls the concentration "the λ ratio" (Table 9).

        Differs from the released code: for n > 2 that divides n independent Beta variates by their
        sum, once for a whole batch, which concentrates the ratios near 1/n.
        """
        _positive(concentration)
        rows = self.numpy.dirichlet(np.full(n, concentration), batch)
        return _to(rows.astype(np.float32), device)

    def partners(self, batch: int, n: int, device: Device = "cpu") -> Tensor:
        """Batch positions of the images of each set, "b n", int64: the image itself, then others.

        The n images of a set are distinct. The batch is shuffled onto a ring, and partner j of an
        image is the one s_j places further on, with n - 1 different steps s_j; so each image is a
        partner equally often, and none is its own partner.

        Differs from the published code of the compared rules: there the partners are a random
        permutation, in which on average one image of a batch is its own partner.

        Raises InputError for n < 2, or a batch of fewer than n images.
        """
        if n < 2:
            raise InputError(f"mixing needs n = 2 or more images, not {n}.")
        if n > batch:
            raise InputError(
                f"cannot mix n = {n} different images from a batch of {batch}: "
                f"use a batch of at least {n} images, drop_last=True in the loader if only its "
                "last one is smaller, or a smaller n."
            )
        ring = self.numpy.permutation(batch)
        steps = np.concatenate([[0], 1 + self.numpy.permutation(batch - 1)[: n - 1]])
        partners = np.empty((batch, n), dtype=np.int64)
        partners[ring] = ring[(np.arange(batch)[:, None] + steps) % batch]
        return _to(partners, device)


class FixedLambdaRNG(StepRNG):
    """Random numbers with fixed λ and fixed partners, to compare methods on the same images.

    The first image's λ is `share`, and the others divide the rest equally. The partners depend on
    the seed alone, not on earlier calls. A permutation maps each image to its first partner, so no
    image is mixed with itself. Everything else (boxes, masks, centres) is random as usual. A rule
    that takes no λ from a Beta or Dirichlet distribution does not follow `share`.

    Args:
        seed: at least 0.
        share: λ of the first image, in (0, 1).

    Raises:
        InputError: a share outside (0, 1), or a seed that `StepRNG` refuses.
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
        """Ratios "b n": `share` for the first image, the rest in equal parts for the others."""
        rows = torch.full((batch, n), (1 - self.share) / (n - 1), device=device)
        rows[:, 0] = self.share
        return rows

    def partners(self, batch: int, n: int, device: Device = "cpu") -> Tensor:
        """As `StepRNG.partners`, the same at every call; a larger n keeps the earlier partners."""
        return StepRNG(self.key[0], stream="evaluate").partners(batch, n, device)

    def permutation(self, length: int, device: Device = "cpu") -> Tensor:
        """The first partner of each image, int64."""
        return self.partners(length, 2, device)[:, 1]


def rng_for(seed: int, step: int, rank: int = 0, stream: str = "mix") -> StepRNG:
    """Return the random numbers of one step of one process, e.g. `rng_for(seed=0, step=12)`."""
    return StepRNG(seed, step, rank, stream)


def check_rng(rng: StepRNG) -> None:
    """Raise InputError unless `rng` is a `StepRNG`."""
    if not isinstance(rng, StepRNG):
        raise InputError(
            "rng must be the random numbers of a step, e.g. rng_for(seed=0, step=0), "
            f"not {shown(rng)}."
        )


@contextmanager
def initial_weights(seed: int, network: int = 0) -> Iterator[None]:
    """Seed torch's generator for weight initialisation inside the block; restore it afterwards.

    `network` is 0 for the classifier and 1 for the second network, so that their weights differ.
    """
    with own_randomness():
        torch.manual_seed(StepRNG(seed, step=network, stream="init").entropy())
        yield


@contextmanager
def own_randomness() -> Iterator[None]:
    """Restore torch's generators after the block, those of the GPUs too.

    `torch.manual_seed` also seeds the GPUs. If CUDA is not initialised yet, it stays so.
    """
    used = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(used)):
        yield


def seed_layers(seed: int, device: Device) -> None:
    """Seed torch's global generators of the host and of one device, for dropout and the like.

    As `torch.manual_seed`, without the time that it takes for devices that are not used.
    """
    place = torch.device(device)
    if place.type not in ("cpu", "cuda"):
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if place.type == "cuda":
        index = torch.cuda.current_device() if place.index is None else place.index
        torch.cuda.default_generators[index].manual_seed(seed)


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
