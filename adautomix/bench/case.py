"""`Case` and `Trial`, a training on images of noise whose steps are measured."""

from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from adautomix.bench.flops import Counting
from adautomix.data import cifar100
from adautomix.data.image_set import ImageSet
from adautomix.device import Numerics
from adautomix.methods import METHODS, MethodConfig
from adautomix.models import Net
from adautomix.recipes import Recipe
from adautomix.recipes.cifar100 import RESNET18
from adautomix.runs import runner
from adautomix.train import Step, train

STEPS_PER_EPOCH = 8
"""Many enough that the end of an epoch is rare, few enough that large images fit into memory."""


@dataclass(frozen=True)
class Case:
    """A training whose steps are measured; everything else is the CIFAR-100 recipe's.

    Attributes:
        method: a name of `METHODS`.
        batch: images of a step.
        side: height and width of the images, in pixels.
        classes: number of classes.
        n: N of AdAutoMix; None for the method's default.
        net: the backbone.
    """

    method: str = "adautomix"
    batch: int = 32
    side: int = 32
    classes: int = 100
    n: int | None = None
    net: Net = field(default_factory=lambda: RESNET18.net)

    @property
    def config(self) -> MethodConfig:
        """The hyper-parameters of the method."""
        config = METHODS[self.method]
        return config if self.n is None else replace(config, n=self.n)

    def recipe(self) -> Recipe:
        """Return the recipe of the training."""
        return replace(RESNET18, net=self.net, method=self.config, batch=self.batch)

    def images(self) -> ImageSet:
        """Return images of noise with labels, the same for every method."""
        rng, count = np.random.default_rng(0), self.batch * STEPS_PER_EPOCH
        shape = (count, self.side, self.side, 3)
        info = replace(
            cifar100.INFO, name="noise", title="Noise", classes=self.classes, side=self.side
        )
        return ImageSet(
            rng.integers(0, 256, shape, np.uint8),
            rng.integers(0, self.classes, count),
            tuple(map(str, range(self.classes))),
            info,
            "train",
        )


@runtime_checkable
class Trainable(Protocol):
    """What a `Trial` trains."""

    def recipe(self) -> Recipe: ...

    def images(self) -> ImageSet: ...


AnyCase = TypeVar("AnyCase", bound=Trainable)


class Trial(Generic[AnyCase]):
    """A training from its start; `step` takes one step, including data and teacher."""

    def __init__(self, case: AnyCase, numerics: Numerics):
        self.case, self.numerics = case, numerics
        self.training, self.batches = runner.prepare(case.recipe(), 0, case.images(), numerics)
        self.events = train(self.training, self.batches)

    def step(self) -> None:
        """Take one step of the public loop, and complete an epoch that has ended."""
        while not isinstance(next(self.events), Step):
            pass

    def flops(self) -> int:
        """Take a step and count the operations of its convolutions and matrix products."""
        with Counting() as counted:
            self.step()
        return counted.flops
