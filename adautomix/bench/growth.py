"""Suite `growth`: time and memory of a step by N, batch, size of the images and number of classes.

The generator's attention is quadratic in the number of positions of the tap. It is also measured
alone, on features of the taps' size, for images of up to 224 pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from adautomix.bench.case import Case, Trial
from adautomix.bench.memory import peak_mib
from adautomix.bench.options import BenchOptions, Row
from adautomix.device import Numerics
from adautomix.mix import MixGenerator
from adautomix.models import Net
from adautomix.rng import StepRNG

THIN = Net("resnet18", stem="cifar", width=16)
CHANNELS, STRIDE, SETS = 64, 4, 4
"""Channels and stride of the thin network's tap, and batch size for the generator alone."""


def growth(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each quantity, value, and training (plain, AdAutoMix) or generator.

    The network is the recipe's on a GPU, its thin version on a CPU.
    """
    net = options.net if options.cuda else THIN
    base = Case(batch=options.batches[0], side=options.side, net=net)
    axes = _axes(options)
    share = 1 / (len(axes) + 1)
    for axis, values in axes.items():
        yield from _along(options, base, axis, values, share)
    yield from _generator(options, share)


def _axes(options: BenchOptions) -> dict[str, tuple[int, ...]]:
    if options.tiny:
        return {"n": (2, 3), "batch": (4,), "side": (16,), "classes": (10,)}
    sides = (32, 64, 96, 128, 224) if options.cuda else (32, 64, 96)
    return {
        "n": (2, 3, 4, 5, 6, 7, 8),
        "batch": (16, 32, 64, 128),
        "side": sides,
        "classes": (10, 100, 1000),
    }


def _along(
    options: BenchOptions, base: Case, axis: str, values: tuple[int, ...], share: float
) -> list[Row]:
    """Measure AdAutoMix and plain training at each value of one quantity; for N, plain once."""
    changes: dict[int, dict[str, Any]] = {v: {axis: v} for v in values}
    cases = {("adautomix", v): replace(base, **change) for v, change in changes.items()}
    if axis == "n":
        cases["plain", 1] = replace(base, method="plain")
    else:
        plain = replace(base, method="plain")
        cases |= {("plain", v): replace(plain, **change) for v, change in changes.items()}
    trials = {key: Trial(case, options.numerics) for key, case in cases.items()}
    timings = options.time({str(key): trial.step for key, trial in trials.items()}, share)
    del trials
    return [
        {
            "axis": axis,
            "value": value,
            "what": what,
            "seconds": timings.median(str((what, value))),
            "fastest": timings.fastest(str((what, value))),
            "memory_mib": peak_mib(case, options.numerics),
        }
        for (what, value), case in cases.items()
    ]


def _generator(options: BenchOptions, share: float) -> list[Row]:
    """Measure the generator alone, forward and backward, by the side of the images."""
    sides = (16, 32) if options.tiny else (32, 64, 96, 128, 160, 224)
    tasks = {str(side): _pass(options.numerics, side) for side in sides}
    timings = options.time(tasks, share)
    return [
        {
            "axis": "side",
            "value": side,
            "what": "generator",
            "seconds": timings.median(str(side)),
            "fastest": timings.fastest(str(side)),
            "positions": (side // STRIDE) ** 2,
        }
        for side in sides
    ]


def _pass(numerics: Numerics, side: int) -> Callable[[], object]:
    torch.manual_seed(0)
    device = numerics.device
    generator = MixGenerator(CHANNELS).to(device)
    features = torch.randn(SETS, CHANNELS, side // STRIDE, side // STRIDE, device=device)
    rng = StepRNG(0)
    partners, ratios = rng.partners(SETS, 3, device), rng.ratios(SETS, 3, 1.0, device)

    def forward_and_backward() -> None:
        generator.zero_grad()
        with numerics.autocast():
            masks = generator(features, partners, ratios, (side, side))
        masks[:, 0].mean().backward()

    return forward_and_backward
