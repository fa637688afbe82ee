"""Conversion of an executed notebook to a chapter: pure functions on nbformat notebooks."""

import ast
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from adautomix.errors import InputError

IMAGES = {"svg": "image/svg+xml", "png": "image/png"}  # in order of preference
PROMPTS = {
    "code_prompt_show": "Show this run's parameters",
    "code_prompt_hide": "Hide the parameters",
}


def present(nb: Any) -> Any:
    """Return an executed notebook with one folded parameter cell and without times and paths.

    papermill leaves two cells: the defaults and an injected copy. The values of the copy are
    written into the cell of the defaults, which keeps its comments, and the copy is removed.
    Without a cell of defaults the copy is kept.
    """
    tagged = {tag: cell for cell in nb.cells for tag in cell.metadata.get("tags", [])}
    defaults, injected = tagged.get("parameters"), tagged.get("injected-parameters")
    if defaults is not None and injected is not None:
        defaults.source = with_values(defaults.source, assignments(injected.source))
        nb.cells = [cell for cell in nb.cells if cell is not injected]
    shown = injected if defaults is None else defaults
    if shown is not None:
        shown.source = shown.source.removeprefix("# Parameters\n")
        shown.metadata["tags"] = list(dict.fromkeys([*shown.metadata["tags"], "hide-input"]))
        shown.metadata["mystnb"] = dict(PROMPTS)
    for part in (nb, *nb.cells):
        part.metadata.pop("papermill", None)
        part.metadata.pop("execution", None)
    return nb


def figures_of(nb: Any) -> dict[str, bytes]:
    """Return file name → bytes of each figure that a code cell names in its metadata.

    The metadata is {"adautomix": {"figure": NAME}}. The first image among the cell's outputs is
    taken, SVG before PNG. Pages include the file, because MyST-NB cannot show an SVG that was glued
    on another page.

    Raises InputError for a bad name, or a cell without an image.
    """
    files = {}
    for cell in nb.cells:
        name = cell.metadata.get("adautomix", {}).get("figure")
        if name is None:
            continue
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(name)):
            raise InputError(f"a figure is called {name!r}: use small letters, digits, hyphens.")
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        found = [
            (end, data[kind]) for end, kind in IMAGES.items() for data in shown if kind in data
        ]
        if not found:
            raise InputError(f"the cell of figure {name!r} shows no SVG or PNG: end it with one.")
        end, image = found[0]
        text = image if isinstance(image, str) else "".join(image)
        files[f"{name}.{end}"] = text.encode() if end == "svg" else b64decode(text)
    return files


def assignments(source: str) -> dict[str, str]:
    """Return {name: source text of the value} for each top-level assignment to one name."""
    return {
        node.targets[0].id: ast.get_source_segment(source, node.value) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def with_values(source: str, values: dict[str, str]) -> str:
    """Return a parameter cell with some values replaced; comments are kept.

    >>> with_values("seeds = [0]  # one run each", {"seeds": "[0, 1]"})
    'seeds = [0, 1]  # one run each'
    """
    lines = source.encode().splitlines(keepends=True)  # ast counts columns in bytes
    for node in reversed(ast.parse(source).body):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        text, value = values.get(node.targets[0].id), node.value
        if text is not None and value.end_lineno is not None:
            head = lines[value.lineno - 1][: value.col_offset]
            tail = lines[value.end_lineno - 1][value.end_col_offset :]
            lines[value.lineno - 1 : value.end_lineno] = [head + text.encode() + tail]
    return b"".join(lines).decode()


def stub(nb: Any, notice: str) -> Any:
    """Return the title of a notebook that was not run, with a notice in place of its content."""
    title, *_ = nb.cells
    head = re.match(r"(\(.*\)=\n)?#[^\n]*\n?", title.source)
    title.source = f"{head.group() if head else ''}\n:::{{note}}\n{notice}\n:::\n"
    nb.cells = [title]
    return nb


def without_numbers_of(text: str, chapters: Iterable[str]) -> str:
    """Return Markdown with "…" for each number that one of these chapters would have glued.

    >>> without_numbers_of("{glue:text}`chapters/01-a.ipynb::top1:.1f` %", ["01-a"])
    '… %'
    """
    names = "|".join(map(re.escape, chapters))
    return re.sub(rf"\{{glue:\w+\}}`chapters/(?:{names})\.ipynb::[^`]*`", "…", text)


def figure_names(nb: Any) -> list[str]:
    """Return the names of the figures that other pages may show, see `figures_of`."""
    named = (cell.metadata.get("adautomix", {}).get("figure") for cell in nb.cells)
    return [name for name in named if name is not None]
