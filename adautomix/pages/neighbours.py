"""MixUp and CutMix of timm, torchvision, kornia and this package, asked in the same words.

Each library is a function from a rule, images and labels to what it gives back. With a `Draw` all
of them get the same λ and the same centre of the box, in place of random numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adautomix.mix import CutMix, Mixup
from adautomix.mix.collate import MixBatch
from adautomix.rng import StepRNG, own_randomness


class Draw(NamedTuple):
    """λ, and the pixel (row, column) around which the box lies."""

    own: float
    row: int
    column: int


@dataclass(frozen=True)
class Mixes:
    """What a library gives back.

    Attributes:
        images: the mixed images, "b c h w".
        labels: as they are returned.
        shares: the same labels as the share of each class, "b k", float64.
    """

    images: Tensor
    labels: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Asked:
    """What a library is asked for.

    Attributes:
        rule: "cutmix" or "mixup".
        images: a batch "b c h w".
        labels: class numbers "b", or soft labels.
        classes: number of classes.
        draw: None for random numbers.
        seed: of the random numbers.
        p: probability of mixing.
    """

    rule: str
    images: Tensor
    labels: Tensor
    classes: int
    draw: Draw | None = None
    seed: int = 0
    p: float = 1.0


def by_timm(asked: Asked) -> Mixes:
    """Ask `timm.data.Mixup`, per batch and without label smoothing."""
    from timm.data import Mixup as Theirs

    alphas = {"mixup_alpha": 0.0, "cutmix_alpha": 0.0, f"{asked.rule}_alpha": 1.0}
    theirs = Theirs(**alphas, prob=asked.p, label_smoothing=0.0, num_classes=asked.classes)
    with _numpy_gives(asked.draw):
        images, labels = theirs(asked.images, asked.labels)
        return _of_rows(images, labels, asked.classes)


def by_torchvision(asked: Asked) -> Mixes:
    """Ask `torchvision.transforms.v2`; p is that of its `RandomApply`."""
    from torchvision.transforms import v2

    theirs: Any = {"cutmix": v2.CutMix, "mixup": v2.MixUp}[asked.rule](num_classes=asked.classes)
    with ExitStack() as given:
        if asked.draw is not None:
            own, *centre = asked.draw
            theirs._dist = SimpleNamespace(sample=lambda shape: torch.tensor(own))
            places = iter(centre[::-1])  # the column is drawn first
            given.enter_context(
                patch.object(torch, "randint", lambda high, size: torch.full(size, next(places)))
            )
        applied = theirs if asked.p == 1 else v2.RandomApply([theirs], asked.p)
        images, labels = applied(asked.images, asked.labels)
        return _of_rows(images, labels, asked.classes)


def by_kornia(asked: Asked, correct: bool = True) -> Mixes:
    """Ask `kornia.augmentation`; its boxes have no centre, only a place inside the image.

    `correct` is its `use_correct_lambda` of CutMix, which decides whose share it returns.
    """
    with catch_warnings():  # it deprecates its own defaults
        simplefilter("ignore")
        from kornia import augmentation

        words: dict[str, Any] = {"p": asked.p, "data_keys": ["input", "class"]}
        if asked.rule == "cutmix":
            theirs: Any = augmentation.RandomCutMixV2(**words, use_correct_lambda=correct)
        else:
            theirs = augmentation.RandomMixUpV2(**words)
        with _kornia_draws(theirs._param_generator, asked):
            images, labels = theirs(asked.images, asked.labels)
    first, second, share = labels.reshape(-1, 3).double().unbind(dim=1)
    own = share if asked.rule == "cutmix" and correct else 1 - share
    shares = torch.zeros(len(own), asked.classes, dtype=torch.float64)
    rows = torch.arange(len(own))
    for label, weight in ((first, own), (second, 1 - own)):
        shares.index_put_((rows, label.long()), weight, accumulate=True)
    return Mixes(images, labels, shares)


def by_this_package(asked: Asked) -> Mixes:
    """Ask `MixBatch` for the rule with its defaults; its MixUp has no p."""
    rule = CutMix(p=asked.p) if asked.rule == "cutmix" else Mixup()
    with _package_draws(asked):
        mixed = MixBatch(rule, asked.classes, seed=asked.seed)(asked.images, asked.labels)
    return _of_rows(*mixed, asked.classes)


LIBRARIES: dict[str, Callable[[Asked], Mixes]] = {
    "timm": by_timm,
    "torchvision": by_torchvision,
    "kornia": by_kornia,
    "adautomix": by_this_package,
}
"""Every library that is asked, by the name under which it is imported."""


def installed() -> list[str]:
    """Return which of `LIBRARIES` are here; kornia comes with the extra `book`."""
    return [name for name in LIBRARIES if find_spec(name) is not None]


def ask(name: str, asked: Asked) -> Mixes:
    """Ask a library, with the global generators seeded meanwhile, and restored afterwards."""
    before = np.random.get_state()  # noqa: NPY002, the one that timm draws from
    try:
        with own_randomness():
            torch.manual_seed(asked.seed)
            np.random.seed(asked.seed)  # noqa: NPY002
            return LIBRARIES[name](asked)
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _of_rows(images: Tensor, labels: Tensor, classes: int) -> Mixes:
    """Return soft labels, or class numbers where nothing was mixed, also as shares."""
    rows = labels if labels.ndim == 2 else F.one_hot(labels, classes)
    return Mixes(images, labels, rows.double())


@contextmanager
def _numpy_gives(draw: Draw | None) -> Iterator[None]:
    """Inside the block numpy's global functions give the draw: λ, then row and column."""
    if draw is None:
        yield
        return
    places = iter(draw[1:])
    with (
        patch.object(np.random, "rand", lambda *shape: 0.0),
        patch.object(np.random, "beta", lambda *words, **more: draw.own),
        patch.object(np.random, "randint", lambda *words, **more: next(places)),
    ):
        yield


@contextmanager
def _kornia_draws(generator: Any, asked: Asked) -> Iterator[None]:
    """Inside the block kornia gets the draw, and every image the mirrored one as its partner.

    The start of its box is a fraction of what the box leaves free: here the start of a box around
    the centre, moved inside the image.
    """
    if asked.draw is None:
        yield
        return
    own, row, column = asked.draw
    fractions = []
    for place, length in ((column, asked.images.shape[-1]), (row, asked.images.shape[-2])):
        size = int(length * (1 - own) ** 0.5)
        start = min(max(place - size // 2, 0), length - size)
        fractions.append((start + 0.5) / (length - size + 1))
    each = iter(fractions)
    generator.beta_sampler = _giving(lambda shape: torch.full(shape, own))
    generator.lambda_sampler = _giving(lambda shape: torch.full(shape, 1 - own))  # the second's
    generator.rand_sampler = _giving(lambda shape: torch.full(shape, next(each)))
    generator.pair_sampler = _giving(lambda shape: -torch.arange(shape[-1]).expand(shape))
    with patch.object(torch, "randperm", lambda n, **words: torch.arange(n).flip(0)):
        yield


def _giving(values: Callable[[tuple[int, ...]], Tensor]) -> SimpleNamespace:
    """Return a distribution that gives these values for a shape."""
    return SimpleNamespace(
        rsample=lambda shape: values(tuple(shape)), sample=lambda shape: values(tuple(shape))
    )


@contextmanager
def _package_draws(asked: Asked) -> Iterator[None]:
    """Inside the block every `StepRNG` gives the draw's λ and centre."""
    if asked.draw is None:
        yield
        return
    own, *centre = asked.draw
    sides = asked.images.shape[-2:]
    centres = [[(place + 0.5) / side] for place, side in zip(centre, sides, strict=True)]
    with (
        patch.object(StepRNG, "beta", lambda self, a, shape, device: torch.full(shape, own)),
        patch.object(StepRNG, "uniform", lambda self, *words: torch.tensor(centres)),
    ):
        yield
