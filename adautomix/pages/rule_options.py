"""Tables of the rules' options: each on the same draws as the default; and what erases instead."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import pandas as pd
import torch
from torch import Tensor

from adautomix import data
from adautomix.data.augment import normalise
from adautomix.data.loaders import on_device
from adautomix.errors import InputError
from adautomix.figures import Table
from adautomix.mix import (
    AttentiveCutMix,
    CutMix,
    Cutout,
    FMix,
    GridMix,
    Mixed,
    SaliencyMix,
    SmoothMix,
)
from adautomix.names import title_of
from adautomix.rng import StepRNG, own_randomness

IMAGES, STEPS = 64, 25
SIDE = 32


class Option(NamedTuple):
    """A rule with one option that is not its default.

    Attributes:
        rule: the rule's name in `adautomix.names`.
        default: the rule as it is by default.
        other: the rule with the option.
        words: the option, as it is written.
        whose: where the rule is so.
        why: why the default is another.
    """

    rule: str
    default: Any
    other: Any
    words: str
    whose: str
    why: str


OPTIONS = (
    Option(
        *("cutmix", CutMix(), CutMix(odd="kept"), 'odd="kept"', "timm from 1.0.29 on, kornia"),
        "the authors' code shortens",
    ),
    Option(
        *("cutmix", CutMix(), CutMix(labels="drawn"), 'labels="drawn"', "the paper's Eq. 1"),
        "the authors' code counts the pixels that are shown",
    ),
    Option(
        *("cutmix", CutMix(), CutMix(p=0.5), "p=0.5", "the authors' command for CIFAR-100"),
        "the paper mixes every batch, as their command for ImageNet",
    ),
    Option(
        *("cutmix", CutMix(), CutMix(per="sample"), 'per="sample"', "kornia"),
        "the authors' code draws one box a batch",
    ),
    Option(
        *("fmix", FMix(), FMix(spectrum="one-axis"), 'spectrum="one-axis"', "the authors' code"),
        "the paper's masks are of two dimensions",
    ),
    Option(
        *("fmix", FMix(), FMix(labels="drawn"), 'labels="drawn"', "the authors' code"),
        "as for every rule: what is shown",
    ),
    Option(
        *("gridmix", GridMix(), GridMix(overhang="wrap"), 'overhang="wrap"', "OpenMixup"),
        "a hole that leaves the image does not come back at its other end",
    ),
    Option(
        *("saliencymix", SaliencyMix(), SaliencyMix(peak="first"), 'peak="first"'),
        *("the authors' code", "the paper's box lies on each partner's own peak"),
    ),
    Option(
        *("saliencymix", SaliencyMix(), SaliencyMix(levels="floats"), 'levels="floats"'),
        *("the authors' code", "OpenCV reads bytes"),
    ),
    Option(
        *("smoothmix", SmoothMix(), SmoothMix(labels="inverted"), 'labels="inverted"'),
        *("OpenMixup", "the paper weighs a label by what is shown of it"),
    ),
    Option(
        *("attentivecutmix", AttentiveCutMix(), AttentiveCutMix(share=None), "share=None"),
        *("OpenMixup", "the paper keeps six cells of 49"),
    ),
)
"""Options that follow other code or another reading; PuzzleMix and SnapMix say theirs in words."""


def options() -> Table:
    """Return the table of the options; a rule whose optional library is missing is left out.

    The images are test images of PhotoDigits, the importance of a cell is random, and every step
    has the same random numbers with the option and without.
    """
    rows = []
    for each in OPTIONS:
        try:
            pixels, labels = differences(each)
        except InputError:
            continue
        named = {"rule": title_of(each.rule), "option": f"`{each.words}`", "as in": each.whose}
        moved = {"other pixels (%)": f"{100 * pixels:.1f}", "label (points)": f"{100 * labels:.1f}"}
        rows.append(named | {"the default, since": each.why} | moved)
    caption = f"Options of the rules: the share of the pixels of {IMAGES} images that they change, "
    caption += "and how far they move the weight of an image's own label, on average."
    return Table(pd.DataFrame(rows), caption, "tab:rule-options")


def differences(option: Option) -> tuple[float, float]:
    """Return the share of pixels, and the mean change of the own label's weight, as fractions."""
    images = _photodigits()
    pixels, labels = [], []
    for step in range(STEPS):
        before, after = (
            _mixed(rule, images, StepRNG(0, step)) for rule in (option.default, option.other)
        )
        pixels.append(float((before.images != after.images).any(dim=1).double().mean()))
        moved = before.label_weights[:, 0] - after.label_weights[:, 0]
        labels.append(float(moved.abs().mean()))
    return sum(pixels) / STEPS, sum(labels) / STEPS


def _mixed(rule: Any, images: Tensor, rng: StepRNG) -> Mixed:
    """Mix, with random importance where the rule needs one."""
    if not hasattr(rule, "guide"):
        return rule(images, rng)
    importance = StepRNG(1, rng.key[2]).uniform(0.0, 1.0, (len(images), 7, 7))
    return rule(images, rng, importance)


def _photodigits() -> Tensor:
    """Return test images of PhotoDigits, normalised."""
    digits = data.load("photodigits", "test", per_class=-(-IMAGES // 10))
    images, _ = on_device(digits, "cpu")
    return normalise(images, digits.info.mean, digits.info.std)[:IMAGES]


def erasing() -> Table:
    """Return what is erased of white images by Cutout and by the libraries' RandomErasing."""
    rows = []
    for name, erase in ERASERS.items():
        if find_spec(name.split(".")[0]) is None:
            continue
        with own_randomness(), catch_warnings():
            simplefilter("ignore")
            torch.manual_seed(0)
            rows.append({"": f"`{name}`"} | erased(erase()))
    caption = "What is erased with the defaults, of images of 32 × 32 pixels."
    return Table(pd.DataFrame(rows), caption, "tab:erasing")


def erased(erase: Callable[[Tensor, int], Tensor]) -> dict[str, str]:
    """Measure a function (images, seed) → images on batches of white images."""
    shares, holes, changed, square = [], [], False, True
    for seed in range(STEPS):
        white = torch.ones(IMAGES, 3, SIDE, SIDE)
        black = erase(white, seed)[:, 0] == 0
        changed |= bool((white == 0).any())
        shares.append(black.double().mean(dim=(1, 2)))
        holes.append(len(black[black.any(dim=2).any(dim=1)].unique(dim=0)))
        tall, wide = (black.any(dim=axis).sum(dim=1) for axis in (2, 1))
        square &= bool((tall == wide)[(shares[-1] > 0) & (shares[-1] == shares[-1].max())].all())
    found = torch.cat(shares)
    hit = found[found > 0]
    return {
        "images erased (%)": f"{100 * float((found > 0).double().mean()):.0f}",
        "least, mean and most of an image (%)": f"{100 * float(hit.min()):.1f}, "
        f"{100 * float(hit.mean()):.1f}, {100 * float(hit.max()):.1f}",
        "shape": "square" if square else "rectangle",
        "holes": "one a batch" if max(holes) == 1 else "one an image",
        "the caller's images": "changed" if changed else "untouched",
    }


def _cutout() -> Callable[[Tensor, int], Tensor]:
    return lambda images, seed: Cutout()(images, StepRNG(seed)).images


def _timm() -> Callable[[Tensor, int], Tensor]:
    import random

    from timm.data.random_erasing import RandomErasing

    theirs = RandomErasing(device="cpu")

    def erase(images: Tensor, seed: int) -> Tensor:
        before = random.getstate()
        random.seed(seed)
        try:
            return theirs(images)
        finally:
            random.setstate(before)

    return erase


def _torchvision() -> Callable[[Tensor, int], Tensor]:
    from torchvision.transforms.v2 import RandomErasing

    theirs = RandomErasing()
    return lambda images, seed: theirs(images)


def _kornia() -> Callable[[Tensor, int], Tensor]:
    from kornia.augmentation import RandomErasing

    theirs = RandomErasing()
    return lambda images, seed: theirs(images)


ERASERS: dict[str, Callable[[], Callable[[Tensor, int], Tensor]]] = {
    "adautomix.mix.Cutout": _cutout,
    "timm.data.random_erasing.RandomErasing": _timm,
    "torchvision.transforms.v2.RandomErasing": _torchvision,
    "kornia.augmentation.RandomErasing": _kornia,
}
"""Where each is → a function that makes it, with its defaults."""
