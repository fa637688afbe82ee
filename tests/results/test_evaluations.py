"""What evaluations found, from made-up records whose numbers are known."""

import json
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from adautomix import data, figures
from adautomix.data import added
from adautomix.data.augment import ResizedCrop
from adautomix.errors import RecordError
from adautomix.evaluate.registry import settings_of
from adautomix.recipes import get, to_dict
from adautomix.record import Run, Store, run_id
from adautomix.results import evaluations, experiments, outcome, paper, registry
from adautomix.results.outcome import Results

CORRUPTIONS = {"corruptions": ["fog", "contrast"], "severities": [1, 5]}
SHARES = [0.0, 0.5]
CELLS = 8


def entry(name: str, values: dict, predictor: str = "classifier", **settings) -> dict:
    full = settings_of(name) | settings
    origin = {"commit": None, "seconds": 1.0}
    parts = {"name": name, "predictor": predictor, "settings": full, "values": values}
    return parts | {"provenance": origin}


def record(store: Store, method: str, seed: int, evaluations: list[dict]) -> Run:
    """A run of a method at the budget quick that holds these evaluations."""
    recipe = {"data": "photodigits", "method": {"kind": method}, "evaluate_on": "test"}
    document = {
        "id": run_id(recipe, "quick", seed, method=method, data="photodigits"),
        "name": f"photodigits/thin/{method}",
        "recipe": recipe,
        "budget": "quick",
        "seed": seed,
        "metrics": {"classifier": {"top1_median10": 0.5}},
        "evaluations": evaluations,
        "provenance": {"commit": None, "dirty": None, "seconds": 1.0},
    }
    return store.write(document, [{"epoch": 1, "classifier_top1": 0.5}])


def full(level: float) -> list[dict]:
    """One entry of everything; all numbers move with `level`."""
    bins = {"low": [0.0, 0.5], "high": [0.5, 1.0], "count": [0, 10]}
    bins |= {"confidence": [None, 0.9], "accuracy": [None, level]}
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 1001, (1, 2, CELLS, CELLS)).ravel().tolist()
    shown = {"shown_first": [0], "shown_second": [100], "shown_cells": CELLS}
    shown |= {"shown_maps": maps, "shown_probabilities": [level, 0.1]}
    corrupted = {"mean_run": level, "clean": 0.9, "n": 10, "fog": [level, level - 0.1]}
    corrupted |= {"contrast": [level, level - 0.3]}
    hidden = {"mean": level / 2, "n": 10, "dropped_00": level, "dropped_50": 0.0}
    return [
        entry("calibration", {"ece": 0.9 - level, **{f"bin_{k}": v for k, v in bins.items()}}),
        entry("fgsm", {"error": 1 - level, "clean_error": 0.1, "n": 10}),
        entry("corruption", corrupted, **CORRUPTIONS),
        entry("occlusion", hidden, shares=SHARES),
        entry("cam", {"own": level, "other": 0.1, "area": 0.12, **shown}),
    ]


@pytest.fixture
def found(tmp_path, monkeypatch) -> Results:
    """Two seeds of plain training and one of MixUp, made here; nothing is recorded."""
    store = Store(tmp_path / "runs")
    runs = [("plain", 0, 0.5), ("plain", 1, 0.7), ("mixup", 0, 0.8)]
    local = tuple(record(store, method, seed, full(level)) for method, seed, level in runs)
    monkeypatch.setattr(outcome, "recorded", lambda: Store(tmp_path / "none"))
    return Results("evaluations", registry.EXPERIMENTS["evaluations"], "quick", local)


def test_a_frame_has_a_row_for_every_run_that_was_evaluated(found):
    rows = evaluations.frame(found, "fgsm")
    assert rows[["method", "seed"]].values.tolist() == [["plain", 0], ["plain", 1], ["mixup", 0]]
    assert rows["error"].tolist() == pytest.approx([0.5, 0.3, 0.2])
    with pytest.raises(RecordError, match="no run holds the evaluation 'fgsm' of its teacher"):
        evaluations.frame(found, "fgsm", "teacher")


def test_numbers_are_means_over_seeds_percent_where_the_heading_says_so(found):
    table = evaluations.numbers(found, {"error (%)": "fgsm/error", "own": "cam/own"})
    cells = table.set_index("method").T.to_dict()
    assert cells["Vanilla"] == {"error (%)": "40.0 ± 14.1", "own": "0.600 ± 0.141"}
    assert cells["MixUp"] == {"error (%)": "20.0", "own": "0.800"}
    assert cells["CutMix"] == {"error (%)": "", "own": ""}


def test_headline_is_in_percent_and_no_number_where_nothing_ran(found):
    numbers = evaluations.headline(found, {"fgsm": "fgsm/error"})
    assert numbers["fgsm_plain"] == pytest.approx(40)
    assert numbers["fgsm_mixup"] == pytest.approx(20)
    assert np.isnan(numbers["fgsm_cutmix"])


def test_the_table_sets_the_paper_beside_what_ran(found):
    where = {"dataset": "CIFAR-100", "backbone": "ResNet-18", "metric": "ece_percent"}
    long = found.table("calibration/ece", (6, where)).long
    printed = long[long["source"] == "paper"].set_index("method")["mean"]
    assert printed["CutMix"] == paper.value(6, method="CutMix", **where) / 100
    local = long[(long["source"] == "local") & (long["predictor"] == "classifier")]
    means = local.set_index("method")["mean"]
    assert means["Vanilla"] == pytest.approx(0.3)
    assert np.isnan(means["CutMix"])


def test_every_figure_is_drawn_from_the_records_alone(found):
    bins = evaluations.reliability(found)
    assert bins["plain"]["accuracy"].isna().tolist() == [True, False]
    assert figures.reliability_diagrams(bins).axes

    bars = evaluations.errors(found, {"clean": "fgsm/clean_error", "FGSM": "fgsm/error"})
    assert len(bars) == 4
    assert bars.set_index(["method", "condition"]).loc[("plain", "FGSM"), "sd"] > 0
    assert figures.error_bars(bars).axes

    corrupted = evaluations.by_corruption(found)
    fog = corrupted.query("corruption == 'fog' and method == 'mixup'")
    assert fog[["severity", "accuracy"]].values.tolist() == [[1, 0.8], [5, pytest.approx(0.7)]]
    assert figures.corruption_accuracy(corrupted).axes
    severities = evaluations.by_severity(found).set_index("method")
    assert severities.loc["MixUp"].tolist() == ["90.0", "80.0", "60.0"]

    curves = evaluations.by_share(found)
    assert curves["share"].unique().tolist() == SHARES
    assert evaluations.chance(found) == 0.1
    assert figures.occlusion_curves(curves).axes


def test_class_maps_are_enlarged_and_stand_beside_the_right_images(found):
    given = evaluations.class_maps(found)
    images = data.load("photodigits", "test")
    assert given["classes"] == [[images.classes[k] for k in images.labels[[0, 100]]]]
    expected = (images.images[0].astype(int) + images.images[100] + 1) // 2
    assert np.array_equal(given["mixed"]["plain"][0], expected)
    maps = given["maps"]["mixup"]
    assert maps.shape == (1, 2, 32, 32)
    cells = (
        np.reshape(
            found.runs("mixup")[0].evaluation("cam", "classifier")["values"]["shown_maps"],
            (2, CELLS, CELLS),
        )
        / 1000
    )
    centres = maps[0].reshape(2, CELLS, 4, CELLS, 4)[:, :, 1:3, :, 1:3].mean(axis=(2, 4))
    assert np.corrcoef(centres.ravel(), cells.ravel())[0, 1] > 0.99
    assert figures.cam_grid(**given).axes


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_images_on_disk_are_shown_as_the_network_saw_them(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    for label in "ab":
        for split, count in (("train", 1), ("test", 3)):
            (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                level = np.full((70 + i, 80, 3), 10 * i + ord(label), np.uint8)
                PIL.Image.fromarray(level).save(tmp_path / split / label / f"{i}.png")
    row = added.add("mine", tmp_path, tmp_path / "home")
    recipe = to_dict(replace(get(f"{row.name}/resnet18/plain"), augment=ResizedCrop(16)))
    run = Run("x", "x", recipe, "lite", 0, {}, {}, [], {}, tmp_path)
    shown = evaluations._as_seen(run, np.array([4, 0]), None)
    test_set = data.read(row.name, "test")
    assert shown.images.shape == (2, 16, 16, 3)
    for image, position in zip(shown.images, (4, 0), strict=True):
        path = test_set.path(position)
        assert (image == 10 * int(path.stem) + ord(path.parent.name)).all()


def test_the_paper_s_occlusion_has_the_methods_keys():
    rows = evaluations.printed_by_share("CIFAR-100", "Swin-T")
    at = rows.set_index(["method", "share"])["accuracy"]
    where = {"dataset": "CIFAR-100", "backbone": "Swin-T", "occlusion": 0.5}
    assert at["adautomix", 0.5] == paper.value(7, method="AdAutoMix", **where) / 100
    assert "Gain" not in set(rows["method"])


def test_recorded_runs_count_with_the_usual_settings_only(found, monkeypatch, tmp_path):
    usual = entry("fgsm", {"error": 0.25, "clean_error": 0.1, "n": 797})
    few = entry("fgsm", {"error": 0.75, "clean_error": 0.1, "n": 20}, per_class=2)
    run = record(Store(tmp_path / "data"), "cutmix", 0, [usual, few])
    monkeypatch.setattr(outcome, "recorded", lambda: Store(tmp_path / "data"))
    chosen = replace(found, defaults={"fgsm": settings_of("fgsm")})
    long = chosen.table("fgsm/error").long
    column = long[(long["source"] == "recorded") & (long["predictor"] == "classifier")]
    assert column.set_index("method")["mean"]["CutMix"] == 0.25
    assert [e["settings"]["per_class"] for e in run.evaluations] == [None, 2]


def test_runs_are_evaluated_once_and_only_these_settings_are_shown(monkeypatch):
    trained = experiments.obtain("evaluations", budget="smoke", methods=("plain",), device="cpu")
    few = trained.evaluate("fgsm", "occlusion", device="cpu", per_class=1, predictors=("teacher",))
    both = few.evaluate("fgsm", device="cpu", per_class=2, predictors=("teacher",))
    (run,) = both.local
    assert [(e["name"], e["settings"]["per_class"]) for e in run.evaluations] == [
        ("occlusion", 1),
        ("fgsm", 2),
    ]
    on_disk = json.loads((run.path / "run.json").read_text())["evaluations"]
    assert [(e["name"], e["settings"]["per_class"]) for e in on_disk] == [
        ("fgsm", 1),
        ("occlusion", 1),
        ("fgsm", 2),
    ]
    assert both.defaults["fgsm"] == settings_of("fgsm")
    shown = both.table("fgsm/error").long.query("source == 'local' and predictor == 'teacher'")
    assert shown.set_index("method")["mean"]["Vanilla"] == run.metric("teacher", "fgsm/error")
    monkeypatch.setattr("adautomix.runs.runner.revive", lambda *_: pytest.fail("computed again"))
    again = trained.evaluate("fgsm", device="cpu", per_class=1, predictors=("teacher",))
    assert again.local[0].evaluation("fgsm", "teacher") == on_disk[0]


def test_findings_are_read_without_torch(without_torch):
    without_torch("""
from adautomix.results import experiments, evaluations
found = experiments.obtain("evaluations", run=False)
assert evaluations.numbers(found, {"error (%)": "fgsm/error"}).shape == (5, 2)
assert len(evaluations.printed_by_share("CUB-200", "ResNet-50"))
""")
