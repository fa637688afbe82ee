"""The first cell of every notebook: each of its parameters is checked before anything is run."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from papermill.cli import papermill

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures import Table
from adautomix.pages import notebook
from adautomix.results.parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


@pytest.fixture(autouse=True)
def style_of_its_own():
    with mpl.rc_context():
        yield


def code_of(path: Path) -> list[str]:
    """The code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def defaults(path: Path) -> dict[str, object]:
    """The parameters that a notebook declares."""
    names: dict[str, object] = {}
    exec(code_of(path)[0], {}, names)
    return names


def begun(path: Path, values: dict[str, object]) -> dict[str, object]:
    """The names of a notebook after the call of `notebook.begin`, with these parameters."""
    tree = ast.parse(code_of(path)[1])
    calls = ["notebook.begin(" in ast.unparse(node) for node in tree.body]
    tree.body = tree.body[: calls.index(True) + 1]
    names = dict(values)
    exec(compile(tree, path.name, "exec"), names)
    return names


@each_notebook
def test_its_defaults_are_left_as_they_are(path):
    values = defaults(path)
    found = begun(path, values)
    assert {name: repr(found[name]) for name in values} == {n: repr(v) for n, v in values.items()}


@each_notebook
def test_each_of_its_parameters_is_known_and_checked(path):
    values = defaults(path)
    assert set(values) <= set(PARAMETERS)
    for name in values:
        with pytest.raises(InputError, match=rf"^{name} must be .*, not {{'no': 'kind'}}\.$"):
            begun(path, values | {name: {"no": "kind"}})


@each_notebook
def test_a_value_that_the_command_line_made_text_is_the_value(path, tmp_path):
    """With papermill itself, short of a kernel."""
    values = {n: v for n, v in defaults(path).items() if not isinstance(v, str | None)}
    words = [word for name, v in values.items() for word in ("-p", name, json.dumps(v))]
    copy = tmp_path / path.name
    done = CliRunner().invoke(papermill, [str(path), str(copy), "--prepare-only", *words])
    assert done.exit_code == 0, done.output
    cells = nbformat.read(copy, as_version=4).cells
    injected: dict[str, object] = {}
    for cell in cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            exec(cell.source, {}, injected)
    assert {n for n, v in injected.items() if isinstance(v, str)} == {
        n for n, v in values.items() if isinstance(v, list | bool)
    }
    found = begun(path, defaults(path) | injected)
    assert {name: repr(found[name]) for name in values} == {n: repr(v) for n, v in values.items()}


def test_one_name_has_one_meaning():
    """`build(parameters=...)` gives a value to every notebook that declares the name."""
    kinds: dict[str, set[type]] = {}
    for path in NOTEBOOKS:
        for name, value in defaults(path).items():
            kinds.setdefault(name, set()).add(type(value))
    assert {name for name, found in kinds.items() if len(found) > 1} == set()
    assert kinds.keys() == PARAMETERS.keys()


def test_a_name_that_is_not_declared_is_refused(monkeypatch):
    cells = ["", "budget = 'quick'", "# Parameters\nbudgt = 'smoke'\n"]
    monkeypatch.setattr(notebook, "_cells", lambda: cells)
    with pytest.raises(InputError, match="this notebook has no parameter 'budgt'"):
        notebook.begin(budget="quick")
    assert notebook.undeclared([*cells[:2], "# Parameters\nbudget = 'smoke'\n"]) == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((True, True), "holds"),
        ((True, False), "holds in part"),
        ((False, False), "does not hold"),
        ((True, None), "cannot be told"),
        ((False, None), "cannot be told"),
    ],
)
def test_a_verdict_is_that_of_the_parts_of_a_claim(parts, words):
    assert notebook.holds(*parts) == words


def executed(tmp_path: Path, *words: str) -> subprocess.CompletedProcess:
    """The notebook on transfer, which reads records, run from the command line."""
    source, copy = ROOT / "notebooks" / "10-transfer.ipynb", tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(copy), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_stops_at_a_wrong_value(tmp_path):
    done = executed(tmp_path, "-p", "seeds", "(0, 1)")
    assert done.returncode != 0
    assert re.search(r"\nInputError: seeds must be a list of .*, not '\(0, 1\)'\.\n", done.stderr)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    ran = [cell.execution_count for cell in cells if cell.get("execution_count")]
    assert ran == [1, 2, 3]


@pytest.mark.slow
def test_the_command_line_takes_false_for_false(tmp_path):
    done = executed(tmp_path, "-p", "train", "false", "-p", "seeds", "[0, 1]")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/*")) == []


PAGES = ["README.md", "book/run-it.md"]


def test_the_papermill_lines_of_the_pages_name_parameters_that_are_there():
    lines = [
        line.split("  #")[0]
        for page in PAGES
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
        if line.startswith("papermill notebooks/")
    ]
    assert len(lines) >= 3
    for line in lines:
        _, source, _, *words = shlex.split(line)
        values: dict[str, object] = {}
        while words:
            option = words.pop(0)
            assert option in ("-p", "-y")
            values |= (
                {words.pop(0): words.pop(0)} if option == "-p" else yaml.safe_load(words.pop(0))
            )
        known = defaults(ROOT / source)
        assert set(values) <= set(known)
        begun(ROOT / source, known | values)


def test_numbers_and_tables_are_stored_under_one_prefix(monkeypatch):
    kept, shown = {}, []
    table = Table(pd.DataFrame({"a": ["1"]}), "One.", "tab:one")
    monkeypatch.setattr(notebook, "glue_tables", lambda key, tables: kept.update({key: tables}))
    monkeypatch.setattr(figures, "glue_value", lambda key, value: kept.update({key: value}))
    monkeypatch.setattr(notebook, "_show", shown.append)
    monkeypatch.setattr(notebook, "glue_markdown", lambda key, text: kept.update({key: text}))
    notebook.glue("page", {"best": 82.3, "word": "holds"}, {"one": table, "both": [table, table]})
    notebook.glue("page", {"text": figures.MyST("*as it is*")})
    assert kept.pop("page_text") == "*as it is*"
    numbers = {"page_best": 82.3, "page_word": "holds"}
    assert kept == numbers | {"page_one": [table], "page_both": [table, table]}
    (frame,) = shown
    assert frame["numbers in the text"].to_dict() == {"best": 82.3, "word": "holds"}
    monkeypatch.setenv("ADAUTOMIX_BOOK", "1")
    notebook.glue("page", {"best": 82.3})
    assert len(shown) == 1


GLUED = re.compile(r"\{glue:\w+\}[ `]*(?:[\w/.-]+::)?(\w+)")
LONGEST_KEY = 40


def test_the_keys_of_glued_numbers_are_short():
    pages = [*NOTEBOOKS, *sorted((ROOT / "book").glob("*.md"))]
    found = {key for page in pages for key in GLUED.findall(page.read_text(encoding="utf-8"))}
    assert len(found) > 100
    assert [key for key in sorted(found) if len(key) > LONGEST_KEY] == []
