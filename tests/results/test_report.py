"""What a page shows of a protocol: with runs, with some, and with none."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.evaluate.registry import settings_of
from adautomix.recipes import to_dict
from adautomix.record import Store
from adautomix.results.execute import statuses
from adautomix.results.experiment import Stage
from adautomix.results.protocol import Setting
from adautomix.results.report import Report, report

TOP1 = {"plain": 0.30, "mixup": 0.34, "MixUp, calm": 0.36}


@pytest.fixture
def shown(small, tmp_path):
    """A report over made-up runs of the seeds asked for, floor a point higher, teacher two."""
    from adautomix.device import decide
    from adautomix.runs.job import RunOptions

    def made(seeds, plan=None):
        plan, store = plan or small(), Store(tmp_path / "runs")
        for each in plan.planned("smoke") if seeds else ():
            if each.job.seed in seeds:
                loss = {"train_mixed_ce": 2.5 + each.job.seed} if each.row == "mixup" else {}
                store.write(_document(each), [{"epoch": 1, "classifier_top1": 0.3} | loss])
        here = RunOptions(decide("cpu", plan.precision("smoke")), store)
        return Report(plan, "smoke", statuses(plan, "smoke", here))

    return made


def _document(each) -> dict:
    value = TOP1[each.row] + 0.01 * (each.schedule == "floor") + 0.001 * each.job.seed
    last = value + 0.01 * (each.row == "mixup")
    metrics = {
        name: {"top1_median10": value + more, "top1_last": last + more, "top1_best": last + more}
        for name, more in {"classifier": 0.0, "teacher": 0.02}.items()
    }
    provenance = {"device": "cpu: x, 1 threads", "precision": "fp32 (cpu default)", "seconds": 90.0}
    return {
        "id": each.job.id(),
        "name": each.job.recorded_name(),
        "recipe": to_dict(each.job.recipe()),
        "budget": "smoke",
        "seed": each.job.seed,
        "metrics": metrics,
        "extras": {"mask_peak": 0.75, "area_gap": 0.125} if each.row == "mixup" else {},
        "provenance": provenance,
    }


def test_without_runs_everything_is_blank_and_says_so(shown):
    empty = shown(())
    for frame in (empty.table(), empty.leads(), empty.beyond()):
        assert (frame.drop(columns="method") == "").all(axis=None)
        assert frame["method"].tolist()[-1] in ("MixUp", "Vanilla")
    assert set(empty.moved().drop(columns="method").to_numpy().ravel()) == {"", "†"}
    assert empty.cost().empty
    assert empty.headline() == {
        "progress": "Runs made so far: 0 of 8.",
        "split": "The lead over Vanilla cannot be split yet.",
        "verdict": "Not decided: 8 of the runs that decide are missing.",
    }
    assert empty.curves() is None
    assert empty.accuracies() is None


def test_with_runs_the_numbers_stand_where_they_belong(shown):
    full = shown((0, 1))
    table = full.table().set_index("method")
    assert table.columns.tolist() == [
        *("cosine, classifier", "cosine, teacher", "floor, classifier", "floor, teacher"),
    ]
    assert table.loc["Vanilla", "cosine, classifier"] == "30.05 ± 0.07 (2) †"
    assert table.loc["MixUp", "floor, teacher"] == "37.05 ± 0.07 (2) †"
    headline = full.headline()
    assert headline.pop("plain_cosine_c") == pytest.approx(30.05)
    assert headline.pop("mixup_floor_t") == pytest.approx(37.05)
    others = [name for name in headline if name.startswith(("plain_", "mixup_"))]
    assert len(others) == 6 + 6
    assert {name: headline[name] for name in headline.keys() - set(others)} == {
        "progress": "Runs made so far: 8 of 8.",
        "verdict": "The method earns a lead: under the same setting, its lead is 4.00 (4.00 to "
        "4.00) points (floor, teacher) and 4.00 (4.00 to 4.00) points (cosine, classifier), with "
        "95 % intervals over 2 paired seeds.",
        "split": "As the paper reports them, the lead of MixUp over Vanilla is 7.00 (7.00 to 7.00) "
        "points: 3.00 (3.00 to 3.00) by the setting and 4.00 (4.00 to 4.00) by the method.",
    }
    assert full.cost()["minutes (runs)"].tolist() == ["1.5 (4)", "1.5 (4)"]
    runs = full.by_run().set_index(["row", "seed"])
    assert list(runs.index.unique("row"))[:3] == [
        "Vanilla, cosine",
        "Vanilla, floor",
        "MixUp, cosine",
    ]
    assert runs.loc[("MixUp, floor", 1), "classifier"] == pytest.approx(35.1)
    assert runs.loc[("MixUp, floor", 1), "teacher"] == pytest.approx(37.1)
    labels = [label.get_text() for label in full.accuracies().axes[0].get_yticklabels()]
    assert labels == ["Vanilla, cosine", "Vanilla, floor", "MixUp, cosine", "MixUp, floor"]
    panels = full.curves().axes
    assert [ax.get_title() for ax in panels] == ["cosine", "floor"]
    assert [len(ax.texts) for ax in panels] == [2, 2]
    assert len(full.runs) == 8


def test_the_lead_is_shown_by_other_numbers_than_the_one_that_decides(shown):
    assert shown(()).by_number().drop(columns="number").eq("").all(axis=None)
    found = shown((0, 1)).by_number().set_index("number")
    assert found.index.tolist() == [
        *("median of the last ten epochs", "last epoch", "best epoch, chosen by these test images"),
    ]
    assert found["by the method"].tolist() == [
        *("+4.00 [+4.00, +4.00] (2)", "+5.00 [+5.00, +5.00] (2)", "+5.00 [+5.00, +5.00] (2)"),
    ]


def test_the_lead_is_shown_seed_by_seed(shown):
    assert shown(()).by_seed().empty
    found = shown((0, 1)).by_seed()
    assert found["seed"].tolist() == ["0", "1"]
    assert found["as reported"].tolist() == ["+7.00", "+7.00"]
    assert found["by the setting"].tolist() == ["+3.00", "+3.00"]
    assert found["both cosine, classifier"].tolist() == ["+4.00", "+4.00"]


def test_what_is_mixed_in_the_end_is_shown_of_those_that_mix(shown):
    assert shown(()).mixing().empty
    found = shown((0, 1)).mixing()
    assert found.to_dict("list") == {
        "method": ["MixUp, cosine", "MixUp, floor"],
        "largest mask": ["0.75", "0.75"],
        "distance of area and λ": ["0.12", "0.12"],
        "loss of mixed images": ["3.00 (2)", "3.00 (2)"],
    }
    assert shown((0, 1)).headline()["mixup_floor_loss"] == pytest.approx(3.0)


def test_contrasts_are_paired_and_a_variant_is_a_row(shown, small):
    row, setting = "MixUp, calm", Setting("cosine", "classifier")
    plan = small(
        variants={row: "mixup/method.rule.alpha=0.2"},
        stages=(Stage((0, 1)),),
        protocol={
            "reported": dict.fromkeys(("plain", "mixup", row), setting),
            "contrasts": {"less of it": (row, "mixup"), "mixing": ("mixup", "plain")},
        },
    )
    told = [shown(seeds, plan).headline() for seeds in ((), (0,), (0, 1))]
    assert [words["calm_vs_mixup_floor_t"] for words in told] == [
        "not run",
        "2.00 (one seed)",
        "2.00 (2.00 to 2.00)",
    ]
    found = shown((0, 1), plan)
    assert found.contrasts().to_dict("list") == {
        "what": ["less of it", "mixing"],
        "difference": ["MixUp, calm − MixUp", "MixUp − Vanilla"],
        "floor, teacher": ["+2.00 [+2.00, +2.00] (2)", "+4.00 [+4.00, +4.00] (2)"],
        "cosine, classifier": ["+2.00 [+2.00, +2.00] (2)", "+4.00 [+4.00, +4.00] (2)"],
    }
    assert found.table()["method"].tolist() == ["Vanilla", "MixUp", row]
    assert found.headline()["calm_cosine_c"] == pytest.approx(36.05)
    assert set(found.by_run()["method"]) == {"plain", "mixup"}
    assert isinstance(found.accuracies(), Figure)
    assert len(found.curves().axes[0].texts) == 2  # not the variant


def test_evaluations_with_other_settings_are_left_out(shown, small):
    full = shown((0, 1), small(evaluations={"fgsm": {"epsilon": 0.01}}))
    asked = settings_of("fgsm", epsilon=0.01)
    entries = [(asked, 0.5), (settings_of("fgsm"), 0.9)]
    statuses = [
        replace(each, run=replace(each.run, evaluations=[_attacked(*entry) for entry in entries]))
        for each in full.statuses
    ]
    found = replace(full, statuses=statuses)
    assert found.beyond()["error under FGSM"].to_list() == ["50.00 ± 0.00 (2)"] * 2
    assert "Settings: fgsm epsilon = 0.01." in found.beyond_caption


def _attacked(settings: dict, error: float) -> dict:
    common = {"name": "fgsm", "predictor": "teacher", "provenance": {}}
    return common | {"settings": settings, "values": {"error": error}}


def test_a_run_in_another_precision_is_none_of_the_experiment_s(shown, small):
    runs = [each.run for each in shown((0,), small(budgets={"smoke": "bf16"})).statuses]
    assert runs == [None] * 8


@pytest.mark.parametrize("seeds", [(), (0,)])
def test_every_table_can_stand_on_a_page(shown, seeds):
    tables = shown(seeds).tables("tab:gain")
    texts = {name: figures.markdown_table(*table) for name, table in tables.items()}
    assert next(iter(texts)) == "accuracy"
    assert all(f":name: tab:gain-{name}\n" in text for name, text in texts.items())
    assert tables["leads"].caption.startswith("Lead of MixUp over each other method")


def test_a_report_is_found_by_the_name_of_the_experiment(monkeypatch, tmp_path):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    found = report("reporting", "lite", device="cpu")
    assert len(found.statuses) == 48
    assert found.found.methods == [*found.experiment.rows]
    assert len(found.runs) >= 40
