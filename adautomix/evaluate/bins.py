"""The bins of a reliability diagram: answers grouped by their confidence."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Bins:
    """The bars of a reliability diagram.

    Attributes:
        low, high: bin i holds the answers with a confidence in (low, high].
        count: how many they are.
        confidence, accuracy: their means, fractions; NaN in a bin without answers.
    """

    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    count: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]

    @property
    def gaps(self) -> Float[np.ndarray, " bins"]:
        """|accuracy − confidence| of each bin; 0 in a bin without answers."""
        return np.where(self.count > 0, np.abs(self.accuracy - self.confidence), 0.0)

    @property
    def error(self) -> float:
        """The mean gap, each bin weighted by its answers: Σ_i count_i / s · gap_i."""
        return float(np.average(self.gaps, weights=self.count))


def equal_bins(
    confidence: Float[np.ndarray, " s"], right: Bool[np.ndarray, " s"], bins: int
) -> Bins:
    """Bins (a, b] of one width over [0, 1]; the first also holds 0.

    Answers of confidence 1.0 are in the last bin, with those just below. torchmetrics 1.9 takes
    bins [a, b) and gives 1.0 a bin of its own: where many answers are that sure its error
    may be larger.
    """
    return _bins(confidence, right, np.arange(bins + 1) / bins)


def full_bins(
    confidence: Float[np.ndarray, " s"], right: Bool[np.ndarray, " s"], bins: int
) -> Bins:
    """Bins of equally many answers, but for one more or less, from the least confident up.

    Equal confidences fall into one bin, so the order of the answers does not matter; where many are
    equal, bins stay empty. With fewer answers than bins, each has its own.
    """
    sizes = [len(part) for part in np.array_split(confidence, min(bins, len(confidence)))]
    upper = np.sort(confidence)[np.cumsum(sizes) - 1]
    return _bins(confidence, right, np.concatenate([[0.0], upper]))


def _bins(
    confidence: Float[np.ndarray, " s"],
    right: Bool[np.ndarray, " s"],
    edges: Float[np.ndarray, " edges"],
) -> Bins:
    """Counts and means of the answers between the edges."""
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: no answer, no mean
        means = [
            np.bincount(place, weights=weights, minlength=bins) / count
            for weights in (confidence, right)
        ]
    return Bins(edges[:-1], edges[1:], count, *means)


def sorted_apart(bins: Bins) -> Bins:
    """The bins as the released script pairs them; see `calibration`."""
    return replace(
        bins,
        confidence=np.sort(np.nan_to_num(bins.confidence)),
        accuracy=np.sort(np.nan_to_num(bins.accuracy)),
    )
