"""The page on CIFAR-100: what decides, and what it says of the short runs that are recorded."""

from dataclasses import replace

from adautomix.pages import cifar100
from adautomix.results import experiments


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
