"""Is a network as often right as it says? Calibration errors (Sec. 4.2, A.5) and their bins.

Everything is counted from the logits of a whole split in float64, and is the same on every machine.
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

BINNINGS = {"equal": 15, "released": 10}
"""How confidences are binned, and into how many bins unless told otherwise."""


class Calibration(NamedTuple):
    """How far confidence is from accuracy: fractions, not percent.

    Attributes:
        ece: expected calibration error of the top-1 answer, in equal bins (Guo et al., 2017): see
            `equal_bins` for the edges, and for answers of confidence 1.0.
        mce: the largest gap of these bins.
        adaptive_ece: as `ece`, in bins of equally many answers (Nguyen and O'Connor, 2015).
        classwise_ece: the mean over the classes of the error of p(class), whether or not it comes
            first (Kull et al., 2019).
        nll: mean negative log-likelihood of the true class, in nats.
        brier: mean of Σ_k (p_k − 1[k is true])², in [0, 2] (Brier, 1950).
        accuracy: how often the first answer is right.
        confidence: the mean probability of the first answer; above `accuracy`: overconfident.
        n: how many images.
        bins: of `ece` and `mce`.
        left_out: further images, which do not count since their label is −100.
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
        """For a record: plain numbers, and each column of the bins as a list, None where NaN.

        Without `left_out`: datasets that can be recorded have a class for every image.
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
    """Every calibration error of a split.

    Args:
        predictions: the logits and what is true; for the labels see `accuracy`.
        bins: how many; by default 15 (Guo et al., 2017), and 10 as released.
        binning: "equal", bins (a, b] of one width; "released" takes `ece`, `mce` and `bins` from
            bins that are paired as in the released script (below). Nothing else changes.

    Differs from the released code: its script sorts the bins' accuracies and the bins' mean
    confidences, each on its own, empty bins as zeros, and leaves the counts where they were. What
    it then compares are not the accuracy and confidence of one bin, unless both rise with the bin
    and the empty bins come first. `binning="released"` does the same.
    """
    if binning not in BINNINGS:
        raise unknown("binning", binning, BINNINGS)
    bins = BINNINGS[binning] if bins is None else bins
    if bins < 1 or bins != int(bins):
        raise InputError(f"bins is {bins}; give at least 1, and a whole number.")
    logits, labels = _checked(predictions)
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
    """The mean over the classes of the calibration error of p(class); a loop, to save memory."""
    errors = [
        equal_bins(column, labels == k, bins).error for k, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def temperature(predictions: Predictions) -> float:
    """The T that minimises the NLL of softmax(logits / T) (Guo et al., 2017, Sec. 4.2).

    Fit it on images that are neither trained on nor reported: a validation part. The NLL is convex
    in 1/T, so its derivative has one root; where there is none in (0, ∞) an InputError says why.
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
    """The answers with logits / T: the same ranking, other confidences."""
    if not temperature > 0:
        raise InputError(f"the temperature must be positive, not {temperature}.")
    _checked(predictions)
    return Predictions(predictions.logits / temperature, predictions.labels)


def scaled_across(predictions: Predictions) -> tuple[Predictions, tuple[float, float]]:
    """Each half of a split with the temperature that was fitted on the other, and both of these.

    The halves are the answers at even and at odd positions, so every class of an ordered split is
    in both. So no image is scaled by what it helped to choose, and no split is needed beside this
    one. A half whose NLL has no minimum (see `temperature`) leaves the other as it is: T = 1.
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
    """Mean negative log-likelihood in nats, finite also where a probability underflows."""
    return float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)))


def _brier(probabilities: Float[np.ndarray, "s k"], labels: Int[np.ndarray, " s"]) -> float:
    """Mean of Σ_k (p_k − 1[k is true])² = Σ_k p_k² + 1 − 2 p(true)."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(np.mean((probabilities**2).sum(axis=1) + 1 - 2 * true))


def _checked(predictions: Predictions) -> tuple[Float[np.ndarray, "s k"], Int[np.ndarray, " s"]]:
    """Logits in float64 and labels on the host, of the images that count."""
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
    """Calibration errors of the whole split and the bins of the reliability diagram.

    Attributes:
        bins: how many.
        binning: "equal", or "released" as in the authors' script.
        scaled: divide the logits by a temperature first, fitted on the other half of the images.
    """

    bins: int = 15
    binning: str = "equal"
    scaled: bool = False

    def __call__(self, context: EvalContext) -> Values:
        """`Calibration.values()`; with `scaled` also the two temperatures."""
        predictions = context.predictions
        found: Values = {}
        if self.scaled:
            predictions, temperatures = scaled_across(predictions)
            found["temperatures"] = list(temperatures)
            found["temperature"] = sum(temperatures) / 2
        return calibration(predictions, self.bins, binning=self.binning).values() | found
