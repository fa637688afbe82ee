"""The README runs as printed, and its table is that of the records."""

import importlib.util
import re

import pytest


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run_as_printed(readme, capsys):
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert set(names["fitted"].accuracy) == {"classifier", "teacher"}
    assert "classifier" in capsys.readouterr().out
    assert names["losses"].total.isfinite()


def test_the_tables_are_those_of_the_records(root):
    spec = importlib.util.spec_from_file_location("refresh", root / "tools" / "refresh.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert [page.name for page in tool.PAGES] == ["README.md", "own-models.md", "cluster.md"]
    for page in tool.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- table:" in text
        assert tool.updated(text) == text, "run `python tools/refresh.py`"


def test_every_folder_and_file_it_names_is_there(readme, root):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (root / target).exists(), target
