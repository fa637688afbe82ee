"""What is the network worth on damaged images? See `evaluate.corruption`, `evaluate.occlusion`.

`per_class` takes the first so many images of each class; None takes all.
"""

from dataclasses import dataclass, field

from adautomix.data.corrupted import OFFICIAL, frost_pictures
from adautomix.data.corruptions import KINDS, SEVERITIES
from adautomix.errors import DataError
from adautomix.evaluate import PatchDrop, accuracy, corruption, occlusion
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.occlusion import SHARES


def runnable() -> tuple[str, ...]:
    """All 19 corruptions, or those that need no pictures where there are none of frost.

    They are named in the settings, so a mean over 18 is another evaluation than one over 19.
    """
    try:
        frost_pictures()
    except DataError:
        return tuple(name for name in KINDS if name != "frost")
    return tuple(KINDS)


@dataclass(frozen=True)
class Corruptions:
    """Accuracy under each corruption and severity (Table 4).

    Attributes:
        corruptions: which ones.
        severities: from 1 to 5.
    """

    corruptions: tuple[str, ...] = field(default_factory=runnable)
    severities: tuple[int, ...] = SEVERITIES
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """The mean over all corruptions, "mean_run", and a list over the severities for each.

        Also "clean", the same images untouched; "mean_15" and "mean_19" where all of these ran at
        all severities; n images, and how many corruptions came from "official" files.
        """
        found = corruption(
            context.on_pixels,
            context.images(self.per_class),
            names=self.corruptions,
            severities=self.severities,
            device=context.numerics.device,
        )
        means = {k: v for k, v in found.values().items() if k.startswith("mean_")}
        return {
            **means,
            "clean": accuracy(context.normalised, context.normal(self.per_class)).top1,
            "n": found.n,
            "official": list(found.origins.values()).count(OFFICIAL),
            **{name: list(row) for name, row in found.accuracy.items()},
        }


@dataclass(frozen=True)
class Occlusions:
    """Accuracy when a share of the cells of every image is gone (Fig. 5, Table 7).

    Attributes:
        shares: of dropped cells, fractions.
        grid, fill, shared, seed: see `PatchDrop`; the fill "mean" is the dataset's mean colour.
    """

    shares: tuple[float, ...] = SHARES
    grid: int | None = None
    fill: float | str = 0.0
    shared: bool = False
    seed: int = 0
    per_class: int | None = None

    def __call__(self, context: EvalContext) -> Values:
        """The "mean" over the shares, n images, and "dropped_30" and so on for each share."""
        fill = context.data.info.mean if self.fill == "mean" else self.fill
        drop = PatchDrop(self.grid, fill, self.shared, self.seed)
        batches = context.pixels(self.per_class)
        found = occlusion(context.on_pixels, batches, drop, shares=self.shares)
        rows = zip(found.shares, found.accuracies, strict=True)
        values = {f"dropped_{round(100 * share):02d}": value for share, value in rows}
        return {"mean": sum(values.values()) / len(values), "n": found.n, **values}
