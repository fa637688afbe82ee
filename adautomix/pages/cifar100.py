"""Numbers of the page on CIFAR-100."""

from dataclasses import replace

from adautomix.pages.verdict import best
from adautomix.results.outcome import Results

METHOD = "adautomix"


def headline(results: Results) -> dict[str, float | int | str]:
    """Return `results.headline()` and "verdict": whether AdAutoMix leads every other row.

    Runs at the paper's budget decide, by the classifier.
    """
    full, others = replace(results, budget="paper"), set(results.experiment.rows) - {METHOD}
    ahead = {row: [full.lead(METHOD, row)] for row in sorted(others)}
    return results.headline() | {"verdict": best(ahead)}
