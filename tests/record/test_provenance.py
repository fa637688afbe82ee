"""Provenance: true, complete, and without a trace of the machine's folders."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
import torch

from adautomix.record import _where, provenance

GIVEN = {
    "seconds": 1.25,
    "cpu_seconds": 2.5,
    "steps": 3,
    "device": "cpu: X, 2 threads",
    "precision": "fp32",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit that the package believes to be its own."""
    (tmp_path / "adautomix").mkdir()
    (tmp_path / "adautomix" / "code.py").write_text("x = 1\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    monkeypatch.setattr(_where, "PACKAGE", tmp_path / "adautomix")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_what_is_collected_is_complete_and_plain_json():
    hashes = {"train": "ab", "test": "cd"}
    found = provenance.collect(**GIVEN, data_sha256=hashes, peak_memory_mib=812.04, command="x y")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == [
        *("commit", "dirty", "command", "when", "seconds", "cpu_seconds", "steps", "device"),
        *("precision", "versions", "data_sha256", "peak_memory_mib"),
    ]
    assert {key: found[key] for key in GIVEN} == GIVEN
    assert (found["command"], found["data_sha256"]) == ("x y", hashes)
    assert found["peak_memory_mib"] == 812.0
    assert list(found["versions"]) == [
        *("adautomix", "python", "torch", "torchvision", "timm", "numpy")
    ]
    assert found["versions"]["numpy"] == metadata.version("numpy")
    when = datetime.fromisoformat(found["when"])
    assert when.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=1)


def test_no_folder_of_the_machine_gets_into_a_record(tmp_path, monkeypatch):
    home, work = tmp_path / "home" / "anna", tmp_path / "disk" / "project"
    work.mkdir(parents=True)
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    monkeypatch.setattr(
        sys, "argv", [str(home / "env/bin/adautomix"), "train", f"--out={work}/runs", f"{home}/x"]
    )
    found = provenance.collect(**GIVEN | {"device": f"cpu at {home}"}, data_sha256={})
    text = json.dumps(found)
    assert found["command"] == "adautomix train --out=./runs ~/x"
    assert [part for part in (str(tmp_path), "anna", "disk") if part in text] == []


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["/v/bin/adautomix", "train", "a/b/c", "--seed", "0"], "adautomix train a/b/c --seed 0"),
        (["/v/adautomix/__main__.py", "doctor"], "python -m adautomix doctor"),
        (["/v/tools/try.py", "-n", "2"], "python PATH/try.py -n 2"),
        (["/v/ipykernel_launcher.py", "-f", "/r/kernel.json"], "notebook"),
        (["/v/site-packages/ipykernel/__main__.py", "-f", "k"], "notebook"),
        (["-c"], "python"),
        ([""], "python"),
        (
            ["/usr/bin/papermill", "-p", "seeds", "[0, 1]", "/a/My Data"],
            "papermill -p seeds '[0, 1]' 'PATH/My Data'",
        ),
        (["adautomix", "--data=/mnt/my data/x y"], "adautomix '--data=PATH/x y'"),
    ],
)
def test_a_command_line_can_be_typed(argv, line):
    assert provenance.command_line(argv) == line


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/mnt/a/b", "PATH/b"),
        ("//mnt/a/b/", "PATH/b"),
        ('{"data": "/mnt/a", "n": 1}', '{"data": "PATH/a", "n": 1}'),
        ("data:/mnt/a", "data:PATH/a"),
        ("file:///mnt/a", "file:PATH/a"),
        (r"C:\Users\anna\x.csv", "PATH/x.csv"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("cifar100/resnet18/adautomix", "cifar100/resnet18/adautomix"),
        ("./a/b ../c ~/d", "./a/b ../c ~/d"),
        ("fp32 / tf32, 3/4", "fp32 / tf32, 3/4"),
    ],
)
def test_paths_lose_what_is_particular(text, clean):
    assert provenance.without_paths(text) == clean


def test_folders_are_shortened_only_as_whole_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = os.getcwd()
    assert provenance.without_paths(f"{here}/a {here}") == "./a ."
    assert provenance.without_paths(f"{here}2/a") == "PATH/a"


def test_commit_and_dirt_are_those_of_the_checkout(checkout, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as inside a git hook
    head = (checkout / ".git" / "HEAD").read_text().split()[-1]
    commit = (checkout / ".git" / head).read_text().strip()
    assert provenance.source_state() == (commit, False)
    (checkout / "data").mkdir()
    (checkout / "data" / "new-record").write_text("does not count")
    assert provenance.source_state() == (commit, False)
    (checkout / "adautomix" / "code.py").write_text("x = 2\n")
    assert provenance.source_state() == (commit, True)
    (checkout / "adautomix" / "code.py").write_text("x = 1\n")
    (checkout / "adautomix" / "new.py").write_text("y = 1\n")
    assert provenance.source_state() == (commit, True)


def test_somebody_elses_repository_is_not_the_source(checkout, monkeypatch):
    inner = checkout / "vendor"
    inner.mkdir()
    (inner / "pyproject.toml").touch()
    monkeypatch.setattr(_where, "PACKAGE", inner / "adautomix")
    assert provenance.source_state() == (None, None)


def test_an_installed_package_has_no_commit(checkout, monkeypatch):
    (checkout / "pyproject.toml").unlink()
    assert provenance.source_state() == (None, None)


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.source_state() == (None, None)


def test_version_of_a_checkout_that_is_not_installed(checkout, monkeypatch):
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    found = provenance.versions()
    assert (found["adautomix"], found["torch"]) == ("1.2.3", None)


def test_processor_has_a_name():
    name = provenance.cpu_name()
    assert name.strip() == name != ""
    listing = Path("/proc/cpuinfo")
    if listing.exists() and "model name" in listing.read_text():
        assert name.split()[0] in listing.read_text()


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_minds_the_unit_of_the_system(monkeypatch, system, unit):
    class Usage:
        ru_maxrss = 3 * 1024 * 1024 // unit

    monkeypatch.setattr(provenance.resource, "getrusage", lambda who: Usage)
    monkeypatch.setattr(sys, "platform", system)
    assert provenance.peak_memory_mib() == 3.0


def test_peak_memory_counts_what_was_held():
    before = provenance.peak_memory_mib()
    held = b"x" * (int(before) + 64) * 2**20  # more than ever before
    assert provenance.peak_memory_mib() >= len(held) / 2**20
    collected = provenance.collect(**GIVEN, data_sha256={})
    assert collected["peak_memory_mib"] >= int(before) + 64


def test_the_commit_is_the_one_that_the_steps_began_with():
    begun = {"commit": "a" * 40, "dirty": True, "from_step": 0}
    found = provenance.collect(**GIVEN, data_sha256={}, segments=[begun])
    assert (found["commit"], found["dirty"]) == ("a" * 40, True)
    assert "segments" not in found, "one part is no parts"


def test_how_updates_were_computed_is_kept_where_there_are_two_ways():
    assert "updates" not in provenance.collect(**GIVEN, data_sha256={})
    way = "captured (1,996 of 2,000 updates repeated from a recording)"
    assert provenance.collect(**GIVEN, data_sha256={}, updates=way)["updates"] == way


def test_on_a_gpu_its_libraries_are_named_too():
    on_cpu = provenance.collect(**GIVEN, data_sha256={})
    found = provenance.collect(**GIVEN | {"device": "cuda: x"}, data_sha256={})
    assert set(found["versions"]) - set(on_cpu["versions"]) == {"cuda", "cudnn"}
    assert found["versions"]["cuda"] == torch.version.cuda
