"""How a benchmark is run: where, how often, and on what sizes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from adautomix.bench.case import Case
from adautomix.bench.clock import Task, Timings, interleaved
from adautomix.device import Numerics
from adautomix.models import Net
from adautomix.recipes.cifar100 import RESNET18

Row = dict[str, Any]
"""One line of a suite's table: plain values, seconds and MiB."""


@dataclass(frozen=True)
class BenchOptions:
    """What all suites share.

    Attributes:
        numerics: device and precision.
        repeats: turns of each interleaved measurement.
        methods: those that `steps`, `parts` and `compiled` measure, beside plain training.
        batches: images a step.
        net: the backbone of `steps`, `parts`, `variants` and `compiled`.
        side: of the images, in pixels.
        tiny: sizes so small that a suite takes seconds, to try the command.
    """

    numerics: Numerics
    repeats: int = 20
    methods: Sequence[str] = ("mixup", "cutmix", "automix", "adautomix")
    batches: Sequence[int] = (32, 100)
    net: Net = field(default_factory=lambda: RESNET18.net)
    side: int = 32
    tiny: bool = False

    @property
    def cuda(self) -> bool:
        """Whether a GPU is measured."""
        return torch.device(self.numerics.device).type == "cuda"

    def case(self, method: str, batch: int, n: int | None = None) -> Case:
        """A training of these sizes."""
        return Case(method, batch, self.side, n=n, net=self.net)

    def time(self, tasks: dict[str, Task]) -> Timings:
        """The tasks in turn; on a GPU ten steps a turn, so that the host may run ahead."""
        burst = 10 if self.cuda and not self.tiny else 1
        return interleaved(tasks, self.repeats, numerics=self.numerics, burst=burst)

    def settings(self) -> dict[str, Any]:
        """What a record says of them; the device stands in its provenance."""
        found = asdict(self)
        del found["numerics"]
        return found
