"""What a user can get wrong: each is one sentence that names it, no traceback, nothing lost.

Through the command line, as far as it goes there; `tests/test_fitting.py` has what only a model or
loader of one's own can do wrong.
"""

import errno
import math
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adautomix import cli
from adautomix.record import Store
from adautomix.storage import files
from adautomix.train import Training

SMOKE = ["train", "photodigits/thin/adautomix", "--budget", "smoke", "--device", "cpu"]
SMOKE += ["--set", "epochs=1"]
PLAIN = ["train", "photodigits/thin/plain", *SMOKE[2:]]
LITE = ["train", "cifar100/resnet18/plain", "--budget", "lite", "--device", "cpu"]


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "data"))
    for name in ("ADAUTOMIX_CIFAR100", "ADAUTOMIX_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def recorded_run(tmp_path_factory) -> Path:
    """A folder with one run, which no bad input may touch."""
    folder = tmp_path_factory.mktemp("kept")
    assert cli.main([*PLAIN, "--runs", str(folder)]) == 0
    return folder


@pytest.fixture
def refused(recorded_run, tmp_path, capsys) -> Callable[[list[str], int], str]:
    """Runs a command beside a recorded run; returns its one sentence. The run stays as it was."""
    runs = shutil.copytree(recorded_run, tmp_path / "runs")
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}

    def run(words: list[str], status: int) -> str:
        capsys.readouterr()
        assert cli.main([*words, "--runs", str(runs)]) == status
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), err
        assert err.startswith("adautomix: ")
        assert "Traceback" not in err
        assert len(Store(runs).all()) == 1
        left = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
        assert {path: left.get(path) for path in before} == before
        return err.removeprefix("adautomix: ").rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["train", "photodigits/thin/cutmx"], "unknown recipe 'photodigits/thin/cutmx'"),
        ([*SMOKE, "--budget", "huge"], "unknown budget 'huge'"),
        ([*SMOKE, "--seed", "-1"], "a seed is 0 or more, not -1"),
        ([*SMOKE, "--device", "tpu"], "unknown device 'tpu'"),
        ([*SMOKE, "--precision", "fp8"], "unknown precision 'fp8'"),
        ([*SMOKE, "--set", "method.m=4"], "unknown field of AdAutoMix 'm'"),
        ([*SMOKE, "--set", "epoch=4"], "unknown field of Recipe 'epoch': did you mean 'epochs'"),
        ([*SMOKE, "--set", "epochs=four"], "epochs must be a whole number (int), not 'four'"),
        ([*SMOKE, "--set", "epochs=0"], "epochs must be 1 or more, not 0"),
        ([*SMOKE, "--set", "epochs=null"], "epochs"),
        ([*SMOKE, "--set", "epochs=[1"], "epochs"),
        ([*SMOKE, "--set", "epochs"], "'epochs' changes nothing: write FIELD=VALUE"),
        ([*SMOKE, "--set", "method.n=1"], "n = 2 or more images, not 1"),
        ([*SMOKE, "--set", "method.n=21"], "cannot mix n = 21 different images from a batch of 20"),
        ([*SMOKE, "--set", "method.alpha=2"], "alpha must lie in [0, 1], not 2"),
        ([*SMOKE, "--set", "batch=1"], "a batch of 1 cannot be drawn"),
        ([*SMOKE, "--set", "batch=50"], "a batch of 50 cannot be drawn from 40 training images"),
        ([*SMOKE, "--set", "per_class=999"], "per_class must be between 1 and"),
        ([*SMOKE, "--set", "net.name=resnet19"], "unknown timm model 'resnet19'"),
        ([*SMOKE, "--set", "net.stem=imagenet"], "imagenet"),
        ([*SMOKE, "--set", "net.tap=9"], "tap 9"),
        ([*SMOKE, "--set", "data=cifar10"], "unknown dataset 'cifar10': did you mean 'cifar100'"),
        ([*SMOKE, "--set", "evaluate_on=tset"], "'tset'"),
        (["train", "photodigits/thin/plain", "--budget", "paper"], "not of 'paper'"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(refused, words, named):
    assert named in refused(words, 2)


def npz(path: Path, **changes: np.ndarray) -> Path:
    """A file laid out as CIFAR-100's .npz, far too small."""
    rng = np.random.default_rng(0)
    arrays = {
        f"x_{split}": rng.integers(0, 256, (200, 32, 32, 3), np.uint8)
        for split in ("train", "test")
    }
    arrays |= {f"y_{split}": np.arange(200) % 100 for split in ("train", "test")}
    np.savez(path, **(arrays | changes))
    return path


def truncated(path: Path) -> Path:
    npz(path)
    path.write_bytes(path.read_bytes()[:1000])
    return path


def pickles(path: Path) -> Path:
    folder = path / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(pickle.dumps({"data": 1})[:-3])
    return path


DATA = {
    "no such file": (lambda path: path, "no such file"),
    "empty folder": (lambda path: path.mkdir() or path, "no CIFAR-100 in"),
    "truncated": (truncated, "cannot be read as .npz"),
    "truncated pickles": (pickles, "cannot be read as a CIFAR-100 pickle"),
    "too few": (npz, "200 images, expected 50000"),
    "no labels": (lambda path: np.savez(path, x_train=1) or path, "has no array 'y_train'"),
    "labels out of range": (
        lambda p: npz(p, y_train=np.arange(200)),
        "labels must be 0 to 99, found 100",
    ),
    "labels not whole": (lambda p: npz(p, y_train=np.ones(200)), "labels must be whole numbers"),
    "wrong shape": (
        lambda p: npz(p, x_train=np.zeros((200, 28, 28), np.uint8)),
        "images must have shape (s, 32, 32, 3), got (200, 28, 28)",
    ),
    "wrong dtype": (
        lambda p: npz(p, x_train=np.zeros((200, 32, 32, 3))),
        "images must be uint8, got float64",
    ),
    "unequal": (lambda p: npz(p, y_train=np.zeros(3, int)), "200 images but 3 labels"),
}


@pytest.mark.parametrize("what", DATA)
def test_data_that_cannot_be_used_are_named(refused, tmp_path, what):
    make, named = DATA[what]
    path = make(tmp_path / "given.npz" if what != "truncated pickles" else tmp_path / "given")
    assert named in refused([*LITE, "--data", str(path)], 1)


def test_missing_data_come_with_the_command_that_gets_them(refused, tmp_path):
    assert refused(LITE, 1) == (
        f"CIFAR-100 is not in {tmp_path / 'data' / 'cifar100'}: run `adautomix data get cifar100`, "
        "or point ADAUTOMIX_CIFAR100 or --data at a folder or .npz you have."
    )


def test_an_altered_dataset_is_named(refused, monkeypatch):
    from adautomix.data import photodigits

    photodigits.build.cache_clear()
    monkeypatch.setitem(photodigits.INFO.sha256, "test", "0" * 64)
    assert "0" * 64 in refused(SMOKE, 1)


@pytest.mark.parametrize("name", ["curve.csv", "run.json", "mixed.npz", "weights.safetensors"])
def test_a_full_disk_while_recording_keeps_what_was_recorded(refused, monkeypatch, name):
    if name == "weights.safetensors":
        from adautomix.train import weights_file

        monkeypatch.setattr(weights_file, "save_file", _disk_is_full)
    else:
        _full_for(monkeypatch, name)
    sentence = refused([*SMOKE], 1)
    assert "make room" in sentence
    monkeypatch.undo()


def _disk_is_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full_for(monkeypatch, name: str) -> None:
    """The disk is full for one file of the record."""
    real = open

    def opened(path, *given, **named):
        if Path(path).name == name:
            _disk_is_full()
        return real(path, *given, **named)

    monkeypatch.setattr(files, "open", opened, raising=False)


def test_a_loss_that_is_not_a_number_records_nothing(refused, monkeypatch):
    update = Training.update

    def poisoned(self, batch):
        return update(self, batch._replace(images=batch.images * math.nan))

    monkeypatch.setattr(Training, "update", poisoned)
    assert refused([*PLAIN, "--set", "optim.lr=0.3"], 1) == (
        "training diverged by step 2 of 2, ce is not finite: lower the learning rate (now 0.3), or "
        "look for NaN or infinity in the images."
    )


def test_a_damaged_checkpoint_is_named(refused, monkeypatch, tmp_path):
    from adautomix.runs.job import Job

    job = Job("photodigits/thin/adautomix", "smoke", 0, ("epochs=1",))
    damaged = tmp_path / "runs" / job.id() / "checkpoints" / "step-000000001"
    damaged.mkdir(parents=True)
    sentence = refused(SMOKE, 1)
    assert sentence.startswith(f"cannot go on from the checkpoint {damaged} (")
    assert sentence.endswith("delete that folder to start this run again.")


@pytest.mark.parametrize("content", ["", "{", '{"schema": 99}', '{"schema": 1}', "NaN"])
def test_a_damaged_record_is_named_and_left_alone(recorded_run, tmp_path, capsys, content):
    runs = shutil.copytree(recorded_run, tmp_path / "runs")
    (file,) = runs.glob("*/run.json")
    file.write_text(content)
    for words in (["runs", "list"], PLAIN):
        assert cli.main([*words, "--runs", str(runs)]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"adautomix: {file}: ")
    assert file.read_text() == content


def test_a_folder_that_cannot_hold_runs_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    assert cli.main([*PLAIN, "--runs", str(tmp_path / "file")]) == 1
    assert f"cannot make the folder {tmp_path / 'file'}" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"
