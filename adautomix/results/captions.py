"""Captions and columns of the tables in `adautomix.results.report`."""

CAPTION = (
    "{number}, in percent: mean ± sample standard deviation (number of seeds); † is how the paper "
    "reports the method. A blank cell was not run."
)
MOVED = (
    "What each method gains, in percentage points, over the setting in which it is reported (†), "
    "with its 95 % interval over paired seeds (number of seeds)."
)
COST = "What a run took, in minutes: mean over the runs of a method (number of runs)."
BEYOND = {
    "calibration error": "calibration/ece",
    "error under FGSM": "fgsm/error",
    "accuracy, corrupted": "corruption/mean_run",
    "accuracy, occluded": "occlusion/mean",
}
"""Heading → metric, as in `Run.metric`; all are fractions."""
MASKS = ("largest mask", "distance of area and λ", "loss of mixed images")
NUMBERS = {
    "median of the last ten epochs": "top1_median10",
    "last epoch": "top1_last",
    "best epoch, chosen by these test images": "top1_best",
}
"""Heading → final metric of a run that may be reported."""
PAIRED = "in percentage points, with its 95 % interval over paired seeds (number of seeds)"
MIXING = (
    "What is mixed in the end, mean over seeds (number of seeds): the largest mask of a pixel, the "
    "distance of a mask's area from λ, and the training loss of the mixed images."
)
CONTRASTS = f"Difference between two rows, {PAIRED}."
PARTS = "The second and third column add up to the first."
