"""Suite `growth`: how time and memory of a step grow with N, the batch, the images, the classes.

The attention of the generator compares every position of the tap with every other. Its part is
measured alone as well, on features of the size that the taps have, for images of up to 224 pixels.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from adautomix.bench.case import Case, Trial
from adautomix.bench.conditions import Conditions, Row
from adautomix.bench.memory import peak_mib
from adautomix.device import Numerics
from adautomix.mix import MixGenerator
from adautomix.models import Net
from adautomix.rng import Draw

THIN = Net("resnet18", stem="cifar", width=16)
CHANNELS, STRIDE, SETS = 64, 4, 4
"""Of the tap of the thin network; sets of three images in a batch."""


def growth(conditions: Conditions) -> list[Row]:
    """One row a quantity that grows, its value, and what was measured: plain, AdAutoMix, generator.

    On a GPU the network is that of the recipe, on a processor its thin version.
    """
    net = conditions.net if conditions.cuda else THIN
    base = Case(batch=conditions.batches[0], side=conditions.side, net=net)
    rows = []
    for axis, values in _axes(conditions).items():
        rows += _along(conditions, base, axis, values)
    return rows + _generator(conditions)


def _axes(conditions: Conditions) -> dict[str, tuple[int, ...]]:
    if conditions.tiny:
        return {"n": (2, 3), "batch": (4,), "side": (16,), "classes": (10,)}
    sides = (32, 64, 96, 128, 224) if conditions.cuda else (32, 64, 96)
    return {
        "n": (2, 3, 4, 5, 6, 7, 8),
        "batch": (16, 32, 64, 128),
        "side": sides,
        "classes": (10, 100, 1000),
    }


def _along(conditions: Conditions, base: Case, axis: str, values: tuple[int, ...]) -> list[Row]:
    """Every value of one quantity, in turn; plain training beside AdAutoMix, for N once."""
    cases = {("adautomix", v): replace(base, **{axis: v}) for v in values}
    if axis == "n":
        cases["plain", 1] = replace(base, method="plain")
    else:
        cases |= {("plain", v): replace(base, method="plain", **{axis: v}) for v in values}
    trials = {key: Trial(case, conditions.numerics) for key, case in cases.items()}
    timings = conditions.time({str(key): trial.step for key, trial in trials.items()})
    del trials
    return [
        {
            "axis": axis,
            "value": value,
            "what": what,
            "seconds": timings.median(str((what, value))),
            "fastest": timings.fastest(str((what, value))),
            "memory_mib": peak_mib(case, conditions.numerics),
        }
        for (what, value), case in cases.items()
    ]


def _generator(conditions: Conditions) -> list[Row]:
    """The generator alone, forward and backward, by the side of the images."""
    sides = (16, 32) if conditions.tiny else (32, 64, 96, 128, 160, 224)
    tasks = {str(side): _pass(conditions.numerics, side) for side in sides}
    timings = conditions.time(tasks)
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


def _pass(numerics: Numerics, side: int) -> Callable[[], None]:
    torch.manual_seed(0)
    device = numerics.device
    generator = MixGenerator(CHANNELS).to(device)
    features = torch.randn(SETS, CHANNELS, side // STRIDE, side // STRIDE, device=device)
    draw = Draw(0)
    partners, ratios = draw.partners(SETS, 3, device), draw.ratios(SETS, 3, 1.0, device)

    def forward_and_backward() -> None:
        generator.zero_grad()
        with numerics.autocast():
            masks = generator(features, partners, ratios, (side, side))
        masks[:, 0].mean().backward()

    return forward_and_backward
