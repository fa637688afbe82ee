"""The page on robustness: corruptions and attacks as tables, and the numbers of its prose."""

from adautomix.figures import Table
from adautomix.pages.evaluated import beside_paper, images, recorded_leads
from adautomix.pages.verdict import best
from adautomix.results import evaluations
from adautomix.results.outcome import Results

PAPER = {"dataset": "CIFAR-100", "backbone": "ResNet-18"}
CONDITIONS = {
    "clean": "fgsm/clean_error",
    "FGSM": "fgsm/error",
    "PGD": "pgd/error",
    "FGSM as released": "fgsm_released/error",
    "its clamp": "clamp_released/error",
}
"""Condition → share of misclassified images, as in `Run.metric`."""


def headline(results: Results) -> dict[str, float | int | str]:
    """Return values for prose: percentages by method, the number of corruptions, the verdicts."""
    metrics = {"clean": "fgsm/clean_error", "corrupted": "corruption/mean_run"}
    metrics |= {"fgsm": "fgsm/error", "pgd": "pgd/error"}
    metrics |= {"released": "fgsm_released/error", "clamp": "clamp_released/error"}
    kinds = set(evaluations.by_corruption(results)["corruption"]) - {"clean"}
    return {
        **evaluations.headline(results, metrics),
        "corruptions": len(kinds),
        "verdict_corruption": best(recorded_leads(results, "corruption/mean_run")),
        "verdict_fgsm": best(recorded_leads(results, "fgsm/error", less=True)),
    }


def tables(results: Results) -> dict[str, Table]:
    """Return all tables of the page."""
    return corruption_tables(results) | attack_tables(results)


def corruption_tables(results: Results) -> dict[str, Table]:
    """Return the mean over the corruptions beside the paper's, and the accuracy by severity."""
    where = PAPER | {"metric": "corruption_top1_percent"}
    on = images(results.asked["corruption"])
    severity = f"Mean accuracy over the corruptions, by severity; the classifier, on {on}."
    return {
        "mean": beside_paper(results, "corruption/mean_run", 4, where, "tab:corruption"),
        "severity": Table(evaluations.by_severity(results), severity, "tab:severity"),
    }


def attack_tables(results: Results) -> dict[str, Table]:
    """Return FGSM beside the paper's, and all conditions, of classifiers and of teachers.

    PGD is not made of the teachers.
    """
    columns = {f"{condition} (%)": metric for condition, metric in CONDITIONS.items()}
    teachers = {heading: each for heading, each in columns.items() if heading != "PGD (%)"}
    own = evaluations.numbers(results, columns)
    averaged = evaluations.numbers(results, teachers, "teacher")
    where = PAPER | {"metric": "fgsm_error_percent"}
    caption = f"Misclassified images, of the {{}}, on {images(results.asked['fgsm'])}."
    return {
        "fgsm": beside_paper(results, "fgsm/error", 4, where, "tab:fgsm"),
        "classifier": Table(own, caption.format("classifiers"), "tab:attacks"),
        "teacher": Table(averaged, caption.format("teachers"), "tab:attacks-teacher"),
    }
