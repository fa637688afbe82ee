"""The page on mixed images by λ and by epoch: Fig. 12, 13 and 14 with what was trained here."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from adautomix import data, figures
from adautomix.data.augment import to_bytes
from adautomix.evaluate.diversity import between_times
from adautomix.figures import RatioSlider, Table
from adautomix.mix import Mixed
from adautomix.names import method_title
from adautomix.pages.claims import CLAIMS
from adautomix.pages.mixed_images import Gallery
from adautomix.record import Run, local, recorded
from adautomix.record.run import PICTURES
from adautomix.results import compare
from adautomix.results.outcome import Results, current, over_training, saved_epochs
from adautomix.rng import FixedLambdaRNG

SHARES = tuple(i / 10 for i in range(1, 10))
"""λ of the first image, frame by frame."""
METHODS = ("mixup", "cutmix", "automix", "adautomix")
"""The methods beside the slider; a learned one is there where a run of it is."""
PAINTED_ON = {"Fig. 12": "cub200", "Fig. 13": "cifar100", "Fig. 14": "imagenet"}
"""Figure of the paper → the dataset whose images it mixes."""


class Ratios:
    """The same pairs of images mixed at every ratio of `SHARES`.

    Args:
        gallery: the pairs, and the methods that can mix them.
    """

    def __init__(self, gallery: Gallery):
        self.gallery = gallery
        self.methods = [method for method in METHODS if method in gallery.mixers]

    @cached_property
    def mixed(self) -> dict[str, list[Mixed]]:
        """Method → the batch mixed at each ratio."""
        images, seed = self.gallery.images, self.gallery.seed
        with torch.no_grad():
            made = {
                method: [
                    self.gallery.mixers[method](images, FixedLambdaRNG(seed, share))
                    for share in SHARES
                ]
                for method in self.methods
            }
        return {
            method: [each for each in batches if each is not None]
            for method, batches in made.items()
        }

    def slider(self, pair: int = 0) -> RatioSlider:
        """Return the slider over the ratios for one pair."""
        info = self.gallery.set.info
        partners = FixedLambdaRNG(self.gallery.seed, 0.5).partners(len(self.gallery.set), 2)
        return RatioSlider(
            SHARES,
            self.gallery.set.images[partners[pair].numpy()],
            {
                method: np.stack(
                    [to_bytes(m.images[[pair]], info.mean, info.std).numpy()[0] for m in batches]
                )
                for method, batches in self.mixed.items()
            },
            {
                method: np.stack([m.masks[pair, 0].numpy().clip(0, 1) for m in batches])
                for method, batches in self.mixed.items()
            },
        )

    def areas(self) -> dict[str, list[float]]:
        """Return method → the mean area of the first image's mask at each ratio, in percent."""
        return {
            method: [100 * float(m.masks[:, 0].mean()) for m in batches]
            for method, batches in self.mixed.items()
        }

    def table(self) -> Table:
        """Return `areas` as a table."""
        rows = [
            {"method": method_title(method)}
            | {f"λ = {share:g}": f"{area:.0f}" for share, area in zip(SHARES, areas, strict=True)}
            for method, areas in self.areas().items()
        ]
        pairs = len(self.gallery.set)
        caption = f"Painted of the first image, in percent: means over {pairs} pairs."
        return Table(pd.DataFrame(rows), caption, "tab:painted-by-ratio")

    def headline(self) -> dict[str, float | int | str]:
        """Return values for prose: the areas at the ends in percent, and the verdict on Fig. 14."""
        ends: dict[str, float | int | str] = {
            f"{method}_{end}": areas[i]
            for method, areas in self.areas().items()
            for end, i in {"low": 0, "high": -1}.items()
        }
        low, high = 100 * SHARES[0], 100 * SHARES[-1]
        return {"low": low, "high": high, "frames": len(SHARES), "verdict": verdict(), **ends}


def tables(mixed: Ratios, results: Results) -> dict[str, Table]:
    """Return the tables of the page: areas by λ, whose images are here, and moves by epoch."""
    return {"areas": mixed.table(), "here": painted_here(), "epochs": by_epoch(results)}


def sets(runs: Sequence[Run]) -> Figure:
    """Return the figure of sets as the first run with pictures mixed them after its last epoch."""
    for run in runs:
        if arrays := run.pictures():
            last = saved_epochs(arrays)[-1]
            return figures.sets_sheet(
                arrays["parents"],
                arrays["ratios"],
                arrays[f"mixed_{last}"],
                arrays[f"masks_{last}"] / 255,
            )
    return figures.blank("no run with mixed images is here")


def over_epochs(runs: Sequence[Run]) -> Figure:
    """Return the figure of the same sets at every saved epoch, of the first run with pictures."""
    for run in runs:
        if arrays := run.pictures():
            return figures.mix_over_training(**over_training(arrays))
    return figures.blank("no run with mixed images is here")


def by_epoch(results: Results, methods: Sequence[str] = ("automix", "adautomix")) -> Table:
    """Return the table of how far the masks of the same sets move between saved epochs.

    Of every method it has two columns: the masks, and their shapes, which are the masks less their
    means. A mask that paints another share of its image moves, but its shape need not.
    """
    found = {method: pictured(results, method) for method in methods}
    moves = {
        f"{method_title(method)}, {what}": [_moves(run, shape=what == "shape") for run in runs]
        for method, runs in found.items()
        for what in ("mask", "shape")
    }
    spans = dict.fromkeys(span for made in moves.values() for each in made for span in each)
    table = [
        {"epochs": f"{first} and {second}"}
        | {heading: _over(made, (first, second)) for heading, made in moves.items()}
        for first, second in spans
    ]
    caption = (
        "Mean absolute difference of the masks of the same images and the same λ at two epochs, "
        "from 0 to 1, and of the masks less their means: mean ± sample standard deviation (number "
        "of seeds)."
    )
    return Table(pd.DataFrame(table, columns=["epochs", *moves]), caption, "tab:moved-by-epoch")


def pictured(results: Results, method: str) -> list[Run]:
    """Return the runs of a method at the results' budget that keep mixed images, one a seed.

    A local run goes before a recorded one of its seed.
    """
    names = results.experiment.names(method)
    there = [run for run in recorded().all() if run.name in names and run.budget == results.budget]
    own = [run for run in results.local if run.name in names]
    runs = [run for run in (*current(there, own), *own) if run.has(PICTURES)]
    found = {run.seed: run for run in runs}
    return [found[seed] for seed in sorted(found)]


def painted_here() -> Table:
    """Return the table of Fig. 12 to 14: the paper's images, and whose run mixes them here."""
    runs = [run for run in (*recorded().all(), *local().all()) if run.has(PICTURES)]
    rows = [
        {
            "figure": figure,
            "the paper's images": data.info(name).title,
            "runs with mixed images of these": str(_count(runs, name) or ""),
            "of PhotoDigits": str(_count(runs, "photodigits")),
        }
        for figure, name in PAINTED_ON.items()
    ]
    caption = "Recorded runs and runs made here that keep mixed images; blank where there is none."
    return Table(pd.DataFrame(rows), caption, "tab:painted-here")


def verdict() -> str:
    """Return the verdict on the diversity that Fig. 14 shows, with its scale and its reason."""
    found = next(claim.found for claim in CLAIMS if claim.name == "diverse-images")
    return f"{found.verdict} ({found.scale}): {found.why}" if found.scale else found.verdict


def _count(runs: Sequence[Run], name: str) -> int:
    return len({run.id for run in runs if run.data == name})


def _moves(run: Run, *, shape: bool) -> dict[tuple[int, int], float]:
    """Return two successive saved epochs → the distance of the masks; empty without pictures.

    With `shape` each mask is taken less its own mean.
    """
    arrays = run.pictures()
    epochs = saved_epochs(arrays)
    if len(epochs) < 2:
        return {}
    masks = torch.stack([torch.from_numpy(arrays[f"masks_{epoch}"]) for epoch in epochs])
    masks = masks.float() / 255
    distances = between_times(masks - masks.mean(dim=(-2, -1), keepdim=True) if shape else masks)
    return {span: float(distances[i, i + 1]) for i, span in enumerate(pairwise(epochs))}


def _over(made: Sequence[dict[tuple[int, int], float]], span: tuple[int, int]) -> str:
    """Return mean ± sd of one distance over seeds as text; blank without one."""
    found = compare.summary_of([each[span] for each in made if span in each])
    return f"{compare.mean_text(found, digits=4)} ({found.n})" if found.n else ""
