"""An unreadable image stops a training that meets it, or, if asked for, is left out and counted."""

import numpy as np
import PIL.Image
import pytest

from adautomix import cli, data
from adautomix.data import added, readable
from adautomix.errors import DataError
from adautomix.record import Store


@pytest.fixture
def name(tmp_path, monkeypatch):
    """A dataset of 2 × 8 + 2 × 3 files, of which three of those for training are damaged later."""
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 3)):
        for label in "ab":
            (tmp_path / "it" / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (40 + i, 50, 3), np.uint8)
                PIL.Image.fromarray(pixels).save(tmp_path / f"it/{split}/{label}/{i}.png")
    row = added.add("mine", tmp_path / "it", tmp_path / "home")
    for file in ("train/a/1.png", "train/a/5.png", "train/b/0.png"):
        damage(tmp_path / "it" / file)
    return row.name


def damage(file):
    """Overwrite all but the head; the size, and so the digest of the set, stays."""
    content = file.read_bytes()
    file.write_bytes(content[:40] + bytes(len(content) - 40))


def test_only_where_it_is_asked_for_are_files_left_out(name, monkeypatch):
    assert len(data.read(name, "train")) == 16
    for part in (1, 3, 256):
        monkeypatch.setattr(readable, "PART", part)
        kept = data.read(name, "train", skip_unreadable=True)
        assert len(kept) == 13
        assert sorted(kept.left_out) == ["train/a/1.png", "train/a/5.png", "train/b/0.png"]
        left = {kept.path(i).name for i in range(13) if kept.labels[i] == 0}
        assert left == {f"{i}.png" for i in (0, 2, 3, 4, 6, 7)}
    whole = data.read(name, "test", skip_unreadable=True)
    assert (len(whole), whole.left_out) == (6, ())


def test_a_class_without_a_readable_image_is_an_error(name, tmp_path):
    for i in range(8):
        damage(tmp_path / f"it/train/b/{i}.png")
    with pytest.raises(
        DataError, match=r"no image of class 'b' is left to read, for .*\.png cannot"
    ):
        data.read(name, "train", skip_unreadable=True)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_run_records_what_it_left_out(name, tmp_path, capsys):
    damage(tmp_path / "it/test/a/2.png")
    job = ["train", f"{name}/resnet18/plain", "--budget", "lite", "--device", "cpu"]
    for change in ("epochs=1", "net.width=12", "batch=6", "augment.side=16", "augment.shorter=16"):
        job += ["--set", change]
    job += ["--set", "per_class=null", "--runs", str(tmp_path / "runs")]
    assert cli.main(job) == 1
    assert "cannot be read as an image" in capsys.readouterr().err
    assert cli.main([*job, "--skip-unreadable"]) == 0, capsys.readouterr().err
    assert "Left out 3 of 16 train images, which cannot be read: " in capsys.readouterr().err
    (run,) = Store(tmp_path / "runs").all()
    assert run.provenance["unreadable"]["train"]["images"] == 3
    assert run.provenance["unreadable"]["test"] == {"images": 1, "files": ["test/a/2.png"]}
    assert run.provenance["steps"] == 2  # of 13 images
    assert run.provenance["command"].endswith(" --skip-unreadable")
    words = ["evaluate", run.id, "--runs", str(tmp_path / "runs")]
    assert cli.main(words) == 1
    assert cli.main([*words, "--skip-unreadable"]) == 0
    assert "5 images" in capsys.readouterr().out
    assert cli.main([*words, "--calibration", "--skip-unreadable"]) == 0
    (run,) = Store(tmp_path / "runs").all()
    entry = run.evaluation("calibration", "classifier")
    assert entry["provenance"]["unreadable"] == {"test": {"images": 1, "files": ["test/a/2.png"]}}
    assert entry["values"]["n"] == 5
