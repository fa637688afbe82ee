"""Bins of a reliability diagram: predictions grouped by their confidence."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Bins:
    """The bars of a reliability diagram.

    Attributes:
        low, high: bin i holds the predictions with a confidence in (low, high].
        count: number of predictions.
        confidence, accuracy: their means, fractions; NaN in an empty bin.
    """

    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    count: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]

    @property
    def gaps(self) -> Float[np.ndarray, " bins"]:
        """|accuracy − confidence| of each bin; 0 in an empty bin."""
        return np.where(self.count > 0, np.abs(self.accuracy - self.confidence), 0.0)

    @property
    def error(self) -> float:
        """The mean gap weighted by the number of predictions: Σ_i count_i / s · gap_i."""
        return float(np.average(self.gaps, weights=self.count))


def equal_bins(
    confidence: Float[np.ndarray, " s"], right: Bool[np.ndarray, " s"], bins: int
) -> Bins:
    """Return bins (a, b] of equal width over [0, 1]; the first also holds 0.

    Predictions of confidence 1.0 are in the last bin, with those just below. torchmetrics 1.9 uses
    bins [a, b) and gives 1.0 a bin of its own, so its error may be larger if many predictions have
    that confidence.
    """
    return _bins(confidence, right, np.arange(bins + 1) / bins)


def full_bins(
    confidence: Float[np.ndarray, " s"], right: Bool[np.ndarray, " s"], bins: int
) -> Bins:
    """Return bins of equally many predictions, up to one, sorted by confidence.

    Equal confidences are in the same bin, so the order of the predictions does not matter; if many
    are equal, some bins are empty. With fewer predictions than bins, each has its own.
    """
    sizes = [len(part) for part in np.array_split(confidence, min(bins, len(confidence)))]
    upper = np.sort(confidence)[np.cumsum(sizes) - 1]
    return _bins(confidence, right, np.concatenate([[0.0], upper]))


def _bins(
    confidence: Float[np.ndarray, " s"],
    right: Bool[np.ndarray, " s"],
    edges: Float[np.ndarray, " edges"],
) -> Bins:
    """Return counts and means of the predictions between the edges."""
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: an empty bin has no mean
        means = [
            np.bincount(place, weights=weights, minlength=bins) / count
            for weights in (confidence, right)
        ]
    return Bins(edges[:-1], edges[1:], count, *means)


def sorted_apart(bins: Bins) -> Bins:
    """Return the bins as the released script pairs them; see `calibration`."""
    return replace(
        bins,
        confidence=np.sort(np.nan_to_num(bins.confidence)),
        accuracy=np.sort(np.nan_to_num(bins.accuracy)),
    )
