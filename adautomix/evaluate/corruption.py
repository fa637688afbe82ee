"""Accuracy on corrupted images, by corruption and severity, and its means.

Most papers average the 15 standard corruptions; the paper of AdAutoMix says 19 (Sec. 4.3, Table 4).
Both means are over all five severities. A mean over other sets is called `mean_run`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_start_method
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from adautomix.data.augment import Geometry
from adautomix.data.corrupted import (
    MADE,
    OFFICIAL,
    CorruptedSet,
    corrupted,
    frost_pictures,
    load_corrupted,
)
from adautomix.data.corruptions import KINDS, SEVERITIES, STANDARD, check_severity, kind
from adautomix.data.evaluation import WHOLE, pixel_batches, seen
from adautomix.data.file_batches import prefetched
from adautomix.data.file_set import Images
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError
from adautomix.evaluate.accuracy import accuracy
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.predict import Predict

PIECE = 500
"""Images of files that are held in memory at a time."""
MANY = 1000
"""From so many images on, processes make the next corrupted sets while the network is evaluated."""


@dataclass(frozen=True)
class Corruption:
    """Accuracy of a classifier on corrupted images.

    Attributes:
        accuracy: corruption → top-1 accuracy at each severity, fractions.
        severities: the evaluated severities, in the order of the fractions.
        n: number of images for each corruption and severity.
        origins: corruption → "official" file or "made here".
        left_out: corruption that was requested but not run → the reason.
    """

    accuracy: dict[str, tuple[float, ...]]
    severities: tuple[int, ...]
    n: int
    origins: dict[str, str]
    left_out: dict[str, str]

    def by_corruption(self) -> dict[str, float]:
        """Return the mean over the severities for each corruption."""
        return {name: sum(row) / len(row) for name, row in self.accuracy.items()}

    def mean(self, names: Iterable[str] | None = None) -> float:
        """Return the mean over `names`, by default all; InputError if one was not run."""
        means = self.by_corruption()
        wanted = list(means if names is None else names)
        absent = [name for name in wanted if name not in means]
        if absent or not wanted:
            raise InputError(
                f"there is no mean over {len(wanted)} corruptions: not run:"
                f" {', '.join(absent) or 'any'}."
            )
        return sum(means[name] for name in wanted) / len(wanted)

    def values(self) -> dict[str, float]:
        """Return values for a record: each corruption's mean, and means over several.

        `mean_run` is over all that were run. `mean_15` (the standard ones) and `mean_19` (all) are
        included only if all of these were run at all five severities.
        """
        found = {**self.by_corruption(), "mean_run": self.mean()}
        if self.severities == SEVERITIES:
            for label, names in (("mean_15", STANDARD), ("mean_19", tuple(KINDS))):
                if set(names) <= set(self.accuracy):
                    found[label] = self.mean(names)
        return found

    def frame(self) -> pd.DataFrame:
        """Return a table with a row for each corruption and severity.

        Its columns are corruption, severity, accuracy and origin.
        """
        rows = [
            (name, severity, value, self.origins[name])
            for name, row in self.accuracy.items()
            for severity, value in zip(self.severities, row, strict=True)
        ]
        return pd.DataFrame(rows, columns=["corruption", "severity", "accuracy", "origin"])

    def mce(self, reference: "Corruption", names: Sequence[str] = STANDARD) -> float:
        """Return the mean corruption error relative to a reference, 1 for the reference itself.

        For each corruption the errors are summed over the severities and divided by those of the
        reference, and averaged over `names` (Hendrycks and Dietterich, 2019, Sec. 4.2). Raises
        InputError for other severities, a corruption that was not run, or a reference without
        errors.
        """
        if self.severities != reference.severities:
            raise InputError(
                f"severities {self.severities} and {reference.severities} cannot be compared:"
                " run the same ones."
            )
        ratios = []
        for name in names:
            error, other = 1 - self.mean([name]), 1 - reference.mean([name])
            if other <= 0:
                raise InputError(
                    f"the reference makes no error on {name}: nothing is relative to it."
                )
            ratios.append(error / other)
        return sum(ratios) / len(ratios)

    def note(self) -> str:
        """Return a sentence that says which corruptions, severities and images were run."""
        run, asked = len(self.accuracy), len(self.accuracy) + len(self.left_out)
        levels = ", ".join(map(str, self.severities))
        text = f"{run} of {asked} corruptions, severities {levels}, {self.n} images each"
        for origin in sorted(set(self.origins.values())):
            text += f", {list(self.origins.values()).count(origin)} {origin}"
        why = "; ".join(f"without {name}: {reason}" for name, reason in self.left_out.items())
        return f"{text}; {why}" if why else f"{text}."


def corruption(
    predict: Predict,
    clean: Images,
    *,
    names: Sequence[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
    root: str | Path | None = None,
    device: torch.device | str = "cpu",
    augment: Geometry = WHOLE,
) -> Corruption:
    """Compute the top-1 accuracy on a clean split under each corruption and severity.

    Args:
        predict: pixels in [0, 1] "b c h w" to logits "b k", on `device`; see `NormalizedModel`.
        clean: the split; files on disk are read once.
        names: corruptions; None means all 19, without "frost" if its pictures are missing.
        severities: from 1 to 5.
        root: folder of the corrupted sets; see `adautomix.data.corrupted`.
        augment: whose `evaluated` gives the images their side before they are corrupted.

    Raises InputError for an unknown name or severity, or none at all; DataError when data are
    missing for a corruption in `names`.
    """
    wanted = tuple(KINDS) if names is None else tuple(dict.fromkeys(names))
    levels = tuple(dict.fromkeys(severities))
    if not wanted or not levels:
        raise InputError("name at least one corruption and one severity.")
    for name in wanted:
        kind(name)
    for severity in levels:
        check_severity(severity)
    right = {name: [0] * len(levels) for name in wanted}
    origins: dict[str, str] = {}
    left_out: dict[str, str] = {}
    ways = [(name, severity) for name in wanted for severity in levels]
    for start, piece in _pieces(clean, augment):
        sets = _Sets(piece, start, ways, root, whole=len(piece) == len(clean))
        for (name, severity), made in zip(ways, sets.prefetched(), strict=True):
            if isinstance(made, DataError):
                if names is not None or name != "frost":
                    raise made
                left_out[name] = str(made)
                continue
            top1 = accuracy(predict, pixel_batches(made.data, device=device)).top1
            right[name][levels.index(severity)] += round(top1 * len(piece))
            origins[name] = made.origin
    found = {name: tuple(n / len(clean) for n in right[name]) for name in origins}
    return Corruption(found, levels, len(clean), origins, left_out)


def _pieces(clean: Images, augment: Geometry) -> Iterator[tuple[int, ImageSet]]:
    """Yield the images in memory with the number of the first: of files `PIECE` at a time."""
    if isinstance(clean, ImageSet):
        yield 0, seen(clean, augment)
        return
    for start in range(0, len(clean), PIECE):
        positions = np.arange(start, min(start + PIECE, len(clean)))
        yield start, seen(clean.take(positions), augment)


class _Sets(Dataset[CorruptedSet | DataError]):
    """Images under each of several corruptions and severities, or why they cannot be had.

    Only if they are the `whole` of a split are they kept on the disk.
    """

    def __init__(
        self,
        piece: ImageSet,
        start: int,
        ways: Sequence[tuple[str, int]],
        root: str | Path | None,
        *,
        whole: bool,
    ):
        self.piece, self.start, self.ways, self.root, self.whole = piece, start, ways, root, whole

    def __getitem__(self, number: int) -> CorruptedSet | DataError:
        name, severity = self.ways[number]
        try:
            if self.whole:
                return load_corrupted(self.piece, name, severity, root=self.root)
            images = corrupted(self.piece.images, name, severity, start=self.start)
        except DataError as error:
            return error
        return CorruptedSet(replace(self.piece, images=images, masks=None), MADE)

    def prefetched(self) -> Iterable[CorruptedSet | DataError]:
        """Return all sets in order, made ahead of time if they have `MANY` images.

        Only where processes are forked: others would import a user's script again.
        """
        ahead = len(self.piece) >= MANY and get_start_method() == "fork"
        workers = None if ahead else 0
        return prefetched(self, range(len(self.ways)), torch.device("cpu"), workers)


def runnable() -> tuple[str, ...]:
    """Return all 19 corruptions, without "frost" if its pictures are missing.

    The names are part of the settings, so a mean over 18 is another evaluation than one over 19.
    """
    try:
        frost_pictures()
    except DataError:
        return tuple(name for name in KINDS if name != "frost")
    return tuple(KINDS)


@dataclass(frozen=True)
class Corruptions:
    """The evaluation "corruption": accuracy under each corruption and severity (Table 4).

    Attributes:
        corruptions: names of corruptions.
        severities: from 1 to 5.
        per_class: evaluate the first `per_class` images of each class; None for all.
    """

    corruptions: tuple[str, ...] = field(default_factory=runnable)
    severities: tuple[int, ...] = SEVERITIES
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """Return accuracies: a list over the severities for each corruption, and means.

        "mean_run" is over all corruptions, "mean_15" and "mean_19" as in `Corruption.values`;
        "clean" is the accuracy on the clean images, "n" the number of images, and "official" the
        number of corruptions from official files.
        """
        found = corruption(
            context.on_pixels,
            context.images(self.per_class),
            names=self.corruptions,
            severities=self.severities,
            device=context.numerics.device,
            augment=context.augment,
        )
        means = {k: v for k, v in found.values().items() if k.startswith("mean_")}
        return {
            **means,
            "clean": accuracy(context.normalised, context.normal(self.per_class)).top1,
            "n": found.n,
            "official": list(found.origins.values()).count(OFFICIAL),
            **{name: list(row) for name, row in found.accuracy.items()},
        }
