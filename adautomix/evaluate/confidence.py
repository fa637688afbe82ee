"""Is the network as often right as it says? See `adautomix.evaluate.calibration`."""

from dataclasses import dataclass

from adautomix.evaluate import calibration, scaled_across
from adautomix.evaluate.context import EvalContext, Values


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
        predictions, found = context.predictions, {}
        if self.scaled:
            predictions, temperatures = scaled_across(predictions)
            found["temperatures"] = list(temperatures)
            found["temperature"] = sum(temperatures) / 2
        return calibration(predictions, self.bins, binning=self.binning).values() | found
