"""The steps of CONTRIBUTING.md, taken as they stand there, on a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"```python\n# (adautomix/\S+?\.py)(?:: (\w+))?\n(.*?)```", re.DOTALL)
STEPS = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
TRAIN = ("--device", "cpu", "--set", "epochs=1", "--set", "net.width=8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A folder with the package, grown by every step, and no other file than those it names."""
    folder = tmp_path_factory.mktemp("contributor")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "adautomix", folder / "adautomix", ignore=ignored)
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("runs"))
    for name, table, text in STEPS:
        path = folder / name
        if table:
            before = path.read_text(encoding="utf-8")
            opening = re.compile(rf"^{table}\b.*[{{(]\n", re.MULTILINE)
            after, found = opening.subn(lambda match, text=text: match[0] + text, before)
            assert found == 1, f"{name} has no single {table}"
            path.write_text(after, encoding="utf-8")
        else:
            assert not path.exists()
            path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(copy):
    """The command line of the copy: words → what it prints."""

    def call(*words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
        environment["ADAUTOMIX_RUNS"] = str(copy / "runs")
        done = subprocess.run(
            [sys.executable, *words],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        return done.stdout

    return call


def test_each_kind_takes_one_file_and_one_line():
    files = [name for name, table, _ in STEPS if not table]
    lines = [(name, table) for name, table, _ in STEPS if table]
    assert [Path(name).parent.name for name in files] == ["mix", "data", "evaluate"]
    assert [table for _, table in lines] == ["REGISTRY", "MODULES", "EVALUATIONS"]
    assert all(len(text.strip().splitlines()) == 1 for _, table, text in STEPS if table)


def test_a_rule_trains_and_an_evaluation_is_recorded(run, copy):
    run("-m", "adautomix", "train", "photodigits/thin/halves", "--budget", "smoke", *TRAIN)
    (record,) = (copy / "runs").glob("halves-photodigits-smoke-s0-*/run.json")
    words = ("evaluate", record.parent.name, "--entropy", "--device", "cpu")
    assert "entropy" in run("-m", "adautomix", *words)
    entries = json.loads(record.read_text())["evaluations"]
    assert [entry["predictor"] for entry in entries] == ["classifier", "teacher"]
    for entry in entries:
        assert (entry["name"], entry["settings"]) == ("entropy", {"temperature": 1.0})
        assert 0 < entry["values"]["entropy"] < 2.4  # ln 10 = 2.30
        assert entry["values"]["n"] == 797


def test_a_dataset_is_read_and_trained_on(run, copy):
    assert "40" in run("-m", "adautomix", "data", "verify", "stripes")
    small = ("--set", "per_class=4", "--set", "batch=8")
    words = ("train", "stripes/resnet18/cutmix", "--budget", "lite")
    run("-m", "adautomix", *words, *TRAIN, *small)
    (record,) = (copy / "runs").glob("cutmix-stripes-lite-s0-*/run.json")
    assert json.loads(record.read_text())["recipe"]["data"] == "stripes"


def test_the_tests_of_all_rules_and_methods_test_it(run):
    files = (
        str(ROOT / "tests" / name) for name in ("mix/test_mixers.py", "methods/test_contract.py")
    )
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", str(ROOT / "pyproject.toml"))
    said = run("-m", "pytest", *plain, *files, "-k", "halves")
    assert int(re.search(r"(\d+) passed", said)[1]) > 30
    assert "failed" not in said
