"""What is written is whole or not there, and what a killed process leaves is swept up, no more."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adautomix.storage import files

needs_locks = pytest.mark.skipif(files.fcntl is None, reason="needs flock")

WRITE = """
import sys
from pathlib import Path
from adautomix.storage.files import workplace
with workplace(Path(sys.argv[1])) as place:
    (place / "half").write_text("")
    print(place, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(root: Path, tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that is writing in `tmp_path` until it is killed or told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@needs_locks
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    writer, tmp_path
):
    place = Path(writer.stdout.readline().strip())
    files.replace_all(tmp_path, {"one": b"1"})
    assert (place / "half").exists()
    writer.kill()
    writer.wait()
    assert (place / "half").exists()
    files.replace_all(tmp_path, {"two": b"2"})
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


@needs_locks
def test_another_writer_of_this_process_is_left_alone_too(tmp_path):
    with files.workplace(tmp_path) as outer:
        with files.workplace(tmp_path) as inner:
            assert outer.exists()
            assert inner != outer
        assert [*tmp_path.iterdir()] == [outer]
    assert [*tmp_path.iterdir()] == []


@needs_locks
def test_a_place_that_is_swept_before_it_is_held_is_made_anew(tmp_path, monkeypatch):
    held, swept = files.held, []

    def late(path, *, wait):
        if not swept:
            swept.append(path)
            path.rmdir()
        return held(path, wait=wait)

    monkeypatch.setattr(files, "held", late)
    with files.workplace(tmp_path) as place:
        assert place.exists()
        assert place not in swept


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_where_nothing_can_be_held_only_what_is_old_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    for name in (".writing-old", ".writing-new", ".former-old"):
        (tmp_path / name).mkdir()
    for name in (".a.tmp", ".b.tmp", "mine.tmp"):
        (tmp_path / name).touch()
    for name in (".writing-old", ".former-old", ".a.tmp", "mine.tmp"):
        aged(tmp_path / name, 2 * files.STALE_SECONDS)
    files.replace_all(tmp_path, {"one": b"1"})
    assert {path.name for path in tmp_path.iterdir()} == {
        *("one", "mine.tmp", ".writing-new", ".b.tmp")
    }


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_leaves_the_former_one(tmp_path, monkeypatch, failing):
    def full(*_):
        raise OSError("No space left on device")

    (tmp_path / "file").write_text("former")
    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"), files.replacing(tmp_path / "file") as new:
        new.write_text("half")
    monkeypatch.undo()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["former"]
    with files.replacing(tmp_path / "file") as new:
        new.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize(("curve", "left"), [(b"new", False), (b"old", True)])
def test_a_kill_between_two_moves_leaves_no_false_voucher(tmp_path, monkeypatch, curve, left):
    files.replace_all(tmp_path, {"curve": b"old", "record": b"of old"}, vouching="record")
    moved = []

    def killed(source, target):
        if moved:
            raise KeyboardInterrupt
        moved.append(target)
        Path(source).rename(target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        files.replace_all(tmp_path, {"curve": curve, "record": b"of new"}, vouching="record")
    assert (tmp_path / "curve").read_bytes() == curve
    assert (tmp_path / "record").exists() is left
