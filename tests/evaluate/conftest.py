"""A trained run with weights, made once, and copies of it that a test may write to."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adautomix.device import decide
from adautomix.record import Run, Store
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions

TINY = Job("photodigits/thin/mixup", "smoke", 0, ("epochs=1",))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody evaluates: tests take `run` or `copy`."""
    store = Store(tmp_path_factory.mktemp("trained"))
    return runner.obtain(TINY, RunOptions(decide("cpu"), store, progress=False))


@pytest.fixture
def run_options() -> RunOptions:
    return RunOptions(decide("cpu"), progress=False)


@pytest.fixture
def copy(trained: Run, tmp_path: Path) -> Callable[[str], Run]:
    """Copies the run to a store of that name."""

    def to(name: str) -> Run:
        shutil.copytree(trained.path, tmp_path / name / trained.id)
        return Store(tmp_path / name).match(trained.id)

    return to


@pytest.fixture
def run(copy: Callable[[str], Run]) -> Run:
    return copy("runs")


@pytest.fixture(autouse=True)
def no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures of frost, and corrupted sets are kept in a folder of the test's own."""
    monkeypatch.delenv("ADAUTOMIX_FROST", raising=False)
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "data"))
