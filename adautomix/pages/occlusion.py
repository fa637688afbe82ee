"""The page on occlusion: tables, and the numbers of its prose."""

from typing import Any

from adautomix.figures import Table
from adautomix.pages.evaluated import beside_paper, printed, recorded_leads
from adautomix.pages.verdict import best
from adautomix.results import evaluations
from adautomix.results.outcome import Results


def curves(results: Results, predictor: str = "classifier") -> dict[str, Any]:
    """Return the arguments of `figures.occlusion_curves`: accuracy by share, and chance."""
    frame = evaluations.by_share(results, predictor)
    return {"frame": frame, "chance": evaluations.chance(results)}


def headline(results: Results) -> dict[str, float | str]:
    """Return values for prose: mean over the shares and at half of the cells, and the verdict."""
    shares = [
        f"occlusion/dropped_{round(100 * s):02d}" for s in results.defaults["occlusion"]["shares"]
    ]
    metrics = {"mean": "occlusion/mean", "half": "occlusion/dropped_50"}
    verdict = best(recorded_leads(results, *shares), at=" at some share")
    return {**evaluations.headline(results, metrics), "verdict": verdict}


def tables(results: Results) -> dict[str, Table]:
    """Return half of the cells gone beside the paper's, released holes, and the paper's table."""
    where = {"dataset": "CIFAR-100", "backbone": "Swin-T", "occlusion": 0.5}
    released = {
        "black, mean (%)": "occlusion/mean",
        "mean colour, mean (%)": "occlusion_released/mean",
        "black, 30 % gone (%)": "occlusion/dropped_30",
        "mean colour, 30 % gone (%)": "occlusion_released/dropped_30",
    }
    caption = (
        "Accuracy with black holes, and with holes and sets as in the released script; the "
        "classifier."
    )
    return {
        "half": beside_paper(results, "occlusion/dropped_50", 7, where, "tab:occlusion"),
        "released": Table(
            evaluations.numbers(results, released), caption, "tab:occlusion-released"
        ),
        "printed": printed(
            7,
            ["backbone", "dataset", "method"],
            "occlusion",
            "The paper's Table 7: accuracy in percent by the share of dropped patches.",
            "tab:occlusion-printed",
            "{:.0%}",
        ),
    }
