"""What every test relies on: one thread, no window, no network, no record left in the checkout."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import config, install_import_hook

# Before numpy and torch are imported: small tensors are faster on one thread, and runs repeat.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

pytest_plugins = ("record_fixtures",)

if find_spec("beartype"):  # annotations of the package are checked
    install_import_hook("adautomix", "beartype.beartype")

NEEDED = {
    "book": "nbformat",
    "test_book.py": "nbformat",
    "test_notebook.py": "papermill",
    "figures/test_tables.py": "IPython",
}
"""Tests of notebooks, and what they cannot be imported without: a machine that is there for its GPU
needs no notebooks.
"""
collect_ignore = [path for path, package in NEEDED.items() if find_spec(package) is None]


def pytest_report_header() -> list[str]:
    """Say what is missing, so that a run without it is not taken for a whole one."""
    missing = [] if find_spec("beartype") else ["annotations are unchecked, for want of beartype"]
    return missing + [f"{path} is left out, for want of {NEEDED[path]}" for path in collect_ignore]


# The same examples every time: a failure seen by one reader is seen by all.
settings.register_profile(
    "repeatable", deadline=None, max_examples=25, derandomize=True, database=None
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def without_torch(root: Path) -> Callable[[str], None]:
    """Runs code in an interpreter of its own, where it must succeed and not import torch."""

    def check(code: str) -> None:
        code += '\nimport sys\nsys.exit("torch was imported" if "torch" in sys.modules else 0)'
        environment = os.environ | {"PYTHONPATH": str(root)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return check


@pytest.fixture(autouse=True)
def runs_in_a_temporary_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records go to a folder of the test's own, never to ./runs."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path_factory.mktemp("runs", numbered=True)))


@pytest.fixture
def annotations_unchecked() -> Iterator[None]:
    """Inside, annotations are what they are for a user: not looked at."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without the mark `network` finds itself offline."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if inet and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise ConnectionRefusedError(f"{address[0]}: this test has no mark `network`")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
