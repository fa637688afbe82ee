"""What the page on calibration says, from made-up values of recorded runs."""

from dataclasses import replace

import pytest

from adautomix.evaluate.registry import settings_of
from adautomix.names import title_of
from adautomix.pages import calibration
from adautomix.results import evaluations, experiments, paper
from adautomix.results.outcome import Results

ERRORS = {"plain": 0.02, "mixup": 0.18, "cutmix": 0.17, "automix": 0.12, "adautomix": 0.1}


@pytest.fixture(scope="module")
def recorded() -> Results:
    return experiments.obtain("evaluations", run=False)


def made(results: Results, errors: dict[str, float], confidence: float = 0.7) -> Results:
    """One run of each method with these errors, which scaling reverses, and an accuracy of 0.8."""
    local = []
    for row, error in errors.items():
        values = {
            "calibration": {"ece": error, "confidence": confidence, "accuracy": 0.8, "nll": 1.0},
            "calibration_scaled": {"ece": (1 - error) / 10, "temperature": 0.5, "nll": 0.5},
            "calibration_released": {"ece": error},
        }
        entries = [
            {"name": n, "predictor": p, "settings": {}, "values": v, "provenance": {}}
            for n, v in values.items()
            for p in ("classifier", "teacher")
        ]
        local.append(replace(results.runs(row)[0], evaluations=entries))
    return replace(results, local=tuple(local))


def test_prose_has_the_errors_and_who_has_the_smallest(recorded):
    found = calibration.headline(made(recorded, ERRORS))
    for row, error in ERRORS.items():
        assert found[f"ece_{row}"] == pytest.approx(100 * error)
        assert found[f"scaled_{row}"] == pytest.approx(10 * (1 - error))
    assert found["best_ece"] == title_of("plain")
    assert found["best_scaled"] == title_of("mixup")
    number, where = calibration.PRINTED
    assert found["paper_adautomix"] == paper.value(number, method="AdAutoMix", **where)


@pytest.mark.parametrize(
    ("error", "confidence", "verdict", "parts"),
    [
        (0.1, 0.7, "holds in part", ("holds", "does not hold")),
        (0.01, 0.7, "holds", ("holds", "holds")),
        (0.1, 0.9, "does not hold", ("does not hold", "does not hold")),
        (0.01, 0.9, "holds in part", ("does not hold", "holds")),
    ],
)
def test_the_verdict_is_on_confidence_and_on_the_smallest_error(
    recorded, error, confidence, verdict, parts
):
    results = made(recorded, ERRORS | {"adautomix": error}, confidence)
    found = calibration.headline(results)
    assert found["verdict"] == verdict
    assert (found["verdict_confidence"], found["verdict_smallest"]) == parts


def test_what_the_page_says_of_the_recorded_runs(recorded):
    """Underconfident, and by one temperature rid of most of the error."""
    usual = {name: settings_of(name) for name in ("calibration", "calibration_scaled")}
    found = replace(recorded, defaults=usual)
    for row in ("mixup", "cutmix", "automix", "adautomix"):
        calibrated, scaled = (
            evaluations.frame(found, name).set_index("method").loc[row] for name in usual
        )
        assert calibrated["confidence"] < calibrated["accuracy"]
        assert scaled["ece"] < calibrated["ece"] / 5


def test_what_scaling_takes_away_is_the_least_of_the_methods_that_mix(recorded):
    found = calibration.headline(made(recorded, ERRORS))
    left = {row: (1 - error) / 10 / error for row, error in ERRORS.items() if row != "plain"}
    assert found["least_scaled_away"] == 100 * (1 - max(left.values())) // 1  # "at least"
    tables = calibration.tables(made(recorded, ERRORS))
    names = ["tab:ece", "tab:controls", "tab:controls-teacher", "tab:ece-printed"]
    assert [table.name for table in tables.values()] == names


def test_the_controls_of_both_networks_have_labels_of_their_own(recorded):
    results = made(recorded, ERRORS)
    own, theirs = calibration.controls(results), calibration.controls(results, "teacher")
    assert (own.name, theirs.name) == ("tab:controls", "tab:controls-teacher")
    assert own.caption.startswith("The classifier: ")
    row = own.frame.set_index("method").loc["CutMix"]
    assert row[["ECE (%)", "T", "scaled (%)"]].to_list() == ["17.0", "0.500", "8.3"]
