"""The examples of book/extending.md, taken as they stand there, on a copy of the package."""

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
TEXT = (ROOT / "book" / "extending.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SCREEN = 60  # lines
STEPS = BLOCK.findall(TEXT)
PAGE = re.compile(r"`(notebooks/\S+?)`:\n\n```json\n(.*?)\n```\n", re.DOTALL)
(NOTEBOOK,) = PAGE.findall(TEXT)
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A folder with the package, grown by every step, and no other file than those it names."""
    folder = tmp_path_factory.mktemp("contributor")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "adautomix", folder / "adautomix", ignore=ignored)
    (folder / "data").symlink_to(ROOT / "data")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=ignored)
    for name in ("pyproject.toml", "CONTRIBUTING.md", "book/design.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "notebooks").mkdir()
    (folder / NOTEBOOK[0]).write_text(NOTEBOOK[1], encoding="utf-8")
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
        environment.pop("ADAUTOMIX_BOOK", None)  # as the tests of the book leave it
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


def test_the_guide_is_one_screen_and_names_what_is_there():
    assert len(GUIDE.splitlines()) <= SCREEN
    named = re.findall(r"`((?:adautomix|book|notebooks|tests)/[\w/.-]*)`", GUIDE)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
    registries = {name.rpartition("/")[2]: table for name, table, _ in STEPS if table}
    assert all(f"`{table}` of `" in GUIDE for table in registries.values())


def test_each_kind_takes_one_file_and_one_line():
    files = [name for name, table, _ in STEPS if not table]
    lines = [(name, table) for name, table, _ in STEPS if table]
    assert [Path(name).parent.name for name in files] == ["mix", "data", "evaluate"]
    assert f"- file: chapters/{Path(NOTEBOOK[0]).stem}\n" in TEXT
    assert [table for _, table in lines] == ["REGISTRY", "MODULES", "EVALUATIONS"]
    assert all(len(text.strip().splitlines()) == 1 for _, table, text in STEPS if table)


def command(opening: str) -> list[str]:
    """The words of the one command line of the page that begins so, as an argument of Python."""
    (line,) = re.findall(rf"^{opening} .*$", TEXT, re.MULTILINE)
    return ["-m", *line.split()]


def test_a_rule_trains_and_an_evaluation_is_recorded(run, copy):
    run("-m", "adautomix", "train", "photodigits/thin/halves", "--budget", "smoke")
    (record,) = (copy / "runs").glob("halves-photodigits-smoke-s0-*/run.json")
    words = ("evaluate", record.parent.name, "--entropy", "--device", "cpu")
    assert "entropy" in run("-m", "adautomix", *words)
    entries = json.loads(record.read_text())["evaluations"]
    assert [entry["predictor"] for entry in entries] == ["classifier", "teacher"]
    for entry in entries:
        assert (entry["name"], entry["settings"]) == ("entropy", {"temperature": 1.0})
        assert 0 < entry["values"]["entropy"] < 2.4  # ln 10 = 2.30
        assert entry["values"]["n"] == 797


def test_a_dataset_is_verified_and_trained_on(run, copy):
    assert "train: 40 images" in run("-m", "adautomix", "data", "verify", "stripes")
    run(*command("adautomix train"))
    (record,) = (copy / "runs").glob("adautomix-stripes-smoke-s0-*/run.json")
    kept = json.loads(record.read_text())
    assert (kept["name"], kept["recipe"]["data"]) == ("stripes/resnet18/adautomix", "stripes")
    words = ("train", "stripes/resnet18/cutmix", "--budget", "lite", "--set", "epochs=1")
    run("-m", "adautomix", *words)
    (record,) = (copy / "runs").glob("cutmix-stripes-lite-s0-*/run.json")
    assert json.loads(record.read_text())["recipe"]["per_class"] == 20


def test_a_page_runs_alone(run, copy):
    run(*command("papermill"))
    cells = json.loads((copy / "out.ipynb").read_text())["cells"]
    (table,) = [
        str(out) for cell in cells for out in cell.get("outputs", []) if ">CutMix<" in str(out)
    ]
    assert ">Vanilla<" in table
    assert "run here, smoke, classifier (%)" in table


def test_the_tests_of_all_rules_and_methods_test_it(run):
    files = ("tests/mix/test_mixers.py", "tests/methods/test_contract.py")
    said = run(*PYTEST, *files, "-k", "halves")
    assert int(re.search(r"(\d+) passed", said)[1]) > 30


def test_the_tests_that_hold_every_registered_thing_pass(run):
    files = ("figures/test_style.py", "data/test_catalog.py", "test_fields.py")
    files += ("test_structure.py", "test_prose.py", "test_notebook.py")
    of_all = "told_apart or name_of_its_own or every_kind or layers or catalog"
    chosen = ("-k", f"halves or Halves or stripes or entropy or 30-cutmix or {of_all}")
    said = run(*PYTEST, *(f"tests/{file}" for file in files), *chosen)
    assert int(re.search(r"(\d+) passed", said)[1]) > 30
