"""Calibration errors (Sec. 4.2, A.5) and temperature scaling.

Everything is computed from the logits of a whole split in float64, the same on every machine.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from scipy.optimize import brentq
from scipy.special import softmax

from adautomix.data.labels import LEFT_OUT, class_numbers
from adautomix.errors import InputError, unknown
from adautomix.evaluate import checks
from adautomix.evaluate.bins import Bins, equal_bins, full_bins, sorted_apart
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.predict import Predictions
from adautomix.fields import of_type

BINNINGS = {"equal": 15, "released": 10}
"""Kinds of binning → default number of bins."""


class Calibration(NamedTuple):
    """Calibration errors of a split, as fractions, not percent.

    Attributes:
        ece: expected calibration error of the top-1 prediction, in bins of equal width (Guo et al.,
            2017); see `equal_bins` for the edges and for confidence 1.0.
        mce: maximum calibration error: the largest gap of these bins.
        adaptive_ece: as `ece`, in bins of equally many predictions (Nguyen and O'Connor, 2015).
        classwise_ece: mean over the classes of the error of p(class), for all images (Kull et al.,
            2019).
        nll: mean negative log-likelihood of the true class, in nats.
        brier: mean of Σ_k (p_k − 1[k is true])², in [0, 2] (Brier, 1950).
        accuracy: top-1 accuracy.
        confidence: mean probability of the top-1 prediction; above `accuracy` if overconfident.
        n: number of images with a label.
        bins: the bins of `ece` and `mce`.
        left_out: number of images left out, since their label is −100.
    """

    ece: float
    mce: float
    adaptive_ece: float
    classwise_ece: float
    nll: float
    brier: float
    accuracy: float
    confidence: float
    n: int
    bins: Bins
    left_out: int = 0

    def values(self) -> dict[str, float | int | list[float | int | None]]:
        """Return values for a record: numbers, and columns of the bins as lists, None for NaN.

        `left_out` is omitted: datasets that can be recorded have a class for every image.
        """
        columns = {f"bin_{name}": column.tolist() for name, column in vars(self.bins).items()}
        numbers = {k: v for k, v in self._asdict().items() if k not in ("bins", "left_out")}
        return numbers | {
            name: [None if value != value else value for value in column]
            for name, column in columns.items()
        }


def calibration(
    predictions: Predictions, bins: int | None = None, *, binning: str = "equal"
) -> Calibration:
    """Compute all calibration errors; InputError for predictions that cannot be used.

    Args:
        predictions: logits and labels; for the labels see `accuracy`.
        bins: number of bins; by default 15 (Guo et al., 2017), and 10 for "released".
        binning: "equal", bins (a, b] of equal width; "released" computes `ece`, `mce` and `bins`
            from bins that are paired as in the released script (below). Nothing else changes.

    Differs from the released code: its script sorts the bins' accuracies and mean confidences
    independently, empty bins as zeros, and does not move the counts. The values compared then
    belong to different bins, unless both increase with the bin and the empty bins come first.
    """
    if binning not in BINNINGS:
        raise unknown("binning", binning, BINNINGS)
    logits, labels = _checked(predictions)
    bins = of_type(int, BINNINGS[binning] if bins is None else bins, "bins")
    if bins < 1:
        raise InputError(f"bins must be 1 or more, not {bins}.")
    probabilities = softmax(logits, axis=1)
    first = probabilities.max(axis=1)
    right = logits.argmax(axis=1) == labels
    found = equal_bins(first, right, bins)
    if binning == "released":
        found = sorted_apart(found)
    return Calibration(
        ece=found.error,
        mce=float(found.gaps.max()),
        adaptive_ece=full_bins(first, right, bins).error,
        classwise_ece=_classwise(probabilities, labels, bins),
        nll=_nll(logits, labels),
        brier=_brier(probabilities, labels),
        accuracy=float(right.mean()),
        confidence=float(first.mean()),
        n=len(labels),
        bins=found,
        left_out=len(predictions.labels) - len(labels),
    )


def _classwise(
    probabilities: Float[np.ndarray, "s k"], labels: Int[np.ndarray, " s"], bins: int
) -> float:
    """Return the mean over the classes of the error of p(class), in a loop to save memory."""
    errors = [
        equal_bins(column, labels == k, bins).error for k, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def temperature(predictions: Predictions) -> float:
    """Return the T that minimises the NLL of softmax(logits / T) (Guo et al., 2017, Sec. 4.2).

    Fit it on validation images, which are neither trained on nor reported. The NLL is convex in
    1/T, so its derivative has at most one root. Raises InputError if there is none in (0, ∞).
    """
    logits, labels = _checked(predictions)
    true = logits[np.arange(len(labels)), labels]
    above = logits - true[:, None]

    def slope(inverse: float) -> float:
        return float(np.mean((softmax(inverse * above, axis=1) * above).sum(axis=1)))

    if slope(0.0) >= 0:
        raise InputError(
            "the logits say nothing of the labels, so the NLL has no minimum: it falls as T grows; "
            "fit the temperature of a trained network."
        )
    if (above <= 0).all():
        raise InputError(
            "every answer is right, so the NLL has no minimum: it falls as T goes to 0; "
            "fit the temperature on images of which some are misclassified."
        )
    high = 1.0
    while slope(high) < 0:
        high *= 2
    return 1 / float(brentq(slope, 0.0, high, xtol=1e-14, rtol=1e-12))


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """Return the predictions with logits / T: the same ranking, other confidences."""
    if not temperature > 0:
        raise InputError(f"the temperature must be positive, not {temperature}.")
    _checked(predictions)
    return Predictions(predictions.logits / temperature, predictions.labels)


def scaled_across(predictions: Predictions) -> tuple[Predictions, tuple[float, float]]:
    """Scale each half of a split by the temperature fitted on the other half.

    The halves are the images at even and at odd positions, so every class of an ordered split is in
    both. Thus no image is scaled by a temperature fitted on it, and no further split is needed. If
    the NLL of a half has no minimum (see `temperature`), the other half is not scaled: T = 1.

    Returns:
        The scaled predictions, and the temperatures of the even and the odd positions.
    """
    _checked(predictions)
    logits, found = predictions.logits.clone(), []
    for own, other in ((0, 1), (1, 0)):
        try:
            found.append(
                temperature(Predictions(predictions.logits[other::2], predictions.labels[other::2]))
            )
        except InputError:
            found.append(1.0)
        logits[own::2] /= found[-1]
    return Predictions(logits, predictions.labels), (found[0], found[1])


def _nll(logits: Float[np.ndarray, "s k"], labels: Int[np.ndarray, " s"]) -> float:
    """Return the mean negative log-likelihood in nats, finite even if a probability underflows."""
    return float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))


def _brier(probabilities: Float[np.ndarray, "s k"], labels: Int[np.ndarray, " s"]) -> float:
    """Return the mean of Σ_k (p_k − 1[k is true])² = Σ_k p_k² + 1 − 2 p(true)."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(np.mean((probabilities**2).sum(axis=1) + 1 - 2 * true))


def _checked(predictions: Predictions) -> tuple[Float[np.ndarray, "s k"], Int[np.ndarray, " s"]]:
    """Return float64 logits and labels, on the CPU, of the images with a label."""
    if not isinstance(predictions, Predictions):
        raise InputError(
            f"predictions must be Predictions(logits, labels), not a {type(predictions).__name__}: "
            "they come from adautomix.evaluate.predictions(model, loader)."
        )
    logits = checks.check_logits(predictions.logits, predictions.logits).detach().cpu()
    if len(logits) == 0:
        raise InputError("there are no answers to calibrate: the split is empty.")
    checks.refuse_logits(int(checks.not_finite(logits)), len(logits))
    labels = class_numbers(predictions.labels, logits.shape[1], left_out=True).cpu()
    checks.check_count(labels, logits)
    kept = labels != LEFT_OUT
    if not kept.any():
        raise InputError("there are no answers to calibrate: all labels are −100.")
    return logits[kept].double().numpy(), labels[kept].numpy()


@dataclass(frozen=True)
class Confidence:
    """The evaluation "calibration": errors of the whole split, and bins of the diagram.

    Attributes:
        bins: number of bins.
        binning: "equal", or "released" as in the authors' script.
        scaled: first divide the logits by a temperature fitted on the other half of the images.
    """

    bins: int = 15
    binning: str = "equal"
    scaled: bool = False

    def __call__(self, context: EvalContext) -> Values:
        """Return `Calibration.values()`; with `scaled` also the two temperatures."""
        predictions = context.predictions
        found: Values = {}
        if self.scaled:
            predictions, temperatures = scaled_across(predictions)
            found["temperatures"] = list(temperatures)
            found["temperature"] = sum(temperatures) / 2
        return calibration(predictions, self.bins, binning=self.binning).values() | found
