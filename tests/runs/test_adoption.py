"""Runs that are recorded with their weights: published, copied, used instead of training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adautomix import cli
from adautomix.book.live import take_over
from adautomix.cli import doctor
from adautomix.device import decide
from adautomix.errors import Interrupted, RecordError
from adautomix.record import Run, Store, _document, is_copy, recorded, store
from adautomix.results import experiments
from adautomix.results.experiments import Results
from adautomix.runs import runner
from adautomix.runs.evaluate import evaluate
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.weights import WEIGHTS, weights_of

JOB = Job("photodigits/thin/plain", "smoke", 0, ("epochs=1",))


def clean(run: Run) -> Run:
    """The run, with a provenance that may be published."""
    document = json.loads((run.path / "run.json").read_text())
    document["provenance"] |= {"commit": "0" * 40, "dirty": False}
    sealed = _document.sealed(document, run.sha256)
    (run.path / "run.json").write_bytes(_document.dump(sealed))
    return Store(run.path.parent).match(run.id)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = RunOptions(decide("cpu"), Store(tmp_path_factory.mktemp("made")), progress=False)
    return clean(runner.obtain(JOB, options))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that came with the package, empty; the local one is elsewhere."""
    monkeypatch.setattr(store, "resource", lambda name: tmp_path / "package" / name)
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path / "local"))
    return recorded()


@pytest.fixture
def original(package: Store, made: Run) -> Run:
    return package.publish(made, weights=True)


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(decide("cpu"), Store(tmp_path / "local"), progress=False, adopt=True)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_: pytest.fail("trained"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_weights_are_published_where_that_is_asked_for(package, made):
    kept = package.publish(made, weights=True)
    assert weights_of(kept).read_bytes() == (made.path / WEIGHTS).read_bytes()
    without = package.publish(made)
    assert not (without.path / WEIGHTS).exists()
    with pytest.raises(RecordError, match="was recorded without weights"):
        weights_of(without)


def test_damaged_weights_are_not_published(package, made, tmp_path):
    damaged = Store(tmp_path / "damaged").adopt(made)
    (damaged.path / WEIGHTS).write_bytes(b"other")
    with pytest.raises(RecordError, match="not the file that was recorded"):
        package.publish(damaged, weights=True)
    assert not package.path(made.id).exists()


def test_a_run_with_weights_is_copied_and_not_trained(original, options, no_training):
    run = runner.obtain(JOB, options)
    assert run.path.parent == options.store.root
    assert files(run.path) == files(original.path)
    assert is_copy(run)
    again = runner.obtain(JOB, options)
    assert again == run


def test_a_record_without_weights_is_trained(package, made, options, monkeypatch):
    package.publish(made)
    monkeypatch.setattr(runner, "execute", lambda *_: made)
    assert runner.obtain(JOB, options) is made


def test_an_unfinished_run_of_one_s_own_is_gone_on_with(original, options):
    begun = replace(options, adopt=False, time_limit=1e-9)
    with pytest.raises(Interrupted):
        runner.obtain(JOB, begun)
    take_over([JOB.id()], live=False)
    assert options.store.find(JOB.id()) is None
    run = runner.obtain(JOB, options)
    assert not is_copy(run)
    assert run.metrics == original.metrics


def test_damaged_weights_are_not_copied(original, options, no_training):
    (original.path / WEIGHTS).write_bytes(b"other")
    with pytest.raises(RecordError, match="not the file that was recorded"):
        runner.obtain(JOB, options)
    assert not options.store.path(JOB.id()).exists()


def test_a_run_that_was_made_anew_is_no_copy(original, options):
    run = runner.execute(JOB, options)
    assert run.metrics == original.metrics
    assert not is_copy(run)
    assert is_copy(original)


def test_evaluations_go_to_the_copy(original, options):
    before = files(original.path)
    for _ in range(2):
        run = evaluate(original, ["calibration"], ["classifier"], options)
    assert run.path.parent == options.store.root
    assert [entry["name"] for entry in run.evaluations] == ["calibration"]
    assert files(original.path) == before


def test_a_build_copies_what_it_would_train_unless_it_is_to_train(original, options):
    ids = [JOB.id(), Job("photodigits/thin/mixup", "smoke").id()]
    take_over(ids, live=False)
    assert [run.id for run in options.store.all()] == [JOB.id()]
    take_over(ids, live=True)
    assert options.store.all() == []
    run = runner.execute(JOB, options)
    take_over(ids, live=True)
    assert options.store.all() == [run]


def test_a_copy_is_not_called_a_run_made_here(original, options, capsys):
    run = runner.obtain(JOB, options)
    results = Results("photodigits", experiments.get("photodigits"), "smoke", (run,))
    assert "run here" not in " ".join(results.table().display().columns)
    words = ["--runs", str(options.store.root)]
    assert cli.main(["runs", "list", *words]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "copied",
        "recorded",
    ]
    assert cli.main(["runs", "list", "--here", *words]) == 0
    assert capsys.readouterr().out.startswith("No run in ")
    assert f"made here    0 in {options.store.root}" in doctor.report()
    command = ["train", JOB.name, "--budget", "smoke", "--set", "epochs=1", *words]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("Already recorded, not made here; to train it, delete the folder: ")
