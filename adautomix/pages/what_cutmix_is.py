"""Tables of the page on what CutMix is: what four libraries make of the same draw, and how."""

import math
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from adautomix.figures import Table
from adautomix.pages.neighbours import LIBRARIES, Asked, Draw, Mixes, ask, by_kornia, installed

BATCH, CLASSES = 8, 8
MIDDLE, CORNER = (16, 16), (0, 0)
SQUARE, WIDE = (32, 32), (32, 45)
CASES = {
    "in the middle": (None, MIDDLE, SQUARE),
    "in the corner": (None, CORNER, SQUARE),
    "32 pixels high, 45 wide": (None, (16, 22), WIDE),
    "an even side, in the middle": (0.75, MIDDLE, SQUARE),
    "an even side, in the corner": (0.75, CORNER, SQUARE),
    "a side of one pixel": (0.999, MIDDLE, SQUARE),
}
"""Boxes: λ (None for that of the page), centre, and height and width of the images."""
SEEDS = range(40)
RULES = {"mixup": "MixUp", "cutmix": "CutMix"}


def boxes(ratio: float) -> Table:
    """Return, for every case and library, the pasted box and the share of the own label."""
    rows = []
    for case, (own, centre, size) in CASES.items():
        draw = Draw(ratio if own is None else own, *centre)
        row = {"box": case, "λ": f"{draw.own:g}"}
        for name in installed():
            mixed = _cut(name, draw, size)
            high, wide = pasted(mixed.images, 1)
            row[name] = f"{high} × {wide}: {float(mixed.shares[1, 1]):.3f}"
        rows.append(row)
    versions = ", ".join(f"{name} {version(name)}" for name in installed()[:-1])
    caption = "The same λ and centre: height × width that is pasted, and the own label's share "
    caption += f"({versions})."
    return Table(pd.DataFrame(rows), caption, "tab:same-box")


def numbers(ratio: float) -> dict[str, float]:
    """Return numbers on CutMix by every library, by name; NaN for one that is not installed.

    They are the side of the box in the middle and in the corner of 32 × 32 pixels, the mean share
    that is left to an image where λ and the centre are uniform (in percent), and the most by which
    a label differs from the area that is shown.
    """
    found = {
        f"{what}_{name}": math.nan
        for what in ("middle", "corner", "mean", "gap")
        for name in LIBRARIES
    }
    ratios, places = [(i + 0.5) / 24 for i in range(24)], range(0, 16, 5)
    grid = [Draw(*each) for each in product(ratios, places, places)]
    for name in installed():
        for what, at in (("middle", MIDDLE), ("corner", CORNER)):
            side, _ = pasted(_cut(name, Draw(ratio, *at), SQUARE).images, 1)
            found[f"{what}_{name}"] = float(side)
        mixes = [_cut(name, draw, (16, 16)) for draw in grid]
        shares = [float(mixed.shares[1, 1]) for mixed in mixes]
        shown = [float((mixed.images[1] == 1).double().mean()) for mixed in mixes]
        found[f"mean_{name}"] = 100 * sum(shares) / len(shares)
        found[f"gap_{name}"] = max(abs(a - b) for a, b in zip(shares, shown, strict=True))
    return found


def one_rule(found: Mapping[str, float]) -> tuple[bool, ...]:
    """Return whether the libraries agree on the box in the middle, in the corner, and on labels."""
    sides = [{found[f"{what}_{name}"] for name in installed()} for what in ("middle", "corner")]
    return (
        *(len(each) == 1 for each in sides),
        all(found[f"gap_{name}"] < 1e-6 for name in installed()),
    )


def _cut(name: str, draw: Draw, size: tuple[int, int]) -> Mixes:
    """Let a library mix painted images by CutMix with this draw."""
    return ask(name, Asked("cutmix", painted(size), torch.arange(BATCH), CLASSES, draw))


def painted(size: tuple[int, int], batch: int = BATCH) -> Tensor:
    """Return images "b 3 h w" of one value each: image i has the value i."""
    return torch.arange(float(batch))[:, None, None, None].expand(batch, 3, *size).clone()


def pasted(images: Tensor, which: int) -> tuple[int, int]:
    """Return height and width of the part of a painted image that shows another one."""
    other = images[which, 0] != which
    return int(other.any(dim=1).sum()), int(other.any(dim=0).sum())


def behaviour() -> Table:
    """Return the table of how the libraries mix; where the rules differ, a cell says so."""
    rows = [
        {"": what} | {name: _both(measure, name) for name in installed()}
        for what, measure in MEASURED.items()
    ]
    caption = "How each library mixes, as measured here with its defaults, but for the alphas and "
    caption += "timm's label smoothing."
    return Table(pd.DataFrame(rows), caption, "tab:behaviour")


def _both(measure: Callable[[str, str], str], name: str) -> str:
    """Return what a measurement finds, once if it is the same for both rules."""
    found = {title: measure(name, rule) for rule, title in RULES.items()}
    if len(set(found.values())) == 1:
        return found["CutMix"]
    return "; ".join(f"{title}: {cell}" for title, cell in found.items())


def _mixed(name: str, rule: str, seed: int = 0, **words: Any) -> Mixes:
    """Ask for a painted batch of 16 × 16 pixels with random numbers."""
    given: dict[str, Any] = {
        "images": painted((16, 16)),
        "labels": torch.arange(BATCH),
        "classes": CLASSES,
    }
    return ask(name, Asked(rule, **(given | words), seed=seed))


def partner(name: str, rule: str) -> str:
    """Say which image of the batch is mixed into each, over all seeds."""
    itself = torch.arange(BATCH)
    found = []
    for seed in SEEDS:
        shares = _mixed(name, rule, seed).shares
        others = shares.clone().fill_diagonal_(0)
        found.append(torch.where(others.amax(dim=1) > 0, others.argmax(dim=1), itself))
    partners = torch.stack(found)
    mixed = partners != itself
    for words, rolled in (("the one before", itself.roll(1)), ("the mirrored one", itself.flip(0))):
        if (partners == rolled)[mixed].all():
            return words
    # boxes of no pixel look like partners of their own, in which no two images have one partner
    own = sum(row.unique().numel() == BATCH for row in partners[(~mixed).any(dim=1)])
    return "drawn, may be itself" if own > len(SEEDS) // 4 else "drawn, never itself"


def draws_of_a_batch(name: str, rule: str) -> str:
    """Say whether the images of a batch have one λ or one each."""
    several = 0
    for seed in SEEDS:
        own = _mixed(name, rule, seed).shares.diagonal()
        several += int(own[own < 1].unique().numel() > 1)
    return "one an image" if several > len(SEEDS) // 2 else "one a batch"


def probability(name: str, rule: str) -> str:
    """Say what p = 1/2 spares: whole batches, or single images."""
    if name == "adautomix" and rule == "mixup":
        return "none"
    spared, kinds = [], set()
    for seed in SEEDS:
        mixed = _mixed(name, rule, seed, p=0.5)
        spared.append(float((mixed.shares.diagonal() == 1).double().mean()))
        kinds.add(mixed.labels.ndim)
    words = {"timm": "`prob`", "torchvision": "`RandomApply`", "kornia": "`p`"}.get(name, "`p`")
    whole = sum(share == 1 for share in spared)
    alone = sum(0.3 < share < 1 for share in spared)
    cell = f"{words}: spares whole batches" if whole > alone else f"{words}: spares single images"
    return cell + (", which keep class numbers" if len(kinds) > 1 else "")


def label_form(name: str, rule: str) -> str:
    """Say shape and dtype of the labels."""
    labels = _mixed(name, rule).labels
    axes = {BATCH: "b", 3: "3", 1: "1"}
    shape = ["b", "k"] if labels.shape == (BATCH, CLASSES) else [axes[n] for n in labels.shape]
    return f"{' × '.join(shape)}, {_word(labels.dtype)}"


def whose_number(name: str, rule: str) -> str:
    """Say whose share the number in a label is."""
    if name != "kornia":
        return "the share of each class"
    draw = Draw(0.75, 8, 8)
    asked = Asked(rule, painted((16, 16)), torch.arange(BATCH), CLASSES, draw)
    own = {
        float(by_kornia(asked, correct).labels.reshape(-1, 3)[1, 2]) for correct in (True, False)
    }
    if own == {0.25}:
        return "the second label's share"
    return "the second label's share; the first's with `use_correct_lambda`"


def in_place(name: str, rule: str) -> str:
    """Say whether the caller's images are changed."""
    changed = 0
    for seed in range(4):
        images = painted((16, 16))
        _mixed(name, rule, seed, images=images)
        changed += int(not torch.equal(images, painted((16, 16))))
    return "changed" if changed else "untouched"


def layout(name: str, rule: str) -> str:
    """Say whether images whose channels come last in memory stay so."""
    images = painted((16, 16)).contiguous(memory_format=torch.channels_last)
    mixed = _mixed(name, rule, images=images).images
    return "kept" if mixed.is_contiguous(memory_format=torch.channels_last) else "lost"


def half_precision(name: str, rule: str) -> str:
    """Say dtype and worst sum of the labels of bfloat16 images."""
    worst = 0.0
    for seed in range(10):
        mixed = _mixed(name, rule, seed, images=painted((16, 16)).bfloat16())
        worst = max(worst, float((mixed.shares.sum(dim=1) - 1).abs().max()))
    return (
        f"{_word(mixed.labels.dtype)}, sum 1 ± {worst:.0e}"
        if worst > 1e-6
        else (f"{_word(mixed.labels.dtype)}, sum 1")
    )


def refusal(**words: Callable[[], Any]) -> Callable[[str, str], str]:
    """Return a measurement: whether a batch of these arguments is mixed, or what is raised."""

    itself = painted((1, 1))

    def measure(name: str, rule: str) -> str:
        given = {key: make() for key, make in words.items()}
        try:
            shares = _mixed(name, rule, **given).shares
        except Exception as error:
            return f"refused ({type(error).__name__})"
        batch = len(given.get("images", itself))
        return "mixed" if len(shares) == batch else f"{len(shares)} labels for {batch} images"

    return measure


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


MEASURED: dict[str, Callable[[str, str], str]] = {
    "partner of an image": partner,
    "λ": draws_of_a_batch,
    "p = 1/2": probability,
    "labels returned": label_form,
    "the number in them": whose_number,
    "the caller's images": in_place,
    "channels last in memory": layout,
    "labels of bfloat16 images": half_precision,
    "uint8 images": refusal(images=lambda: painted((16, 16)).byte()),
    "soft labels": refusal(labels=lambda: torch.eye(CLASSES)),
    "a batch of an odd number": refusal(
        images=lambda: painted((16, 16), 7), labels=lambda: torch.arange(7)
    ),
}
"""What is measured, and the function (library, rule) → cell."""
