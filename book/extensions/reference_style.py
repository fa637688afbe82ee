"""How docstrings reach the page "The package": a small Sphinx extension of this book."""

import inspect
import re
from importlib import import_module
from typing import Any, TypeVar

from docutils import nodes
from sphinx.addnodes import desc_annotation, desc_signature, pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment

ALIAS = re.compile(r"Alias for field number \d+")
CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
LITERAL = ".. code-block:: text"
LONGEST_VALUE = 60


def skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: its docstring lists them under "Attributes"."""
    return True if ALIAS.fullmatch(inspect.getdoc(member) or "") else None


def plain_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: stars and bars stand for themselves, not for markup.

    An indented block below a paragraph, such as a formula or a command, keeps its lines. A line
    that ends an indented block gets the empty line above it that reStructuredText wants.
    """
    done: list[str] = []
    literal = False
    for i, line in enumerate(lines):
        before = done[-1] if done else ""
        if line.strip() and before.strip() and _indent(line) < _indent(before):
            done.append("")
        if line.strip():
            starts = not literal and _starts_block(lines, i)
            literal = starts or (literal and _indent(line) > 0)
            if starts:
                done += [LITERAL, ""]
        kept = literal or line.lstrip().startswith(">>>")
        done.append(line if kept else _escape(line))
    lines[:] = done


def type_variable(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.TextElement | None:
    """A type variable in a signature is shown without a link: it has no entry."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    if not module.startswith("adautomix"):
        return None
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:  # the name of a class, not of a module
        return None
    return contnode if isinstance(found, TypeVar) else None


def without_long_value(app: Sphinx, domain: str, kind: str, content: nodes.Element) -> None:
    """Leave out the value of a constant that is longer than a line, such as a registry."""
    if kind not in ("data", "attribute"):
        return
    for signature in content.parent.findall(desc_signature):
        for value in list(signature.findall(desc_annotation)):
            text = value.astext()
            if text.startswith(" = ") and len(text) > LONGEST_VALUE:
                signature.remove(value)


def _starts_block(lines: list[str], i: int) -> bool:
    """Whether line i is indented and stands below a blank line and a paragraph that is not."""
    if i < 2 or not _indent(lines[i]) or lines[i - 1].strip():
        return False
    above = next((line for line in reversed(lines[:i]) if line.strip()), "")
    return bool(above) and not _indent(above) and not above.startswith("- ")


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
    app.connect("missing-reference", type_variable)
    app.connect("object-description-transform", without_long_value)
    return {"parallel_read_safe": True}
