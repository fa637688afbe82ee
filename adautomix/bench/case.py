"""What is measured: a method, a network and images of noise, through the public trainer."""

from dataclasses import dataclass, field, replace

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
"""Enough that closing an epoch is rare, few enough that large images fit the memory."""


@dataclass(frozen=True)
class Case:
    """A training whose steps are measured; everything else is the CIFAR-100 recipe's.

    Attributes:
        method: a name of `METHODS`.
        batch: images a step.
        side: of the images, in pixels.
        classes: of the labels.
        n: images that AdAutoMix mixes; None for the method's own.
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
        """The recipe of the training."""
        return replace(RESNET18, net=self.net, method=self.config, batch=self.batch)

    def images(self) -> ImageSet:
        """Noise with labels, the same for every method."""
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


class Trial:
    """A training at its start; `step` goes one step on, data, update and teacher included."""

    def __init__(self, case: Case, numerics: Numerics):
        self.case, self.numerics = case, numerics
        self.training, self.batches = runner.prepare(case.recipe(), 0, case.images(), numerics)
        self.events = train(self.training, self.batches)

    def step(self) -> None:
        """One step of the public loop; where an epoch ends, its line of the curve as well."""
        while not isinstance(next(self.events), Step):
            pass

    def flops(self) -> int:
        """Floating-point operations of a step's convolutions and matrix products, counted."""
        with Counting() as counted:
            self.step()
        return counted.flops
