"""What is installed, from what, and what travels in the wheel."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]


def normal(requirement: str) -> tuple[str, tuple[str, ...], str]:
    """Name, extras and versions, so that two spellings of one requirement are equal."""
    parsed = Requirement(requirement)
    name = canonicalize_name(parsed.name)
    return name, tuple(sorted(parsed.extras)), str(parsed.specifier)


# --- one list of dependencies -------------------------------------------------------------------


def test_environment_has_the_dependencies_of_pyproject() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    *conda, pip = dependencies
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert sorted(map(normal, pip["pip"])) == sorted(map(normal, WANTED))


def test_binder_has_the_versions_of_pyproject_and_installs_the_clone() -> None:
    folder = ROOT / ".binder"
    if not folder.exists():
        pytest.skip("not a checkout")
    dependencies = yaml.safe_load((folder / "environment.yml").read_text())["dependencies"]
    python, pip, torch, vision = dependencies
    assert (
        f"Programming Language :: Python :: {python.removeprefix('python=')}"
        in (PROJECT["classifiers"])
    )
    assert pip == "pip"
    wanted = {torch.replace("pytorch-cpu", "torch"), vision}
    assert wanted == {line for line in WANTED if re.match("torch(vision)?\\W", line)}
    script = folder / "postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install --no-cache-dir --editable .\n" in script.read_text()


def locked() -> list[str]:
    """The entries of requirements.lock, each with its continuation lines joined."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    return [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def test_every_locked_entry_is_a_version_with_hashes() -> None:
    entry = re.compile(r"[\w.-]+==[\w.+!]+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in locked() if not entry.fullmatch(line.strip())] == []


def pip_lines() -> list[str]:
    """What conda hands to pip."""
    *_, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    return pip["pip"]


@pytest.mark.parametrize("wanted", [WANTED, pip_lines()], ids=["pyproject", "environment"])
def test_the_lock_satisfies_what_is_wanted(wanted: list[str]) -> None:
    versions: dict[str, list[str]] = {}
    for line in locked():
        name, version = re.split("==", line.split()[0])
        versions.setdefault(canonicalize_name(name), []).append(version)
    for requirement in map(Requirement, wanted):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement} is not in requirements.lock; run `make lock`"
        assert all(requirement.specifier.contains(version) for version in found), requirement


@pytest.mark.network
def test_conda_solves_the_environment() -> None:
    """What conda itself installs; pip's part is solved as the lock is."""
    conda = next(filter(shutil.which, ("micromamba", "mamba", "conda")), None)
    if conda is None:
        pytest.skip("no conda is installed")
    words = ["create", "--dry-run", "--yes", "--name", "adautomix-test", "-c", "conda-forge"]
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    done = subprocess.run(
        [conda, *words, *dependencies[:-1]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- one version --------------------------------------------------------------------------------


def test_the_version_is_the_same_everywhere() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    headings = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    package = (ROOT / "adautomix/__init__.py").read_text()
    (said,) = re.findall(r'^__version__ = "(.+)"$', package, re.M)
    assert [cited, headings[0], said] == [PROJECT["version"]] * 3


def test_the_paper_is_what_is_cited() -> None:
    paper = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Qin", "Jin", "Jiang", "El-Yacoubi", "Gao"]
    assert (paper["title"], paper["year"]) == ("Adversarial AutoMixup", 2024)


# --- the wheel ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    assert path.name == f"adautomix-{PROJECT['version']}-py3-none-any.whl"
    return zipfile.ZipFile(path)


@pytest.mark.parametrize("folder", ["paper", "runs"])
def test_the_wheel_carries_the_data(wheel: zipfile.ZipFile, folder: str) -> None:
    source = ROOT / "data" / folder
    here = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    start = f"adautomix/_data/{folder}/"
    there = {name.removeprefix(start) for name in wheel.namelist() if name.startswith(start)}
    assert there, f"nothing of data/{folder}"
    assert there == here


@pytest.mark.parametrize("folder", ["book", "notebooks"])
def test_the_wheel_carries_the_book(wheel: zipfile.ZipFile, folder: str) -> None:
    made = {"_build", "chapters", "figures", "__pycache__", ".ipynb_checkpoints"}
    here = {
        (Path(parent) / file).relative_to(ROOT / folder).as_posix()
        for parent, _, files in os.walk(ROOT / folder, followlinks=True)
        for file in files
        if "." in file and not made & set(Path(parent).relative_to(ROOT / folder).parts)
    }
    start = f"adautomix/_data/{folder}/"
    there = {name.removeprefix(start) for name in wheel.namelist() if name.startswith(start)}
    assert len(there) > 10
    assert {name for name in there if "." in name} == here


def test_the_wheel_carries_table_1(wheel: zipfile.ZipFile) -> None:
    packed = wheel.read("adautomix/_data/paper/table_01.csv")
    assert packed == (ROOT / "data/paper/table_01.csv").read_bytes()


def test_the_wheel_carries_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "adautomix").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {n for n in wheel.namelist() if not n.startswith(("adautomix/_data/", "adautomix-"))}
    assert packed == modules


def test_the_wheel_says_that_its_types_may_be_relied_on(wheel: zipfile.ZipFile) -> None:
    assert "adautomix/py.typed" in wheel.namelist()


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    info = f"adautomix-{PROJECT['version']}.dist-info"
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert (metadata["Name"], metadata["Version"]) == ("adautomix", PROJECT["version"])
    assert metadata["License-Expression"] == "Apache-2.0"
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert b"adautomix = adautomix.cli:main" in wheel.read(f"{info}/entry_points.txt")


# --- make setup ---------------------------------------------------------------------------------

# Stands for python3 and pre-commit: it notes how it is called, makes a .venv that holds itself,
# and fails on the call that FAIL_ON names.
STAND_IN = """#!/bin/sh
echo "$*" >> calls
case "$*" in *"$FAIL_ON"*) exit 1 ;; esac
case "$*" in
  "-m venv"*) mkdir -p .venv/bin && cp "$STAND_IN" .venv/bin/python ;;
  *"pip sync"*) cp "$STAND_IN" .venv/bin/pre-commit ;;
  *"pip install --quiet --disable-pip-version-check uv"*) touch .venv/uv ;;
  "-m uv --version") test -e .venv/uv ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what `make setup` reads, and a stand-in for Python."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "stand-in"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return tmp_path


def make_setup(checkout: Path, fail_on: str = "never") -> subprocess.CompletedProcess[str]:
    """Run `make setup` with the stand-in for Python; `calls` then lists this run's calls only."""
    (checkout / "calls").write_text("")
    python = str(checkout / "stand-in")
    env = {**os.environ, "STAND_IN": python, "FAIL_ON": fail_on}
    command = ["make", "setup", f"PYTHON={python}"]
    return subprocess.run(
        command, cwd=checkout, env=env, capture_output=True, text=True, check=False
    )


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
def test_setup_installs_what_is_locked_once(checkout: Path) -> None:
    assert make_setup(checkout).returncode == 0
    calls = (checkout / "calls").read_text()
    assert "--require-hashes requirements.lock" in calls
    assert "--no-deps --no-build-isolation -e ." in calls
    assert make_setup(checkout).returncode == 0
    assert (checkout / "calls").read_text() == ""


@needs_make
def test_setup_asks_the_network_only_for_what_is_not_cached(checkout: Path) -> None:
    make_setup(checkout)
    cached = (checkout / "calls").read_text().count("pip sync")
    (checkout / ".venv/.ready").unlink()
    assert make_setup(checkout, fail_on="--offline").returncode == 0
    fetched = (checkout / "calls").read_text().count("pip sync")
    assert (cached, fetched) == (1, 2)


@needs_make
@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_setup_is_done_again_when_its_source_changes(checkout: Path, changed: str) -> None:
    make_setup(checkout)
    later = (checkout / ".venv/.ready").stat().st_mtime + 1
    os.utime(checkout / changed, (later, later))
    assert make_setup(checkout).returncode == 0
    calls = (checkout / "calls").read_text()
    assert "requirements.lock" in calls
    assert "-m venv" not in calls


@needs_make
@pytest.mark.parametrize("step", ["-m venv", "pip install --quiet", "pip sync", "-e ."])
def test_an_interrupted_setup_goes_on_the_next_time(checkout: Path, step: str) -> None:
    assert make_setup(checkout, fail_on=step).returncode != 0
    assert not (checkout / ".venv/.ready").exists()
    assert make_setup(checkout).returncode == 0
    assert (checkout / ".venv/.ready").exists()


@needs_make
@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("version_info", "older than Python 3.11"), ("import ensurepip", "has no venv module")],
)
def test_a_python_that_will_not_do_is_said(checkout: Path, missing: str, sentence: str) -> None:
    done = make_setup(checkout, fail_on=missing)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert not (checkout / ".venv").exists()


@needs_make
@pytest.mark.parametrize("kind", ["clone", "worktree", "no checkout"])
def test_setup_installs_the_hooks_where_there_are_commits(checkout: Path, kind: str) -> None:
    if kind == "clone":
        (checkout / ".git").mkdir()
    elif kind == "worktree":
        (checkout / ".git").write_text("gitdir: elsewhere")
    assert make_setup(checkout).returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert calls.count("install") == (kind != "no checkout")


@needs_make
def test_hooks_that_cannot_be_installed_do_not_stop_a_setup(checkout: Path) -> None:
    (checkout / ".git").mkdir()
    script = (checkout / "stand-in").read_text()
    (checkout / "stand-in").write_text(script.replace("esac\n", 'esac\ntest "$*" != install\n'))
    done = make_setup(checkout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "install" in (checkout / "calls").read_text().splitlines()
    assert (checkout / ".venv/.ready").exists()


@needs_make
def test_help_lists_every_command(checkout: Path) -> None:
    done = subprocess.run(["make"], cwd=checkout, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([a-z0-9-]+) ", done.stdout, re.M))
    (phony,) = re.findall(r"^\.PHONY: help (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert listed == {*phony.split(), "help"}
