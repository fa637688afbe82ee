"""`BenchOptions`: device, repeats and sizes of a benchmark."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from adautomix.bench.case import Case
from adautomix.bench.clock import Task, Timings, interleaved
from adautomix.device import Numerics
from adautomix.models import Net
from adautomix.recipes.cifar100 import RESNET18

Row = dict[str, Any]
"""One row of a suite's table: JSON values; times in seconds, memory in MiB."""


@dataclass(frozen=True)
class BenchOptions:
    """Options of all suites.

    Attributes:
        numerics: device and precision.
        repeats: number of rounds of each measurement.
        methods: methods that `steps`, `parts` and `compiled` measure, besides plain training.
        batches: batch sizes.
        net: the backbone of `steps`, `parts`, `variants` and `compiled`.
        side: height and width of the images, in pixels.
        photos: folder of photographs for `loading`; None for noise.
        against: source tree of the earlier build that `builds` measures.
        recipes: recipes that `recipes` measures; none for AdAutoMix's of every network.
        whole: `recipes` takes whole batches, however long a step is.
        tiny: use sizes for which a suite takes seconds, to try the command.
        limit: seconds for the rounds of a suite, which are then fewer; None for no limit.
    """

    numerics: Numerics
    repeats: int = 20
    methods: Sequence[str] = ("mixup", "cutmix", "automix", "adautomix")
    batches: Sequence[int] = (32, 100)
    net: Net = field(default_factory=lambda: RESNET18.net)
    side: int = 32
    photos: Path | None = None
    against: Path | None = None
    recipes: Sequence[str] = ()
    whole: bool = False
    tiny: bool = False
    limit: float | None = None

    @property
    def cuda(self) -> bool:
        """Whether the device is a CUDA GPU."""
        return torch.device(self.numerics.device).type == "cuda"

    def case(self, method: str, batch: int, n: int | None = None) -> Case:
        """Return a training of a method with these options."""
        return Case(method, batch, self.side, n=n, net=self.net)

    def time(self, tasks: dict[str, Task], share: float = 1.0) -> Timings:
        """Time tasks in alternation; on a GPU ten calls a round, so that the host can run ahead.

        `share` is the part of the suite's `limit` that this may take.
        """
        burst = 10 if self.cuda and not self.tiny else 1
        limit = None if self.limit is None else share * self.limit
        return interleaved(tasks, self.repeats, numerics=self.numerics, burst=burst, limit=limit)

    def settings(self) -> dict[str, Any]:
        """Return the options for a record, without its device and the paths of this machine."""
        found = asdict(self)
        for name in ("numerics", "photos", "against"):
            del found[name]
        return found
