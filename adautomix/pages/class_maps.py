"""The page on class activation maps: tables, and the numbers of its prose."""

from adautomix.figures import Table
from adautomix.pages.evaluated import recorded_runs
from adautomix.results import evaluations
from adautomix.results.outcome import Results

COLUMNS = {
    "one digit (%)": "cam/clean_own",
    "its area (%)": "cam/clean_area",
    "own digit (%)": "cam/own",
    "other digit (%)": "cam/other",
    "area (%)": "cam/area",
    "both first (%)": "cam/both",
}
"""Columns of the tables → share, as in `Run.metric`."""


def headline(results: Results) -> dict[str, float | str]:
    """Return values for prose: percentages by method, and the verdict."""
    metrics = {"clean": "cam/clean_own", "area": "cam/clean_area"}
    metrics |= {"own": "cam/own", "other": "cam/other", "both": "cam/both"}
    return {**evaluations.headline(results, metrics), "verdict": verdict(results)}


def verdict(results: Results) -> str:
    """Return in how many recorded runs the maps tell the two digits of a mixed image apart.

    They do where more of the mass lies on the digit of the class asked about than on the other, and
    on either more than its area.
    """
    runs = [run for each in recorded_runs(results).values() for run in each]
    names = ("cam/own", "cam/other", "cam/area")
    found = [[run.metric("classifier", name) for name in names] for run in runs]
    shares = [[value for value in each if value is not None] for each in found if None not in each]
    apart = sum(own > other > area for own, other, area in shares)
    many = "all" if shares and apart == len(shares) else f"{apart}"
    return f"in {many} of the {len(shares)} recorded runs"


def tables(results: Results) -> dict[str, Table]:
    """Return the share of the maps' mass on digits, of the classifiers and of the teachers."""
    caption = "Share of the mass of class activation maps that lies on digits; the {}."
    return {
        predictor: Table(
            evaluations.numbers(results, COLUMNS, predictor), caption.format(predictor), label
        )
        for predictor, label in {"classifier": "tab:cam", "teacher": "tab:cam-teacher"}.items()
    }
