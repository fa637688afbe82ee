"""The page on CIFAR-100: what decides, and what it says of the short runs that are recorded."""

from dataclasses import replace

from adautomix.pages import cifar100
from adautomix.results import experiments, paper


def test_only_runs_at_the_paper_s_budget_decide(monkeypatch):
    recorded = experiments.obtain("table-1-resnet18", run=False)
    assert cifar100.headline(recorded)["verdict"].startswith("cannot be told")
    as_if = [
        replace(
            run, budget="paper", metrics={"classifier": {"top1_median10": top1 + run.seed / 99}}
        )
        for name, top1 in {"adautomix": 0.5, "mixup": 0.4}.items()
        for run in replace(recorded, budget="lite").runs(name)
    ]
    asked = []
    monkeypatch.setattr(cifar100, "best", lambda leads: asked.append(leads) or "open")
    cifar100.headline(replace(recorded, local=tuple(as_if)))
    (leads,) = asked
    assert leads.keys() == recorded.experiment.rows.keys() - {"adautomix"}
    assert {row: lead.n for row, (lead,) in leads.items() if lead.n} == {"mixup": 3}


def test_in_the_short_runs_plain_training_is_ahead_as_the_page_says():
    short = experiments.obtain("table-1-resnet18", budget="lite", run=False)
    for predictor in ("classifier", "teacher"):
        top1 = {row: short.top1(row, predictor).mean for row in short.experiment.rows}
        assert top1["plain"] > top1["adautomix"] > max(top1["mixup"], top1["cutmix"])


def test_each_baseline_is_set_at_its_best_length():
    frame = cifar100.best_lengths().set_index("method")
    for method in paper.select(1, dataset="CIFAR-100", backbone="ResNet-18")["method"]:
        if method in ("AdAutoMix", "Gain"):
            continue
        lengths = paper.select(cifar100.BENCHMARK, backbone="ResNet-18", method=method)
        row = frame.loc[method]
        at_800 = lengths.loc[lengths["epochs"] == 800, "value"].item()
        assert (row["table_1"], row["equal_at"]) == (at_800, 800)
        assert row["best"] == lengths["value"].max() >= at_800
        assert row["lead_best"] == 82.32 - row["best"]
    assert frame.loc["SAMix", ["best", "at"]].tolist() == [82.41, 1200]
    numbers = cifar100.headline(experiments.obtain("table-1-resnet18", run=False))
    assert (numbers["baselines"], numbers["equal"], numbers["nearest_best"]) == (8, 8, 82.41)


def test_a_number_that_stands_at_no_length_is_blank_in_the_table():
    shown = cifar100.lengths_table("ResNeXt-50").frame.set_index("method")
    assert shown.loc["CutMix", "equal at (epochs)"] == ""
    assert shown.loc["SAMix", "Table 1 (%)"] == ""
    assert shown.loc["SAMix", "lead over the best"] == "-0.20"


def test_the_runs_at_the_paper_s_length_are_counted():
    recorded = experiments.obtain("table-1-resnet18", run=False)
    assert cifar100.headline(recorded)["at_length"] == 0
    assert {table.name for table in cifar100.tables(recorded).values()} == {
        "tab:table-1",
        "tab:lengths-resnet-18",
        "tab:lengths-resnext-50",
    }
