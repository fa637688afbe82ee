"""The walk of a run on the page on the design: each file and function that it names is there."""

import ast
import re


def walk_of(text: str) -> list[tuple[str, str]]:
    """The files and names of the walk, in its order."""
    section = text.split("## A run from the command line")[1].split("\n## ")[0]
    steps, file = [], ""
    for word in re.findall(r"`([^`]+)`", section):
        if word.endswith(".py"):
            file = word
        elif not word.endswith("/"):
            steps.append((file, word))
    return steps


def defined(code: str) -> set[str]:
    """The functions of a module, and the methods of its classes as "Class.method"."""
    found = set()
    for node in ast.parse(code).body:
        inside = node.body if isinstance(node, ast.ClassDef) else ()
        found |= {f"{node.name}.{each.name}" for each in inside if hasattr(each, "name")}
        found |= {node.name} if hasattr(node, "name") else set()
    return found


def test_each_step_of_the_walk_is_there(root):
    steps = walk_of((root / "book" / "design.md").read_text(encoding="utf-8"))
    assert len(steps) > 10
    known = {file: defined((root / file).read_text("utf-8")) for file, _ in steps}
    assert [(file, name) for file, name in steps if name not in known[file]] == []


def test_a_step_that_is_gone_would_be_seen():
    text = "## A run from the command line\n\n- `a/b.py`: `f` and `C.g` do it.\n\n## Next\n`h`"
    assert walk_of(text) == [("a/b.py", "f"), ("a/b.py", "C.g")]
    assert defined("def f(): ...\nclass C:\n    def h(self): ...") == {"f", "C", "C.h"}
