"""Experiments by name: trained once, read afterwards, set beside the paper."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adautomix.errors import InputError
from adautomix.figures.style import slug
from adautomix.methods import METHODS as METHODS_OF_THE_PACKAGE
from adautomix.results import compare, experiments, paper
from adautomix.runs import runner

METHODS = ("plain", "mixup")


@pytest.fixture(scope="module")
def shared_runs(tmp_path_factory) -> Path:
    """Two methods at the smallest budget, trained once for this file."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAUTOMIX_RUNS", str(folder))
        experiments.obtain("photodigits", budget="smoke", methods=METHODS, device="cpu")
    return folder


@pytest.fixture
def trained(shared_runs, monkeypatch) -> list[str]:
    """The shared runs in place; the names of what is trained from here on (nothing really is)."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(shared_runs))
    names: list[str] = []

    def pretend(job, run_options):
        names.append(f"{job.name} {job.budget} {job.seed}")
        return run_options.store.all()[0]

    monkeypatch.setattr(runner, "execute", pretend)
    return names


def test_what_is_there_is_read_and_only_the_rest_is_trained(trained):
    found = experiments.obtain("photodigits", budget="smoke", methods=METHODS, device="cpu")
    assert trained == []
    assert [run.method for run in found.local] == ["plain", "mixup"]
    more = ("plain", "mixup", "cutmix")
    experiments.obtain("photodigits", budget="smoke", seeds=[0, 1], methods=more, device="cpu")
    assert trained == [
        "photodigits/thin/cutmix smoke 0",
        "photodigits/thin/plain smoke 1",
        "photodigits/thin/mixup smoke 1",
        "photodigits/thin/cutmix smoke 1",
    ]


def test_what_is_there_is_shown_without_training(trained):
    for name in ("photodigits", "table-1-resnet18"):
        found = experiments.obtain(name, budget="smoke", run=False)
        assert sorted(run.method for run in found.local) == sorted(METHODS)
        assert experiments.obtain(name, budget="quick", run=False).local == ()
    assert trained == []


def test_the_table_has_the_numbers_that_were_measured(trained):
    found = experiments.obtain("photodigits", budget="smoke", methods=METHODS, device="cpu")
    long = found.table().long
    local = long[(long["source"] == "local") & (long["predictor"] == "classifier")]
    shown = dict(zip(local["method"], local["mean"], strict=True))
    for run in found.local:
        name = {"plain": "Vanilla", "mixup": "MixUp"}[run.method]
        assert shown[name] == run.metrics["classifier"]["top1_median10"]
        assert found.top1(run.method).mean == shown[name]
    assert np.isnan(shown["AdAutoMix"])


def test_every_method_has_a_row(trained):
    found = experiments.obtain("every-method", budget="smoke", run=False)
    assert found.experiment.rows.keys() == METHODS_OF_THE_PACKAGE.keys()


def test_each_run_stands_with_both_of_its_networks(trained):
    """The recorded one of a seed, else the one made here."""
    here = experiments.obtain("every-method", budget="smoke", run=False)
    rows = here.by_run().set_index("row")
    assert list(rows.index) == list(rows["method"]) == list(METHODS)
    for run in here.local:
        for predictor, found in run.metrics.items():
            assert rows.loc[run.method, predictor] == 100 * found["top1_median10"]
    recorded = experiments.obtain("every-method", budget="quick", run=False)
    seeds = recorded.by_run().groupby("method")["seed"].apply(list)
    assert seeds["adautomix"] == sorted(run.seed for run in recorded.runs("adautomix"))
    (other,) = (run for run in here.local if run.method == "mixup")
    other = replace(other, budget="quick", recipe=recorded.runs("mixup")[0].recipe)
    more = [replace(other, seed=seed) for seed in (seeds["mixup"][0], 99)]
    together = replace(recorded, local=tuple(more)).by_run()
    assert together[together["seed"] < 99].reset_index(drop=True).equals(recorded.by_run())
    assert together[together["seed"] == 99]["method"].to_list() == ["mixup"]


def test_a_lead_is_the_paired_difference_of_the_runs_that_are_shown(trained):
    found = experiments.obtain("photodigits", budget="quick", run=False)
    for predictor in ("classifier", "teacher"):
        expected = compare.paired(
            found.runs("adautomix"), found.runs("mixup"), predictor, "top1_median10"
        )
        assert found.lead("adautomix", "mixup", predictor) == pytest.approx(expected)
    assert found.lead("adautomix", "mixup").n == 3
    here = experiments.obtain("photodigits", budget="smoke", run=False)
    assert here.lead("mixup", "plain")[2:] == (1, None, None)
    assert here.lead("adautomix", "plain") == (None, None, 0, None, None)
    assert replace(here, budget="paper").lead("mixup", "plain").n == 0


def test_prose_quotes_the_means_of_what_is_shown(trained):
    found = experiments.obtain("floor", budget="smoke", run=False)
    frame = found.by_run().set_index("row")
    assert frame["method"].to_dict() == {"Vanilla, to zero": "plain", "MixUp, to zero": "mixup"}
    frame = frame[["classifier", "teacher"]]
    means = found.means()
    assert {name for name, value in means.items() if np.isnan(value)} == {
        f"{slug(row)}_{what}"
        for row in found.experiment.rows.keys() - set(frame.index)
        for what in ("classifier", "teacher", "lead")
    }
    assert {name: value for name, value in means.items() if not np.isnan(value)} == {
        f"{name}_{what}": pytest.approx(value)
        for name, (classifier, teacher) in zip(
            ("vanilla_to_zero", "mixup_to_zero"), frame.to_numpy(), strict=True
        )
        for what, value in {
            "classifier": classifier,
            "teacher": teacher,
            "lead": teacher - classifier,
        }.items()
    }


def test_the_table_has_the_paper_s_column():
    long = experiments.obtain("table-1-resnet18", run=False).table().long
    printed = long[long["source"] == "paper"].set_index("method")["mean"]
    where = {"dataset": "CIFAR-100", "backbone": "ResNet-18"}
    for method in ("Vanilla", "MixUp", "CutMix", "AdAutoMix", "PuzzleMix"):
        assert printed[method] == paper.value(1, method=method, **where) / 100
    own = experiments.obtain("photodigits", run=False).table().long
    assert "paper" not in set(own["source"])


def test_runs_on_photodigits_fill_the_live_column_of_a_table_of_the_paper(trained):
    found = experiments.obtain("table-1-resnet18", budget="smoke", methods=METHODS, device="cpu")
    assert trained == []  # a cheap budget moves the recipe to PhotoDigits: these runs are there
    assert {run.method for run in found.local} == set(METHODS)
    assert {"paper", "local"} <= set(found.table().long["source"])


def test_curves_pictures_and_shares_are_those_of_the_runs(trained):
    found = experiments.obtain("photodigits", budget="smoke", methods=METHODS, device="cpu")
    assert set(found.curves()) == set(METHODS)
    assert found.curves()["plain"][0].equals(found.local[0].curve())
    pictures = found.pictures("mixup")
    assert pictures["epochs"] == [0, 1, 2]
    assert pictures["images"].shape == (3, 6, 32, 32, 3)
    assert pictures["masks"].shape == (3, 6, 32, 32)
    assert pictures["masks"].max() <= 1
    assert pictures["parents"].shape == (2, 6, 32, 32, 3)
    assert set(found.kept()) == {"mixup"}
    ratios, shares = found.kept()["mixup"]
    np.testing.assert_allclose(ratios, shares, atol=1e-2)  # Mixup keeps of all what λ says


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "table-1-resnet19"}, "unknown experiment 'table-1-resnet19': did you mean"),
        ({"budget": "quik"}, "unknown budget 'quik': did you mean 'quick'"),
        ({"methods": ["mixap"]}, "unknown method of photodigits 'mixap': did you mean 'mixup'"),
        ({"seeds": []}, r"seeds must be a list of .*, not \[\]"),
        ({"seeds": [0, -1]}, r"seeds must be a list of .*, not \[0, -1\]"),
        ({"seeds": [1, 1]}, r"seeds must be a list of .* each once, not \[1, 1\]"),
        ({"methods": []}, r"methods must be a list of .*, not \[\]"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_unknown_names_are_one_sentence(arguments, sentence):
    name = arguments.pop("name", "photodigits")
    with pytest.raises(InputError, match=sentence):
        experiments.obtain(name, **{"budget": "smoke", **arguments})


def test_tables_are_shown_without_torch(without_torch):
    without_torch("""
from adautomix.results import experiments, registry
for name in registry.EXPERIMENTS:
    assert experiments.obtain(name, run=False).table().markdown()
""")
