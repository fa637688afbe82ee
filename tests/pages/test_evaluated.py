"""The pages on evaluations: their tables and numbers, from made-up runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adautomix import figures
from adautomix.evaluate.registry import settings_of
from adautomix.pages import class_maps, evaluated, occlusion, robustness
from adautomix.pages.evaluated import beside_paper, images, recorded_leads, recorded_runs
from adautomix.record import Run, Store
from adautomix.results import evaluations, outcome, paper, registry
from adautomix.results.outcome import Results

FEW = {"per_class": 20}
SHARES = settings_of("occlusion")["shares"]
LEVELS = {"plain": 0.5, "mixup": 0.7, "adautomix": 0.6}


def values_of(level: float) -> dict[str, dict]:
    """Evaluation → values that a run holds; better ones for a higher level."""
    corrupted = {"mean_run": level, "clean": 0.9, "fog": [level, level], "contrast": [level] * 2}
    maps = {"own": level, "other": 0.2, "area": 0.1, "clean_own": level, "clean_area": 0.1}
    hidden = {f"dropped_{round(100 * s):02d}": level - s / 2 for s in SHARES}
    return {
        "fgsm": {"error": 1 - level, "clean_error": 0.1},
        "fgsm_released": {"error": 0.3},
        "clamp_released": {"error": 0.25},
        "pgd": {"error": 0.95},
        "corruption": corrupted,
        "occlusion": {"mean": level, **hidden},
        "occlusion_released": {"mean": 0.8, "dropped_30": 0.7},
        "cam": maps | {"both": 0.3},
    }


def made(method: str, seed: int, level: float, **settings) -> Run:
    """A run on PhotoDigits with one entry of every evaluation, for classifier and teacher."""
    two = {"corruptions": ["fog", "contrast"], "severities": [1, 5]}
    entries = [
        {"name": name, "predictor": predictor, "values": values, "provenance": {}}
        | {"settings": settings_of(name) | (two if name == "corruption" else {}) | settings}
        for name, values in values_of(level).items()
        for predictor in ("classifier", "teacher")
    ]
    return Run(
        id=f"{method}-{seed}",
        name=f"photodigits/thin/{method}",
        recipe={"data": "photodigits", "method": {"kind": method}, "evaluate_on": "test"},
        budget="quick",
        seed=seed,
        metrics={},
        provenance={},
        evaluations=entries,
        extras={},
        path=Path(),
    )


@pytest.fixture
def results(monkeypatch, tmp_path) -> Results:
    """One local run of each of three methods, on few images; nothing is recorded."""
    monkeypatch.setattr(outcome, "recorded", lambda: Store(tmp_path))
    local = tuple(made(method, 0, level) for method, level in LEVELS.items())
    usual = {name: settings_of(name) for name in values_of(0.0)}
    asked = {name: settings | FEW for name, settings in usual.items() if "per_class" in settings}
    asked["corruption"]["severities"] = [1, 5]
    experiment = registry.EXPERIMENTS["evaluations"]
    return Results("evaluations", experiment, "quick", local, asked, usual)


@pytest.fixture
def recorded(results, monkeypatch) -> Results:
    """The same with recorded runs: three seeds, in which AdAutoMix is best and MixUp worst."""
    spread = {"plain": [0.5, 0.51, 0.52], "mixup": [0.3, 0.3, 0.3], "cutmix": [0.1, 0.1, 0.1]}
    spread |= {"automix": [0.5, 0.5, 0.5], "adautomix": [0.7, 0.71, 0.72]}
    runs = [made(method, s, v) for method, each in spread.items() for s, v in enumerate(each)]
    runs.append(replace(made("plain", 0, 0.9), budget="smoke"))
    usual = {"corruption": made("plain", 0, 0.5).evaluation("corruption", "classifier")["settings"]}
    monkeypatch.setattr(Results, "recorded", [run.evaluated_with(usual) for run in runs])
    return results


def rows_of(table: figures.Table) -> dict[str, dict[str, str]]:
    """The rows of a table by their first column, once it could stand on a page."""
    assert f":name: {table.name}\n" in figures.markdown_table(*table)
    return table.frame.set_index(table.frame.columns[0]).to_dict("index")


def test_a_caption_says_on_which_images_the_local_runs_were_evaluated(results):
    assert images({"per_class": None}) == "all test images"
    assert images({"per_class": 2}) == "2 images of each class"
    where = robustness.PAPER | {"metric": "fgsm_error_percent"}
    table = beside_paper(results, "fgsm/error", 4, where, "tab:x")
    assert table.caption.endswith("not run. Run here: 20 images of each class.")
    rows = rows_of(table)
    assert rows["Vanilla"]["run here, quick, classifier (%)"] == "50.00 (1)"
    printed = paper.value(4, method="AdAutoMix", **where)
    assert rows["AdAutoMix"]["paper reports (%)"] == f"{printed:.2f}"


def test_copies_of_recorded_runs_are_not_called_run_here(results, monkeypatch):
    for module in (evaluated, outcome):
        monkeypatch.setattr(module, "is_copy", lambda run: True)
    where = robustness.PAPER | {"metric": "fgsm_error_percent"}
    table = beside_paper(results, "fgsm/error", 4, where, "tab:x")
    assert table.caption.endswith("A blank cell was not run.")
    assert not [heading for heading in table.frame if heading.startswith("run here")]
    shown = robustness.tables(results)
    assert shown["severity"].caption.endswith("20 images of each class, severities 1, 5.")
    assert shown["classifier"].caption.endswith("on 20 images of each class.")


def test_leads_are_those_of_the_recorded_runs_at_one_budget(recorded):
    assert [len(runs) for runs in recorded_runs(recorded).values()] == [3] * 5
    leads = recorded_leads(recorded, "corruption/mean_run", "fgsm/error")
    assert list(leads) == ["plain", "mixup", "cutmix", "automix"]
    ahead, error = leads["plain"]
    assert (ahead.mean, ahead.n) == (pytest.approx(0.2), 3)
    assert error.mean == pytest.approx(-0.2)
    (fewer,) = recorded_leads(recorded, "fgsm/error", less=True)["plain"]
    assert fewer.mean == pytest.approx(0.2)
    assert all(lead.n == 0 for lead in recorded_leads(recorded, "cam/none")["plain"])


def test_the_page_on_robustness_quotes_local_runs_and_judges_recorded_ones(results):
    found = robustness.headline(results)
    assert (found["corrupted_mixup"], found["fgsm_mixup"]) == pytest.approx((70, 30))
    assert found["pgd_adautomix"] == pytest.approx(95)
    assert np.isnan(found["pgd_cutmix"])
    assert found["corruptions"] == 2
    assert found["verdict_fgsm"] == "cannot be told, as no run is recorded"


def test_the_verdicts_on_robustness_are_those_of_the_recorded_runs(recorded):
    found = robustness.headline(recorded)
    assert found["verdict_corruption"].startswith("holds at this scale")
    assert found["verdict_fgsm"].startswith("holds at this scale"), "less error is better"


def test_the_tables_on_robustness(results):
    tables = robustness.tables(results)
    assert tables["mean"].caption.endswith("20 images of each class, severities 1, 5.")
    assert rows_of(tables["mean"])["MixUp"]["run here, quick, classifier (%)"] == "70.00 (1)"
    assert rows_of(tables["severity"])["MixUp"]["severity 5 (%)"] == "70.0"
    assert rows_of(tables["fgsm"])["MixUp"]["run here, quick, classifier (%)"] == "30.00 (1)"
    own = rows_of(tables["classifier"])["MixUp"]
    assert own == {"clean (%)": "10.0", "FGSM (%)": "30.0", "PGD (%)": "95.0"} | (
        shared := {"FGSM as released (%)": "30.0", "its clamp (%)": "25.0"}
    )
    teacher = rows_of(tables["teacher"])["MixUp"]
    assert teacher == {"clean (%)": "10.0", "FGSM (%)": "30.0"} | shared


def test_a_table_of_the_paper_stands_as_it_is_printed(results):
    table = occlusion.tables(results)["printed"]
    assert figures.markdown_table(*table)
    frame = table.frame
    assert len(frame) * 10 == len(paper.table(7)[paper.table(7)["method"] != "Gain"])
    swin = frame[(frame["method"] == "AdAutoMix") & (frame["backbone"] == "Swin-T")]
    assert swin["90%"].item() == "9.91"


def test_the_page_on_occlusion(results):
    found = occlusion.headline(results)
    assert (found["mean_mixup"], found["half_mixup"]) == pytest.approx((70, 45))
    assert found["verdict"] == "cannot be told, as no run is recorded"
    curves = occlusion.curves(results, "teacher")
    assert curves["chance"] == evaluations.chance(results)
    assert curves["frame"].equals(evaluations.by_share(results, "teacher"))
    tables = occlusion.tables(results)
    assert rows_of(tables["half"])["MixUp"]["run here, quick, classifier (%)"] == "45.00 (1)"
    assert rows_of(tables["released"])["MixUp"] == {
        "black, mean (%)": "70.0",
        "mean colour, mean (%)": "80.0",
        "black, 30 % gone (%)": "55.0",
        "mean colour, 30 % gone (%)": "70.0",
    }


def test_the_verdict_on_occlusion_is_of_every_share(recorded):
    assert occlusion.headline(recorded)["verdict"].startswith("holds at this scale")
    for run in recorded.recorded:
        if run.name.endswith("/mixup") and run.evaluations:
            for entry in run.evaluations:
                if entry["name"] == "occlusion":
                    entry["values"]["dropped_90"] = 0.9 + run.seed / 100
    assert occlusion.headline(recorded)["verdict"] == (
        "does not hold at this scale: MixUp is ahead of AdAutoMix at some share, shown over 3 "
        "paired seeds"
    )


def test_the_page_on_class_maps(results, recorded):
    found = class_maps.headline(results)
    assert (found["own_mixup"], found["other_mixup"]) == pytest.approx((70, 20))
    assert found["verdict"] == "in 12 of the 15 recorded runs", "CutMix's find the other digit"
    tables = class_maps.tables(results)
    assert tables["teacher"].caption.endswith("digits; the teacher.")
    assert rows_of(tables["classifier"])["MixUp"]["own digit (%)"] == "70.0"


def test_without_recorded_runs_no_map_is_counted(results):
    assert class_maps.verdict(results) == "in 0 of the 0 recorded runs"
