"""Suite `rules`: the cost of mixing rules compared with a copy of the batch."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from adautomix.bench.options import BenchOptions, Row
from adautomix.errors import InputError
from adautomix.mix import GUIDED, MIXERS
from adautomix.rng import StepRNG

SHAPES = ((128, 3, 32, 32), (32, 3, 224, 224))
PER_IMAGE = ("saliencymix", "puzzlemix")
"""Rules with a computation for each image on the CPU, so their cost is also given per image."""


def rules(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each shape and rule: seconds, and the ratio to a copy of the batch."""
    shapes = ((8, 3, 32, 32),) if options.tiny else SHAPES
    for shape in shapes:
        yield from _of_shape(options, shape, 1 / len(shapes))


def _of_shape(options: BenchOptions, shape: tuple[int, ...], share: float) -> list[Row]:
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(shape, generator=rng).to(options.numerics.device)
    tasks: dict[str, Callable[[], object]] = {"copy": images.clone}
    for name, rule in MIXERS.items():
        tasks[name] = _task(rule(), images)
    for name, guided in GUIDED.items():
        side = shape[-1] if guided.guide == "saliency" else shape[-1] // 8  # of pixels, of features
        tasks[name] = _task(guided(), images, torch.rand(shape[0], side, side, generator=rng))
    tasks = {name: task for name, task in tasks.items() if _works(task)}
    timings = options.time(tasks, share)
    return [
        {
            "rule": name,
            "batch": shape[0],
            "side": shape[-1],
            "seconds": timings.median(name),
            "fastest": timings.fastest(name),
            "copies": timings.ratio(name, to="copy"),
            "seconds_per_image": timings.median(name) / shape[0] if name in PER_IMAGE else None,
        }
        for name in tasks
    ]


def _task(rule: Callable, images: Tensor, *importance: Tensor) -> Callable[[], object]:
    maps = [each.to(images.device) for each in importance]
    return lambda: rule(images, StepRNG(0), *maps)


def _works(task: Callable[[], object]) -> bool:
    """Whether a rule's optional libraries are installed, by a first call that is not timed."""
    try:
        task()
    except InputError:
        return False
    return True
