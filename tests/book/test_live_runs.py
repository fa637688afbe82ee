"""Which runs a build makes, in what order with the notebooks, and what makes a notebook stale."""

import ast
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from adautomix import pages
from adautomix.book import fresh, live, work
from adautomix.book.fresh import key_of, surroundings
from adautomix.book.live import Needs, cost, defaults_of, jobs_of, needs_of
from adautomix.book.place import Place
from adautomix.book.work import Chapter, tasks_of
from adautomix.record import Store, recorded
from adautomix.record.run import WEIGHTS
from adautomix.results import experiments
from adautomix.results.registry import EXPERIMENTS
from adautomix.runs.job import Job

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    """Folders of a build without records and runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path / "runs"))
    for name in ("book", "notebooks", "data", "work"):
        (tmp_path / name).mkdir()
    return Place(*(tmp_path / name for name in ("book", "notebooks", "data", ".", "work")))


def chapter(place: Place, name: str, **needs) -> Chapter:
    parameters = new_code_cell('budget = "smoke"  # a\nseeds = [0, 1]  # b\n')
    parameters.metadata["tags"] = ["parameters"]
    nb = new_notebook(cells=[parameters], metadata={"adautomix": needs})
    path = place.notebooks / f"{name}.ipynb"
    nbformat.write(nb, path)
    return Chapter(path, {"seeds": [0]})


def waits(tasks) -> dict[str, set[str]]:
    return {each.name: {name.partition("-")[0] for name in each.after} for each in tasks}


def test_a_notebook_waits_for_the_runs_that_it_shows(place):
    chapters = [
        chapter(place, "01-own", trains={"photodigits": ["plain"]}),
        chapter(place, "02-all", trains={"photodigits": None}),
        chapter(place, "03-seen", reads=["mixup-*"]),
        chapter(place, "04-records"),
    ]
    found = waits(tasks_of(place, chapters, "here", {}, None))
    runs = {"run plain", "run mixup", "run cutmix", "run adautomix"}
    assert {name: after for name, after in found.items() if not name.startswith("run ")} == {
        "01-own": {"run plain"},
        "02-all": runs,
        "03-seen": {"run mixup"},
        "04-records": set(),
    }
    assert {name.partition("-")[0] for name in found if name.startswith("run ")} == runs


def test_the_first_pages_come_from_what_trains_nothing(place):
    chapters = [
        chapter(place, "01-own", trains={"photodigits": ["plain"]}),
        chapter(place, "02-seen", reads=["plain-*"]),
        chapter(place, "03-records"),
    ]
    tasks = tasks_of(place, chapters, "here", {}, place.work / "html")
    assert [each.name for each in tasks if each.urgent] == ["02-seen", "03-records", work.FIRST]
    found = waits(tasks)
    assert found[work.FIRST] == {"02", "03"}
    assert found["02-seen again"] == {"run plain", "02"}
    assert "03-records again" not in found


def test_a_run_that_is_there_is_not_made_again(place, monkeypatch):
    monkeypatch.setattr(Store, "find", lambda *_: "a run")
    own = chapter(place, "01-own", trains={"photodigits": ["plain"]})
    assert waits(tasks_of(place, [own], "here", {}, None)) == {"01-own": set()}


def test_a_first_build_expects_of_a_notebook_what_it_says(place):
    chapters = [chapter(place, "01-long", seconds=90.0), chapter(place, "02-usual")]
    seconds = {each.name: each.seconds for each in tasks_of(place, chapters, "here", {}, None)}
    assert seconds == {"01-long": 90.0, "02-usual": work.USUAL["notebook"]}
    measured = tasks_of(place, chapters, "here", {"01-long": 12.0}, None)
    assert measured[0].seconds == 12.0


def test_a_run_costs_what_it_cost_last_or_what_is_recorded(monkeypatch):
    job = Job("photodigits/thin/plain")
    expected = cost(job, {})
    alike = [r for r in live.recorded().all() if r.id.startswith("plain-photodigits-quick-")]
    times = [r.provenance.get("cpu_seconds", r.provenance["seconds"]) for r in alike]
    assert expected == min(times)
    assert cost(job, {job.id(): 12.5}) == 12.5
    assert cost(Job("photodigits/thin/plain", "smoke"), {}) == live.TYPICAL


def test_parameters_say_which_runs():
    needs = Needs({"table-1-resnet18": None})
    found = jobs_of(needs, {"budget": "quick", "methods": ["mixup"], "seeds": [1, 2]})
    assert [(job.method, job.seed) for job in found] == [("mixup", 1), ("mixup", 2)]
    (job,) = jobs_of(Needs({"photodigits": ["plain"]}), {"budget": "short", "seed": 3})
    assert (job.budget, job.seed) == ("quick", 3)  # PhotoDigits has no longer budget


def test_a_notebook_is_stale_after_any_change_of_what_it_is_made_from(place, monkeypatch):
    notebook = place.notebooks / "01.ipynb"
    notebook.write_text("{}")

    class Run:
        id, metrics, provenance = "plain-photodigits-quick-s0-1", {"a": 1}, {"seconds": 2.0}

    runs: list = []
    monkeypatch.setattr(fresh, "local", lambda: type("S", (), {"all": lambda self: runs})())

    def key(values=None, read=("plain-*",)) -> str:
        return key_of(notebook, values or {"budget": "quick"}, list(read), surroundings(place.data))

    first = key()
    assert key() == first
    assert key({"budget": "short"}) != first
    notebook.write_text('{"cells": []}')
    assert (second := key()) != first
    (place.data / "record.json").write_text("1")
    assert (third := key()) != second
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert (fourth := key()) != third
    runs.append(Run)
    assert key() != fourth
    assert key(read=()) == key(read=["mixup-*"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_build_with_default_parameters_trains_nothing(notebook):
    for job in Chapter(notebook, {"budget": "quick"}).jobs:
        run = recorded().find(job.id())
        assert run is not None, f"{job.name} is not recorded"
        assert (run.path / WEIGHTS).exists(), f"{run.id} is recorded without weights"


def calls_of(tree: ast.AST) -> list[ast.Call]:
    """Every call in a piece of code."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def trainers() -> dict[str, str]:
    """Function of `adautomix.pages` that trains what is missing → experiment."""
    found = {}
    for path in Path(pages.__path__[0]).glob("*.py"):
        for function in ast.parse(path.read_text("utf-8")).body:
            for call in calls_of(function):
                words = {keyword.arg for keyword in call.keywords}
                if ast.unparse(call.func) == "experiments.obtain" and "run" not in words:
                    found[f"{path.stem}.{function.name}"] = ast.literal_eval(call.args[0])
    return found


def obtained(path: Path) -> dict[str, bool]:
    """Experiment → whether its missing runs are trained by default, from a notebook's calls."""
    nb = json.loads(path.read_text("utf-8"))
    cells = ["".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "code"]
    trees = [ast.parse(source) for source in cells]
    given = {
        node.targets[0].id: {key.value for key in node.value.keys}
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    }
    training, found = trainers(), {}
    for call in [each for tree in trees for each in calls_of(tree)]:
        function = ast.unparse(call.func)
        if function in training:
            found[training[function]] = True
        if function != "experiments.obtain":
            continue
        words = {name for k in call.keywords for name in ([k.arg] if k.arg else given[k.value.id])}
        name = ast.literal_eval(call.args[0])
        found[name] = found.get(name, False) or "run" not in words
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_says_what_it_trains(path):
    """Else its runs are made in its kernel, one after the other, and nobody knows beforehand."""
    nb = json.loads(path.read_text("utf-8"))
    needs = needs_of(nb)
    trained = {name for name, trains in obtained(path).items() if trains}
    assert set(needs.trains) == trained
    assert set(needs.trains) <= set(EXPERIMENTS)
    jobs_of(needs, defaults_of(nb))  # its rows are rows of the experiment


def test_what_is_said_of_notebooks_is_not_empty():
    assert hasattr(experiments, "obtain")
    assert sum(bool(obtained(path)) for path in NOTEBOOKS) > 6
    assert "method.trained" in trainers()


def test_python_that_writes_no_bytecode_is_given_a_folder_for_it(place, monkeypatch):
    monkeypatch.setattr(work.sys, "dont_write_bytecode", True)
    for name in ("OMP_NUM_THREADS", "PYTHONPYCACHEPREFIX", *work.ALLOCATOR):
        monkeypatch.setenv(name, "")  # restored after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(work.os, "cpu_count", lambda: 6)
    work._prepare(place, 2)
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    assert os.environ["PYTHONPYCACHEPREFIX"] == str(place.work / "bytecode")
    assert os.environ["OMP_NUM_THREADS"] == "3"
