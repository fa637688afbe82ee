"""A run that stopped on its way can be looked at, and nothing is recorded of it."""

import errno
import os

import pytest

from adautomix import cli
from adautomix.device import decide
from adautomix.errors import Interrupted, RecordError
from adautomix.record import Store
from adautomix.runs import evaluate, runner, unfinished
from adautomix.runs.job import Job, RunOptions
from adautomix.train import checkpoint

SMALL = ("epochs=3",)


def stopped(store: Store, name: str = "plain", seed: int = 0) -> Job:
    """A job that was stopped at its time limit."""
    job = Job(f"photodigits/thin/{name}", "smoke", seed, SMALL)
    with pytest.raises(Interrupted):
        runner.execute(job, RunOptions(decide("cpu"), store, progress=False, time_limit=0.0))
    return job


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("unfinished"))


@pytest.fixture(scope="module")
def job(store) -> Job:
    return stopped(store)


def test_it_is_what_its_checkpoint_is(store, job):
    run = unfinished.find("plain", store)
    assert (run.id, run.name) == (job.id(), job.recorded_name())
    assert (run.budget, run.seed, run.metrics) == ("smoke", 0, {"classifier": {}, "teacher": {}})
    assert unfinished.step_of(run) == 1
    found = runner.evaluate_run(run, decide("cpu"))
    values = evaluate.values(run, "calibration", options=RunOptions(decide("cpu"), store))
    assert values["n"] == found["classifier"].n == 797
    assert found.keys() == {"classifier", "teacher"}


def test_the_command_line_shows_it_and_records_nothing(store, job, capsys):
    words = ["evaluate", job.id(), "--runs", str(store.root), "--device", "cpu"]
    assert cli.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{job.id()} is unfinished, after step 1: not recorded"
    assert [line.split()[0] for line in lines[1:]] == ["classifier", "teacher"]
    assert cli.main([*words, "--calibration", "--predictor", "teacher"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "calibration, teacher"
    assert any(line.split()[0] == "ece" for line in lines[2:])
    assert not (store.path(job.id()) / "run.json").exists()


def test_a_finished_run_is_none(tmp_path):
    store = Store(tmp_path)
    assert unfinished.find("plain", store) is None
    runner.obtain(
        Job("photodigits/thin/plain", "smoke", 0, SMALL),
        RunOptions(decide("cpu"), store, progress=False),
    )
    assert unfinished.find("plain", store) is None


def test_several_and_damaged_ones_are_one_sentence(tmp_path):
    store = Store(tmp_path)
    first, _ = (stopped(store, seed=seed) for seed in (0, 1))
    with pytest.raises(RecordError, match=r"several unfinished runs in .* start with 'pla': pl"):
        unfinished.find("pla", store)
    folder = store.path(first.id()) / unfinished.CHECKPOINTS
    (folder / unfinished.JOB).write_text("{")
    with pytest.raises(RecordError, match="cannot read the unfinished run in"):
        unfinished.find(first.id(), store)
    (folder / unfinished.JOB).write_text("{}")
    with pytest.raises(RecordError, match="cannot read the unfinished run in"):
        unfinished.find(first.id(), store)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    job = Job("photodigits/thin/plain", "smoke", 0, SMALL)
    with pytest.raises(RecordError, match=r"cannot write .*job\.json \(No space left on device\)"):
        unfinished.note(job, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_checkpoint_there_is_nothing_to_see(tmp_path):
    store = Store(tmp_path)
    job = stopped(store)
    newest = checkpoint.latest(store.path(job.id()) / unfinished.CHECKPOINTS)
    newest.rename(newest.with_name("elsewhere"))
    assert unfinished.find(job.id(), store) is None


def test_a_copy_outlives_the_checkpoint(store, job):
    with unfinished.snapshot("plain", store) as run:
        folder = store.path(job.id()) / unfinished.CHECKPOINTS
        taken = folder.rename(folder.with_name("taken"))
        try:
            found = runner.evaluate_run(run, decide("cpu"))
        finally:
            taken.rename(folder)
    assert found["classifier"].n == 797
    assert not run.path.exists()


def test_a_checkpoint_that_is_replaced_meanwhile_is_looked_for_again(store, job, monkeypatch):
    folder = store.path(job.id()) / unfinished.CHECKPOINTS
    older = folder / "step-000000000"
    honest, seen = checkpoint.latest, []

    def late(where):
        seen.append(where)
        return older if len(seen) == 2 else honest(where)  # 1: whether there is one

    monkeypatch.setattr(checkpoint, "latest", late)
    with unfinished.snapshot("plain", store) as run:
        assert unfinished.step_of(run) == 1
    assert len(seen) == 3


def test_going_on_ends_as_usual(store, job):
    run = runner.execute(job, RunOptions(decide("cpu"), store, progress=False))
    assert not (run.path / unfinished.CHECKPOINTS).exists()


def test_nothing_has_no_copy(tmp_path):
    with unfinished.snapshot("plain", Store(tmp_path)) as run:
        assert run is None
