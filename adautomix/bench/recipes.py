"""Suite `recipes`: time and memory of a step of each recipe of Tables 1 to 3, as it is trained.

Real network, image size, batch and augmentation; images of noise, and new weights where the recipe
starts from others. What steps of four and of eight images take says how many parts a batch needs
to fit into `LIMIT_MIB` (`Recipe.parts`), and whether a step takes more than `LIMIT_S`: then that of
eight images stands for it, and its time is multiplied, unless `BenchOptions.whole`. Each recipe is
measured in processes of its own, and its row is printed as soon as it is there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from adautomix import recipes as all_recipes
from adautomix.bench.case import Trial
from adautomix.bench.memory import in_new_process, load_libraries, peak_so_far
from adautomix.bench.options import BenchOptions, Row
from adautomix.data.augment import Augment
from adautomix.data.catalog import info
from adautomix.data.image_set import ImageSet
from adautomix.device import Numerics
from adautomix.models import Net
from adautomix.recipes import Recipe
from adautomix.train.timer import Timer

STEPS = 3
LIMIT_MIB = 2048
"""Largest memory of a step on a CPU; a GPU takes the whole batch."""
LIMIT_S = 20.0
"""Longest step that is measured whole."""
SMALL = 4
"""Images of the smaller of both steps that show what an image takes; N = 3 needs three."""


@dataclass(frozen=True)
class RecipeCase:
    """A training of a recipe on images of noise.

    Attributes:
        name: of the recipe.
        batch: images of a step.
        parts: of a batch.
        net: another network, to try the command; None for the recipe's.
    """

    name: str
    batch: int
    parts: int = 1
    net: Net | None = None

    def recipe(self) -> Recipe:
        """Return the recipe of the training."""
        found = all_recipes.get(self.name)
        net = replace(self.net or found.net, pretrained=False)
        return replace(found, net=net, batch=self.batch, parts=self.parts, epochs=1)

    def images(self) -> ImageSet:
        """Return as many images of noise as `STEPS` steps take, as large as the recipe's."""
        recipe = self.recipe()
        facts = info(recipe.data)
        own = facts.side if isinstance(recipe.augment, Augment) else recipe.augment.side
        rng, count = np.random.default_rng(0), self.batch * STEPS
        return ImageSet(
            rng.integers(0, 256, (count, own, own, 3), np.uint8),
            rng.integers(0, facts.classes, count),
            tuple(map(str, range(facts.classes))),
            replace(facts, name="noise", title="Noise", side=own),
            "train",
        )


class Taken(NamedTuple):
    """What steps took: seconds and operations of one, and the rise of the peak memory in MiB.

    On a CPU they are the processor's seconds divided by its threads, so that what else runs on the
    machine is not counted.
    """

    seconds: float
    flops: int
    mib: float | None


def recipes(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each recipe.

    `images` are those of a measured step, the batch or `2 * SMALL`; `seconds` and `gflop` are of
    the whole batch. `mib` is what the measured step needed, in `parts` if it was the whole batch;
    `mib_an_image` is how much more memory one more image takes.
    """
    for name in options.recipes or list(of_the_tables()):
        whole = RecipeCase(name, all_recipes.get(name).batch)
        case = RecipeCase(name, options.batches[0], net=options.net) if options.tiny else whole
        yield _row(case, options)


def of_the_tables() -> Iterator[str]:
    """Yield AdAutoMix's recipe for each network of the paper's datasets."""
    for name, recipe in all_recipes.RECIPES.items():
        if name.endswith("/adautomix") and not info(recipe.data).embedded:
            yield name


def _row(whole: RecipeCase, options: BenchOptions) -> Row:
    numerics = options.numerics
    small, large = (
        _measured(replace(whole, batch=count), numerics) for count in (SMALL, 2 * SMALL)
    )
    parts = 1 if _cuda(numerics) else parts_of(whole.batch, small.mib, large.mib)
    slow = not options.whole and large.seconds * whole.batch / (2 * SMALL) > LIMIT_S
    found = large if slow else _measured(replace(whole, parts=parts), numerics)
    images = 2 * SMALL if slow else whole.batch
    scale = whole.batch / images
    return {
        "recipe": whole.name,
        "side": whole.recipe().augment.side_of(info(whole.recipe().data)),
        "batch": whole.batch,
        "parts": parts,
        "images": images,
        "units": whole.recipe().method.passes,
        "gflop": found.flops * scale / 1e9,
        "seconds": found.seconds * scale,
        "mib": found.mib,
        "mib_an_image": _slope(small.mib, large.mib),
    }


def parts_of(batch: int, small: float | None, large: float | None) -> int:
    """Return the fewest equal parts, of `SMALL` images or more, that fit into `LIMIT_MIB`.

    `small` and `large` are the MiB of a step of `SMALL` images and of twice as many; a line through
    both says what more of them take. 1 where nothing fits, or memory is not reported.
    """
    each = _slope(small, large)
    if small is None or each is None:
        return 1
    most = batch if each <= 0 else max(SMALL, math.floor(SMALL + (LIMIT_MIB - small) / each))
    fitting = [n for n in range(1, batch + 1) if batch % n == 0 and SMALL <= batch // n <= most]
    return fitting[0] if fitting else 1


def _slope(small: float | None, large: float | None) -> float | None:
    return None if small is None or large is None else (large - small) / SMALL


def _measured(case: RecipeCase, numerics: Numerics) -> Taken:
    return in_new_process(_take, case, numerics, torch.get_num_threads())


def _take(case: RecipeCase, numerics: Numerics, threads: int) -> Taken:
    """Take `STEPS` steps: the first is counted, the others timed; call in a new process."""
    torch.set_num_threads(threads)
    load_libraries(numerics)
    before = peak_so_far(numerics)
    trial, seconds = Trial(case, numerics), []
    flops = trial.flops()
    for _ in range(STEPS - 1):
        numerics.wait()
        timer = Timer()
        trial.step()
        numerics.wait()
        seconds.append(timer.seconds if _cuda(numerics) else timer.cpu_seconds / threads)
    after = peak_so_far(numerics)
    mib = None if before is None or after is None else after - before
    return Taken(median(seconds), flops, mib)


def _cuda(numerics: Numerics) -> bool:
    return torch.device(numerics.device).type == "cuda"
