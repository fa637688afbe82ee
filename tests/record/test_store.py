"""Changing a store: evaluations, two writers at once, full disks and kills."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adautomix.errors import InputError, RecordError
from adautomix.record import Store
from adautomix.record.store import PICTURES

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and flock")


# --- evaluations --------------------------------------------------------------------------------


def entry(value: float, name: str = "fgsm", **settings: object) -> dict:
    """An evaluation of the classifier."""
    values = {"error": value, "bins": [0.5, None]}
    return {
        "name": name,
        "predictor": "classifier",
        "settings": settings,
        "values": values,
        "provenance": {},
    }


def test_an_evaluation_replaces_only_its_own_kind(store, run):
    one = run()
    store.append_evaluation(one.id, entry(0.1, epsilon=0.5, norm="inf"))
    store.append_evaluation(one.id, entry(0.2, epsilon=1.0))
    store.append_evaluation(one.id, entry(0.3, name="calibration"))
    last = store.append_evaluation(one.id, entry(0.4, norm="inf", epsilon=0.5))
    assert last == store.find(one.id)
    assert [e["values"]["error"] for e in last.evaluations] == [0.2, 0.3, 0.4]
    assert last.metric("classifier", "calibration/error") == 0.3
    assert last.metric("classifier", "calibration/other") is None
    assert last.evaluation("fgsm", "classifier", epsilon=1.0)["values"]["error"] == 0.2
    assert last.evaluation("fgsm", "classifier", epsilon=3.0) is None
    with pytest.raises(InputError, match="2 evaluations 'fgsm' of its classifier"):
        last.metric("classifier", "fgsm/error")
    assert (last.metrics, last.curve().to_dict()) == (one.metrics, one.curve().to_dict())


def test_fields_this_version_does_not_know_survive_an_evaluation(store, document, curve):
    run = store.write(document(note="kept"), curve)
    store.append_evaluation(run.id, entry(0.1))
    assert json.loads((run.path / "run.json").read_text())["note"] == "kept"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"values": {"ece": float("nan")}}, "not a finite number"),
        ({"values": {"top1": [0.5, 2.0]}}, "not a fraction"),
        ({"values": {"ece": None}}, "None, not a number"),
        ({"settings": {"path": Path("x")}}, "not JSON serializable"),
        ({"predictor": None}, "not of type str"),
    ],
)
def test_an_unsound_evaluation_changes_nothing(store, run, changes, sentence):
    one = run()
    with pytest.raises(RecordError, match=sentence):
        store.append_evaluation(one.id, entry(0.1) | changes)
    assert store.find(one.id) == one


def test_an_evaluation_of_a_run_that_is_not_there_is_refused(store, run):
    run()
    with pytest.raises(RecordError, match="no run plain-x in"):
        store.append_evaluation("plain-x", entry(0.1))
    assert not (store.root / "plain-x").exists()


APPEND = """
import os, sys
from pathlib import Path
from adautomix.record import Store
store, id = Store(Path(sys.argv[1])), sys.argv[2]
who = os.fork()
for n in range(8):
    store.append_evaluation(id, {"name": f"{who > 0}-{n}", "predictor": "classifier",
                                 "settings": {}, "values": {"x": n}, "provenance": {}})
if who:
    assert os.waitpid(who, 0)[1] == 0
"""


def run_python(root: Path, code: str, *arguments: object) -> None:
    """Run code in a second Python that sees this checkout; it must end well."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@needs_fork
def test_two_processes_lose_none_of_their_evaluations(root, store, run):
    one = run()
    run_python(root, APPEND, store.root, one.id)
    names = {e["name"] for e in store.find(one.id).evaluations}
    assert names == {f"{who}-{n}" for who in (True, False) for n in range(8)}


# --- full disks and kills -----------------------------------------------------------------------


@pytest.mark.parametrize(("data", "copied"), [("photodigits", True), ("cifar100", False)])
def test_pictures_of_images_that_are_not_ours_are_not_adopted(
    tmp_path, document, curve, store, data, copied
):
    clean = {"commit": "0" * 40, "dirty": False, "seconds": 61.2}
    made = document(name=f"{data}/thin/mixup", provenance=clean)
    run = store.write(made, curve, {PICTURES: b"pictures"})
    kept = Store(tmp_path / "kept").publish(run)
    assert (kept.path / PICTURES).exists() is copied
    assert kept.metrics == run.metrics


@pytest.mark.parametrize("operation", ["fsync", "replace"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_former_record(
    store, run, document, curve, monkeypatch, operation, nth, failure
):
    former = run(top1=0.5)
    calls = 0
    original = getattr(os, operation)

    def failing(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise failure
        original(*arguments)

    monkeypatch.setattr(os, operation, failing)
    expected = RecordError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        store.write(document(top1=0.6), curve)
    calls = 0
    with pytest.raises(expected):
        store.write(document(seed=1), curve)
    monkeypatch.undo()
    if expected is RecordError:
        assert "No space left" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert store.all() == [former]
    assert list(store.root.rglob(".*")) == []


def test_a_disk_that_is_really_full_is_one_sentence(store, run):
    resource = pytest.importorskip("resource")
    former = run()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))  # bytes that a file may have
    try:
        with pytest.raises(RecordError, match=r"^cannot write the run in .*: File too large\. .*"):
            store.append_evaluation(former.id, entry(0.1, name="x" * 999))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.find(former.id) == former
    assert {path.name for path in former.path.iterdir()} == {"run.json", "curve.csv"}


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path, document, curve):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match=r"cannot write the run in .*: Not a directory\."):
        Store(tmp_path / "file").write(document(), curve)


KILL = """
import json, os, random, signal, sys, time
from pathlib import Path
from adautomix.record import Store

store, document = Store(Path(sys.argv[1])), json.loads(sys.argv[2])
luck, whole = random.Random(0), 0
for _ in range(10):
    writer = os.fork()
    if not writer:
        for turn in range(10**9):
            document["extras"] = {"turn": turn}
            store.write(document, [{"epoch": n, "loss": turn} for n in range(300)])
    while store.find(document["id"]) is None:
        assert os.waitpid(writer, os.WNOHANG) == (0, 0), "the writer has failed"
    time.sleep(luck.uniform(0.0, 0.05))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    for run in store.all():  # none if it was killed between two moves
        assert run.curve()["loss"].to_list() == [run.extras["turn"]] * 300
        (run.path / "run.json").unlink()  # the next writer starts anew
        whole += 1
assert whole
"""


@needs_fork
def test_a_killed_writer_leaves_a_readable_store(root, store, document, curve):
    made = document()
    run_python(root, KILL, store.root, json.dumps(made))
    folder = store.path(made["id"])
    (folder / ".writing-of-a-killed-one").mkdir()
    store.write(made, curve)
    assert {path.name for path in folder.iterdir()} == {"run.json", "curve.csv"}
