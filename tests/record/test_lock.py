"""A folder is held by one process at a time."""

import subprocess
import sys

import pytest

from adautomix.record import lock
from adautomix.record.lock import locked, taken
from adautomix.storage import files

HOLD = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(0.5)
open(sys.argv[1] + "/done", "w").close()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process holds for half a second."""
    pytest.importorskip("fcntl")
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield tmp_path


def test_another_process_is_noticed_or_waited_for(held):
    with locked(held) as ours:
        assert not ours
    assert not (held / "done").exists()
    with locked(held, wait=True) as ours:
        assert ours
        assert (held / "done").exists()


def test_who_holds_a_folder_may_claim_it_again(tmp_path):
    folder = tmp_path / "new"
    with locked(folder) as ours, locked(folder, wait=True) as again:
        assert ours
        assert again
    assert folder.is_dir()
    assert not lock._ours
    with pytest.raises(ValueError, match="inside"), locked(folder):
        raise ValueError("inside")
    with locked(folder) as free:
        assert free


def test_without_locks_the_user_sees_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    with locked(tmp_path) as ours:
        assert ours


def test_who_would_wait_can_know_it_before(tmp_path):
    assert not taken(tmp_path / "none")
    with locked(tmp_path):
        assert not taken(tmp_path)  # it is ours
    with files.held(tmp_path, wait=False):  # as another process would
        assert taken(tmp_path)
    assert not taken(tmp_path)
