"""How docstrings reach the page "The package": a small Sphinx extension of this book."""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

ALIAS = re.compile(r"Alias for field number \d+")
CODE = re.compile(r"(``[^`]+``|`[^`]+`)")


def skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: its docstring lists them under "Attributes"."""
    return True if ALIAS.fullmatch(inspect.getdoc(member) or "") else None


def plain_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: stars and bars stand for themselves, not for markup.

    A line that ends an indented block gets the empty line above it that reStructuredText wants.
    """
    done: list[str] = []
    for line in lines:
        before = done[-1] if done else ""
        if line.strip() and before.strip() and _indent(line) < _indent(before):
            done.append("")
        text = line if line.lstrip().startswith(">>>") else _escape(line)
        done.append(text)
    lines[:] = done


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _escape(line: str) -> str:
    parts = CODE.split(line)  # every second part is code
    parts[::2] = [re.sub(r"(?<!\\)([*|])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"  # Sphinx says "Variables"
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", plain_text, priority=400)  # before napoleon
    return {"parallel_read_safe": True}
