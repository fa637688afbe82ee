"""A network, batches and a plan so small that a step takes milliseconds."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.methods import Method, MethodConfig
from adautomix.recipes import SGD
from adautomix.train import Plan, Training

CLASSES, SIDE, LENGTH = 4, 16, 4


class Small(nn.Module):
    """Two stages with what training has to get right: BatchNorm and dropout."""

    num_classes = CLASSES

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(8, CLASSES)

    def forward_intermediates(
        self, images: Tensor, indices: list[int], output_fmt: str
    ) -> tuple[Tensor, list[Tensor]]:
        seen = self.norm(self.first(images)).relu()
        return self.second(seen).relu(), [seen for _ in indices]

    def forward_head(self, features: Tensor) -> Tensor:
        return self.fc(self.dropout(features.mean(dim=(2, 3))))

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_intermediates(images, [-2], "NCHW")[0])


class Batches:
    """Batches that are a function of (epoch, position): `yields` of them, said to be `length`."""

    def __init__(self, length: int = LENGTH, yields: int | None = None):
        self.length, self.yields = length, length if yields is None else yields

    def __len__(self) -> int:
        return self.length

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        for i in range(skip, self.yields):
            yield batch_of(1000 * number + i)


def batch_of(seed: int, size: int = 6) -> Batch:
    """Noise whose mean tells the class."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (size,), generator=source)
    noise = torch.randn(size, 3, SIDE, SIDE, generator=source)
    return Batch(noise + labels[:, None, None, None].float(), labels)


def small_net(dropout: float = 0.0, seed: int = 0) -> Small:
    """The network with weights that are a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Small(dropout)


@pytest.fixture
def make() -> Callable[..., Training]:
    """Makes a training at step 0, always the same."""

    def made(config: MethodConfig, epochs: int = 2, dropout: float = 0.0, **plan) -> Training:
        method: Method = config.build(small_net(dropout), SIDE, seed=0)
        numerics = plan.pop("numerics", Numerics())
        optim = plan.pop("optim", SGD(lr=0.1))
        return Training(method, Plan(epochs, optim, **plan), LENGTH, numerics=numerics, seed=0)

    return made


@pytest.fixture
def batches() -> Callable[..., Batches]:
    """Makes sources of batches."""
    return Batches
