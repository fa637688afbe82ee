"""What was saved is what is read: no damaged checkpoint or record is gone on from in silence."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adautomix import cli
from adautomix.device import decide
from adautomix.errors import Interrupted, RecordError
from adautomix.record import Run, Store
from adautomix.runs import reproduce, runner, unfinished
from adautomix.runs.evaluate import evaluate
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.weights import WEIGHTS, start_network
from adautomix.train.state import PROGRESS

JOB = Job("photodigits/thin/plain", "smoke", 0, ("net.width=8", "epochs=3"))  # 6 steps
OTHERS = {
    "another seed": replace(JOB, seed=1),
    "another rate": replace(JOB, changes=(*JOB.changes, "optim.lr=0.3")),
}
SAVED = ("weights.safetensors", "optimiser.pt", "state.json")


def run_options(store: Store, **changes) -> RunOptions:
    return RunOptions(decide("cpu"), store, progress=False, **changes)


def stopped(store: Store, job: Job = JOB) -> Path:
    """The checkpoint of a job that was stopped after its third step."""
    for step in (1, 2, 3):
        with pytest.raises(Interrupted, match=f"after step {step} of 6"):
            runner.obtain(job, run_options(store, time_limit=0.0))
    return store.path(job.id()) / runner.CHECKPOINTS / "step-000000003"


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """Stores with stopped runs, one for each of the jobs."""
    root = tmp_path_factory.mktemp("begun")
    for name, job in {"own": JOB, **OTHERS}.items():
        stopped(Store(root / name), job)
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    """The run that nothing stopped."""
    return runner.obtain(JOB, run_options(Store(tmp_path_factory.mktemp("whole"))))


@pytest.fixture
def store(begun, tmp_path) -> Store:
    """A copy of the store with the stopped run."""
    return Store(shutil.copytree(begun / "own", tmp_path / "runs"))


@pytest.fixture
def done(whole, tmp_path) -> Run:
    """A copy of the finished run."""
    folder = shutil.copytree(whole.path, tmp_path / "done" / whole.id)
    return Store(folder.parent).find(whole.id)


def newest(root: Path, job: Job) -> Path:
    return root / job.id() / runner.CHECKPOINTS / "step-000000003"


def assert_same_weights(run: Run, other: Run) -> None:
    one, two = (load_file(each.path / WEIGHTS) for each in (run, other))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert run.metrics == other.metrics


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


DAMAGE = {"changed": changed, "truncated": truncated, "lost": Path.unlink}


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("how", [*DAMAGE, *OTHERS])
def test_a_checkpoint_with_a_damaged_file_is_refused_and_told_to_be_deleted(
    store, begun, whole, name, how
):
    folder = newest(store.root, JOB)
    if how in OTHERS:
        shutil.copy(newest(begun / how, OTHERS[how]) / name, folder / name)
    else:
        DAMAGE[how](folder / name)
    with pytest.raises(RecordError) as error:
        runner.obtain(JOB, run_options(store))
    assert str(error.value).startswith(f"cannot go on from the checkpoint {folder} (")
    assert str(error.value).endswith("): delete that folder to start this run again.")
    assert store.all() == []
    if name == SAVED[0] and how == "changed":
        shutil.rmtree(folder)
        assert_same_weights(runner.obtain(JOB, run_options(store)), whole)


@pytest.mark.parametrize("which", OTHERS)
def test_the_checkpoint_of_another_run_is_refused(store, begun, which):
    folder = newest(store.root, JOB)
    shutil.rmtree(folder)
    shutil.copytree(newest(begun / which, OTHERS[which]), folder)
    with pytest.raises(RecordError) as error:
        runner.obtain(JOB, run_options(store))
    assert f"(it is of the run '{OTHERS[which].id()}', not '{JOB.id()}')" in str(error.value)


def test_a_checkpoint_of_before_there_were_digests_is_gone_on_from_and_said(store, whole, capsys):
    state = newest(store.root, JOB) / "state.json"
    document = json.loads(state.read_text())
    state.write_text(json.dumps({name: document[name] for name in PROGRESS}))
    run = runner.obtain(JOB, run_options(store))
    assert_same_weights(run, whole)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "has no digests, for an earlier version made it: the run goes on from it" in told


def test_a_whole_checkpoint_is_gone_on_from_without_a_word(store, whole, capsys):
    assert_same_weights(runner.obtain(JOB, run_options(store)), whole)
    assert capsys.readouterr().err == ""


def edit(path: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


NOTED = {
    "another seed": lambda job: job.update(seed=1),
    "another rate": lambda job: job["recipe"]["optim"].update(lr=9.0),
    "another name": lambda job: job.update(name="photodigits/thin/mixup"),
    "another command": lambda job: job["provenance"].update(command="adautomix"),
    "no seed": lambda job: job.pop("seed"),
    "a seed of another type": lambda job: job.update(seed="0"),
    "a strange field": lambda job: job.update(sha257=job.pop("sha256")),
}


@pytest.mark.parametrize("what", NOTED)
def test_what_is_being_trained_is_read_as_it_was_noted(store, what):
    file = newest(store.root, JOB).parent / unfinished.JOB
    edit(file, NOTED[what])
    with pytest.raises(RecordError, match=r"cannot read the unfinished run in .*: train it again"):
        unfinished.find("plain", store)


@pytest.mark.parametrize("what", ["another seed", "another rate", "no seed"])
def test_without_a_digest_what_is_being_trained_must_fit_its_folder(store, what):
    file = newest(store.root, JOB).parent / unfinished.JOB
    edit(file, lambda job: job.pop("sha256"))
    assert unfinished.find("plain", store).id == JOB.id()
    edit(file, NOTED[what])
    with pytest.raises(RecordError, match="cannot read the unfinished run in"):
        unfinished.find("plain", store)


@pytest.mark.parametrize("name", ["weights.safetensors", "state.json"])
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_unfinished_run_is_not_evaluated(store, name, how, capsys):
    DAMAGE[how](newest(store.root, JOB) / name)
    words = ["evaluate", JOB.id(), "--device", "cpu", "--runs", str(store.root)]
    assert cli.main(words) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["run.json", "curve.csv"])
@pytest.mark.parametrize("how", [changed, truncated])
def test_a_damaged_record_is_not_called_recorded(done, name, how, capsys):
    how(done.path / name)
    refused_by_train(done, name, capsys)


def test_a_record_that_lost_its_curve_is_not_called_recorded(done, capsys):
    (done.path / "curve.csv").unlink()
    refused_by_train(done, "curve.csv", capsys)


def refused_by_train(run: Run, name: str, capsys) -> None:
    words = ["train", JOB.name, "--budget", JOB.budget, "--device", "cpu"]
    words += [word for change in JOB.changes for word in ("--set", change)]
    root = str(run.path.parent)
    for command in (words, ["runs", "list"], ["runs", "show", run.id]):
        assert cli.main([*command, "--runs", root]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"adautomix: {run.path / name}: ")
        assert err.endswith("; restore it, or move its folder away and rerun.\n")


@pytest.mark.parametrize("how", [changed, truncated])
def test_damaged_weights_of_a_record_are_not_used(done, how, tmp_path, monkeypatch):
    how(done.path / WEIGHTS)
    monkeypatch.setattr(reproduce, "execute", lambda *_: pytest.fail("trained for nothing"))
    store = Store(done.path.parent)
    net = replace(JOB.recipe().net, pretrained=done.id)
    for use in (
        lambda: runner.evaluate_run(done, decide("cpu")),
        lambda: evaluate(done, ["calibration"], options=run_options(store)),
        lambda: reproduce.repeat(done, run_options(Store(tmp_path / "again"))),
        lambda: start_network(net, 10, store=store),
    ):
        with pytest.raises(RecordError) as error:
            use()
        assert str(error.value).startswith(f"{done.path / WEIGHTS}: not the file that was recorded")
        assert f"delete {done.path} and run `adautomix train " in str(error.value)


def unsealed(run: Run) -> Run:
    """The record as an earlier version made it."""
    edit(run.path / "run.json", lambda document: document.pop("sha256"))
    return Store(run.path.parent).find(run.id)


def test_truncated_weights_of_a_record_without_digests_are_one_sentence(done, tmp_path):
    run = unsealed(done)
    truncated(run.path / WEIGHTS)
    with pytest.raises(RecordError, match="cannot read the weights in"):
        reproduce.repeat(run, run_options(Store(tmp_path / "again")))
    (run.path / WEIGHTS).unlink()
    (run.path / "curve.csv").unlink()
    with pytest.raises(RecordError, match=r"curve\.csv: cannot be read"):
        reproduce.repeat(run, run_options(Store(tmp_path / "again")))


def test_runs_show_says_which_files_are_as_recorded(done, capsys):
    words = ["runs", "show", done.id, "--runs", str(done.path.parent)]
    assert cli.main(words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"as recorded      curve.csv, run.json, {WEIGHTS}"
    (done.path / WEIGHTS).unlink()
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "as recorded      curve.csv, run.json"
    unsealed(done)
    assert cli.main(words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("as recorded      none, for an earlier version made it")


def test_a_path_of_data_that_does_not_exist_is_named(tmp_path, capsys):
    words = ["train", JOB.name, "--budget", "smoke", "--device", "cpu", "--data", "nowhere"]
    assert cli.main([*words, "--runs", str(tmp_path)]) == 1
    sentence = "adautomix: PhotoDigits is not at nowhere (the path given): no such file.\n"
    assert capsys.readouterr().err == sentence
    assert list(tmp_path.iterdir()) == []
