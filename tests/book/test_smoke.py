"""Every notebook runs at the smallest budget, and glues what its prose quotes."""

import json
import re
from pathlib import Path

import pytest

from adautomix.book.place import Place
from adautomix.book.run import execute_notebook
from adautomix.figures.tables import BOOK
from adautomix.record._where import resource

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
QUOTED = re.compile(r"\{glue:\w+\}[ `]*(?!chapters/)(\w+)")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """The runs that the notebooks make; a later one reads those of an earlier one."""
    return tmp_path_factory.mktemp("smoke")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_at_smoke(notebook, runs, tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(runs))
    monkeypatch.setenv(BOOK, "1")
    monkeypatch.chdir(ROOT)
    place = Place(ROOT / "book", ROOT / "notebooks", resource("runs").parent, ROOT, tmp_path)
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    declared = next(c for c in cells if "parameters" in c["metadata"].get("tags", []))
    values = {"budget": "smoke"} if "budget = " in "".join(declared["source"]) else {}
    copy = execute_notebook(place, notebook, values, [], "here")
    ran = json.loads(copy.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in ran for output in cell.get("outputs", [])]
    assert [o["output_type"] for o in outputs if o["output_type"] == "error"] == []
    glued = {o.get("metadata", {}).get("scrapbook", {}).get("name", "") for o in outputs}
    prose = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert set(QUOTED.findall(prose)) <= glued
