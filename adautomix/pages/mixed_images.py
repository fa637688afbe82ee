"""All mixing methods on the same pairs of images: mixed images, labels, object coverage."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from adautomix import data
from adautomix.data.augment import normalise, to_bytes
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import on_device
from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.evaluate import object_coverage
from adautomix.figures import Table
from adautomix.methods import (
    METHODS,
    AdAutoMix,
    AdAutoMixMethod,
    AdAutoMixReleased,
    AdAutoMixReleasedMethod,
    AlignMix,
    AutoMix,
    DecoupledMixup,
    Fixed,
    Guided,
    ManifoldMix,
    Method,
    MethodConfig,
    RegMixup,
    SAMix,
)
from adautomix.mix import Mixed
from adautomix.names import method_title
from adautomix.pages.notebook import holds
from adautomix.record import Run
from adautomix.rng import FixedLambdaRNG, StepRNG
from adautomix.runs.runner import revive
from adautomix.runs.weights import WEIGHTS

LEARNED = AdAutoMix, AdAutoMixReleased, AutoMix, SAMix
IN_FEATURES = ManifoldMix, AlignMix
AS_MIXUP = RegMixup, DecoupledMixup
NO_RUN = "no run of it on {title} is there with its weights"
NO_PICTURE = "it mixes features inside the network, which no image shows"
OWN_LOSS = "it mixes as MixUp does; what is its own is the loss"

HEADINGS = {
    "label 1": "label of image 1 (%)",
    "painted 1": "painted of image 1 (%)",
    "gap": "apart (points)",
    "kept 1": "object 1 kept (%)",
    "kept 2": "object 2 kept (%)",
    "off": "label and kept apart (points)",
}
"""Columns of `Gallery.labels` → headings."""

Mixer = Callable[[Tensor, StepRNG], Mixed | None]


def pictures(folder: str | Path | None = None) -> ImageSet:
    """Load the test images of CIFAR-100 in `folder`; without one, those of PhotoDigits."""
    if folder is None:
        return data.load("photodigits", "test")
    return data.load("cifar100", "test", root=folder)


class Gallery:
    """The same pairs of images mixed by each method.

    A rule needs only images. For a guided rule the trained classifier of the first run computes the
    importance maps. A learned method needs a run of its own. Generators take any number of images,
    so AdAutoMix, trained on three, is shown mixing two. Every pair gets its own box or mask,
    although many rules as published use one for the whole batch.

    Args:
        images: the split to take pairs from.
        runs: trained runs with their weights; those of other datasets are ignored.
        batch: number of pairs; each image is the first of one.
        seed: of the choice of images and partners.

    Attributes:
        mixers: method → function that mixes a batch.
        left_out: method that is not shown → the reason.
    """

    def __init__(self, images: ImageSet, runs: Sequence[Run] = (), batch: int = 200, seed: int = 0):
        order = StepRNG(seed, stream="evaluate").permutation(len(images)).numpy()
        self.set, self.seed = images.take(order[:batch]), seed
        on_host, _ = on_device(self.set, "cpu")
        self.images = normalise(on_host, images.info.mean, images.info.std)
        self.learned = _revived([run for run in runs if run.data == images.info.name])
        self.mixers: dict[str, Mixer] = {}
        self.left_out: dict[str, str] = {}
        self._mixed: dict[float, dict[str, Mixed]] = {}
        for name, config in METHODS.items():
            self._admit(name, config)

    def mixed(self, share: float) -> dict[str, Mixed]:
        """Return the batch mixed by every method with λ_1 = `share`; cached."""
        if share not in self._mixed:
            each = {
                name: mixer(self.images, FixedLambdaRNG(self.seed, share))
                for name, mixer in self.mixers.items()
            }
            self._mixed[share] = {name: mixed for name, mixed in each.items() if mixed is not None}
        return self._mixed[share]

    def sheet(self, share: float, pairs: int = 2) -> dict:
        """Return the arguments of `figures.methods_sheet`."""
        partners = FixedLambdaRNG(self.seed, share).partners(len(self.set), 2)[:pairs]
        info, shown, masks = self.set.info, {}, {}
        for name, mixed in self.mixed(share).items():
            shown[name] = to_bytes(mixed.images[:pairs], info.mean, info.std).numpy()
            masks[name] = mixed.masks[:pairs, 0].numpy().clip(0, 1)
        return {"mixed": shown, "masks": masks, "parents": self.set.images[partners.T.numpy()]}

    def labels(self, share: float) -> pd.DataFrame:
        """Return label weights, mask areas and coverage by method, as means over the batch.

        "label 1" and "painted 1" are the label's weight and the mask's area of the first image;
        "gap" is the mean distance of the two; "mask_std" is the standard deviation of its mask over
        the pixels, 0 if spatially constant. If objects are known, "kept 1" and "kept 2" are the
        coverage of both, and "off" is the mean distance of coverage and label weight over the
        objects of all pairs.
        """
        rows = []
        for name, mixed in self.mixed(share).items():
            label, painted = mixed.label_weights[:, 0], mixed.masks[:, 0].mean(dim=(1, 2))
            row: dict[str, Any] = {
                "method": name,
                "label 1": label.mean(),
                "painted 1": painted.mean(),
            }
            row["gap"] = (label - painted).abs().mean()
            row["mask_std"] = mixed.masks[:, 0].flatten(1).std(dim=1, correction=0).mean()
            if self.set.masks is not None:
                kept = object_coverage(mixed, torch.from_numpy(self.set.masks))
                row |= {f"kept {n + 1}": value for n, value in enumerate(kept.mean(dim=0))}
                row["off"] = (mixed.label_weights[:, : kept.shape[1]] - kept).abs().mean()
            rows.append({k: v if isinstance(v, str) else float(v) for k, v in row.items()})
        return pd.DataFrame(rows)

    def tables(self, share: float, other: float) -> dict[str, Table]:
        """Return the tables of `labels` with two λ_1, and of what is missing."""
        return {
            "table": self.table(share, "tab:painted"),
            "other_table": self.table(other, "tab:painted-other"),
            "missing": self.missing(),
        }

    def table(self, share: float, label: str) -> Table:
        """Return `labels` as a table of a page, in percent."""
        frame = self.labels(share)
        shown = pd.DataFrame({"method": frame["method"].map(method_title)})
        for column, words in HEADINGS.items():
            if column in frame:
                shown[words] = [
                    "" if math.isnan(value) else f"{100 * value:.0f}" for value in frame[column]
                ]
        caption = f"Means over {len(self.set)} pairs, λ of image 1 = {share:g}."
        return Table(shown, caption, label)

    def headline(self, share: float) -> dict[str, float | int | str]:
        """Return values for prose, in percent: <method>_<column> of `labels`, and "verdict"."""
        found: dict[str, float | int | str] = {"pairs": len(self.set), "ratio": 100 * share}
        frame = self.labels(share)
        for row in frame.to_dict("records"):
            for column, value in row.items():
                if column != "method":
                    found[f"{row['method']}_{column.replace(' ', '_')}"] = 100 * value
        return found | {"verdict": verdict(*closer_and_fuller(frame))}

    def missing(self) -> Table:
        """Return a table of the methods that mix but are not shown, with the reasons."""
        rows = [{"method": method_title(n), "why": why} for n, why in self.left_out.items()]
        frame = pd.DataFrame(rows, columns=["method", "why"])
        return Table(frame, "Methods that mix and are not shown.", "tab:missing")

    def _admit(self, name: str, config: MethodConfig) -> None:
        """Add a method to `mixers` or `left_out`; to neither if it does not mix images."""
        needs_run = isinstance(config, LEARNED) and name not in self.learned
        if isinstance(config, IN_FEATURES):
            self.left_out[name] = NO_PICTURE
        elif isinstance(config, AS_MIXUP):
            self.left_out[name] = OWN_LOSS
        elif needs_run or (isinstance(config, Guided) and not self.learned):
            self.left_out[name] = NO_RUN.format(title=self.set.info.title)
        elif isinstance(config, (*LEARNED, Guided, Fixed)):
            mixer = self._mixer(name, config)
            try:
                mixer(self.images[:2], FixedLambdaRNG(self.seed, 0.5))
            except InputError as error:  # an optional library is not installed
                self.left_out[name] = str(error)
            else:
                self.mixers[name] = mixer

    def _mixer(self, name: str, config: MethodConfig) -> Mixer:
        """Return the function by which a method mixes; what it has learned must be available."""
        if isinstance(config, Fixed):
            return _per_sample(config.rule)
        if isinstance(config, Guided):
            config = replace(config, rule=_per_sample(config.rule))
            guide = next(iter(self.learned.values())).classifier
            return config.build(copy.deepcopy(guide), self.set.info.side).eval().mixed
        return self.learned[name].mixed


def closer_and_fuller(labels: pd.DataFrame) -> tuple[bool | None, bool | None]:
    """Return two parts of a claim on AdAutoMix, from `Gallery.labels`; None where not known.

    The first is that its labels are nearer to what is kept of the objects than CutMix's, the second
    that it keeps more of both objects together than any other method that shows both.
    """
    if "off" not in labels or "adautomix" not in set(labels["method"]):
        return None, None
    rows = labels.set_index("method")
    both = (rows["kept 1"] + rows["kept 2"]).dropna()
    others = both.drop("adautomix").max()
    return (
        bool(rows["off"]["adautomix"] < rows["off"]["cutmix"]),
        bool(both["adautomix"] > others),
    )


def verdict(closer: bool | None, fuller: bool | None) -> str:
    """Return whether the claim holds, in words; of a claim that holds in part, which part."""
    whole = holds(closer, fuller)
    if whole != "holds in part":
        return whole
    if closer:
        return f"{whole}: its labels do lie nearer, but another method keeps more of both digits"
    return f"{whole}: it does keep most of both digits, but CutMix's labels lie nearer"


def _per_sample(rule: Any) -> Any:
    """The rule with a draw of its own for every pair."""
    return replace(rule, per="sample") if hasattr(rule, "per") else rule


def _revived(runs: Sequence[Run]) -> dict[str, Method]:
    """Return the trained methods of these runs by name, the first of each; N is set to 2."""
    found: dict[str, Method] = {}
    for run in runs:
        if run.method not in found and (run.path / WEIGHTS).exists():
            method, _ = revive(run, decide("cpu"))
            if isinstance(method, AdAutoMixMethod | AdAutoMixReleasedMethod):
                method.config = replace(method.config, n=2)
            found[run.method] = method.eval()
    return found
