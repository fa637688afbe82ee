"""Rows of an experiment that are a method with changes to its recipe."""

import json
from dataclasses import replace

import pytest

from adautomix.record import local
from adautomix.record.run import run_id
from adautomix.results import experiments, registry
from adautomix.runs import runner
from adautomix.runs.job import Job

FLOOR = "MixUp, floor"


@pytest.fixture(scope="module")
def shared_runs(tmp_path_factory):
    """MixUp at the smallest budget, annealed to zero and to half of its peak."""
    folder = tmp_path_factory.mktemp("variants")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAUTOMIX_RUNS", str(folder))
        rows = ("MixUp, to zero", FLOOR)
        experiments.obtain("floor", budget="smoke", methods=rows, device="cpu")
    return folder


@pytest.fixture
def found(shared_runs, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(shared_runs))
    return experiments.obtain("floor", budget="smoke", run=False)


def test_a_change_is_in_the_recipe_and_in_the_name(found):
    floors = {run.name: run.recipe["schedule"]["floor"] for run in found.local}
    assert floors == {
        "photodigits/thin/mixup": 0.0,
        "photodigits/thin/mixup/schedule.floor=0.5": 0.5,
    }
    zero, floor = (found.curves()[row][0]["lr"] for row in ("MixUp, to zero", FLOOR))
    assert floor.to_list() == pytest.approx((0.5 * 0.4 + 0.5 * zero).to_list())


def test_each_row_shows_its_own_runs(found):
    assert list(found.curves()) == ["MixUp, to zero", FLOOR]
    for row in found.curves():
        (run,) = found.runs(row)
        assert found.top1(row).mean == run.metrics["classifier"]["top1_median10"]
        assert ("floor=0.5" in run.name) == (row == FLOOR)
    long = found.table().long
    local = (long["source"] == "local") & (long["predictor"] == "teacher")
    shown = long[local & (long["n"] > 0)]
    assert list(shown["method"]) == ["MixUp, to zero", FLOOR]


def test_what_is_there_is_found_again_by_its_row(found, monkeypatch):
    def refuse(job, run_options):
        raise AssertionError(f"{job} was trained again")

    monkeypatch.setattr(runner, "execute", refuse)
    again = experiments.obtain("floor", budget="smoke", methods=[FLOOR], device="cpu")
    assert [run.id for run in again.local] == [run.id for run in found.runs(FLOOR)]


def test_a_change_that_changes_nothing_names_no_other_run():
    as_it_is = Job("photodigits/thin/mixup", "smoke")
    said = Job("photodigits/thin/mixup", "smoke", changes=("schedule.floor=0",))
    other = Job("photodigits/thin/mixup", "smoke", changes=("schedule.floor=0", "epochs=1"))
    assert (said.id(), said.recorded_name()) == (as_it_is.id(), as_it_is.recorded_name())
    assert other.recorded_name() == "photodigits/thin/mixup/epochs=1"


def test_of_two_recipes_of_one_name_the_latest_is_shown(found, tmp_path, monkeypatch):
    """A recipe whose defaults have changed is another, and is never averaged with the former."""
    run = found.runs("MixUp, to zero")[0]
    document = json.loads((run.path / "run.json").read_text())
    earlier = json.loads(json.dumps(document))
    earlier["recipe"]["optim"]["lr"] = 0.3
    earlier["provenance"]["when"] = "2001-01-01T00:00:00+00:00"
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    for one in (document, earlier):
        one["id"] = run_id(one["recipe"], "smoke", one["seed"], "mixup", "photodigits")
        local().write(one, run.curve())
    shown = experiments.obtain("floor", budget="smoke", run=False)
    assert [run.id for run in shown.local] == [document["id"]]


def test_a_recorded_run_of_a_former_recipe_does_not_share_a_table_with_those_made_here():
    """As when a default changed: its seeds would be averaged with those of another recipe."""
    found = experiments.obtain("photodigits", run=False)
    run = found.recorded[0]
    same = [each for each in found.recorded if (each.name, each.budget) == (run.name, run.budget)]
    changed = replace(run, recipe={**run.recipe, "epochs": 1}, seed=99)
    with_it = replace(found, local=(changed,))
    assert not {each.id for each in same} & {each.id for each in with_it.recorded}
    assert len(with_it.recorded) == len(found.recorded) - len(same)
    assert with_it.table().markdown()
    assert replace(found, local=(replace(run, seed=99),)).recorded == found.recorded


@pytest.mark.parametrize("name", registry.EXPERIMENTS)
def test_every_row_is_a_recipe(name):
    experiment = registry.EXPERIMENTS[name]
    for row, what in experiment.rows.items():
        method, *changes = what.split("/")
        job = Job(f"{experiment.family}/{method}", "smoke", changes=tuple(changes))
        assert job.recorded_name() == experiment.names(row)[1]
