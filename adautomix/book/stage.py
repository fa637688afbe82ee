"""`stage`: the folder that Sphinx reads: the pages' sources, the chapters and their figures."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import yaml

from adautomix.book.chapter import (
    figure_names,
    figures_of,
    present,
    stub,
    without_numbers_of,
)
from adautomix.book.downloads import file_name, take_figures, with_downloads
from adautomix.book.place import Place
from adautomix.errors import InputError

NOT_YET = "This page is not there yet: its notebook has not been run. `adautomix book` runs it."
MADE_NOW = "This page is not there yet: its notebook is being run. The page is there at the end."
DOTS = "Numbers from chapters that have not been run yet are shown as dots."
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="1"/>'
NOT_SOURCES = shutil.ignore_patterns(".*")
MADE = shutil.ignore_patterns("_build", "chapters", "figures", "__pycache__")


def chapters_of(place: Place) -> list[str]:
    """Return the notebooks in the table of contents, by their names without ".ipynb"."""

    def files(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for child in node for name in files(child)]
        if isinstance(node, dict):
            own = [node["file"]] if "file" in node else []
            return own + [name for child in node.values() for name in files(child)]
        return []

    contents = yaml.safe_load((place.book / "_toc.yml").read_text("utf-8"))
    start = "chapters/"
    return [name.removeprefix(start) for name in files(contents) if name.startswith(start)]


def missing(place: Place) -> list[str]:
    """Return the chapters in the table of contents that no notebook was executed for."""
    return [n for n in chapters_of(place) if not (place.executed / f"{n}.ipynb").exists()]


def stage(place: Place, folder: Path, *, first: bool = False) -> None:
    """Make the folder anew. A chapter that is missing is a stub, and its numbers are dots.

    For the first pages of a build the reference of the package is a stub, too: it takes four times
    as long as all the rest.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place.book, folder, ignore=MADE)
    for name in ("chapters", "figures"):
        (folder / name).mkdir()
    shutil.copytree(place.notebooks, folder / "notebooks", ignore=NOT_SOURCES)
    absent = missing(place)
    for name in chapters_of(place):
        if name in absent:
            _stub(place, folder, name, MADE_NOW if first else NOT_YET)
        else:
            _chapter(place, folder, name, absent)
    for page in folder.glob("*.md") if first else ():
        _without_reference(page)
    if absent:
        for page in folder.glob("*.md"):
            _dotted(page, absent)
        _forgive(folder / "_config.yml")


def _chapter(place: Place, folder: Path, name: str, absent: list[str]) -> None:
    """Write an executed notebook as a chapter, and its figures."""
    nb = nbformat.read(place.executed / f"{name}.ipynb", as_version=4)
    try:
        figures = figures_of(nb)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    for file, content in figures.items():
        (folder / "figures" / file).write_bytes(content)
    taken = take_figures(nb)
    for label, kinds in taken.items():
        for kind, content in kinds.items():
            (folder / "figures" / file_name(label, kind)).write_bytes(content)
    for cell in nb.cells if absent else ():
        if cell.cell_type == "markdown":
            cell.source = without_numbers_of(cell.source, absent)
    nbformat.write(present(with_downloads(nb, name, taken)), folder / "chapters" / f"{name}.ipynb")


def _without_reference(page: Path) -> None:
    """Leave the label and the title of a page with the reference of the package."""
    text = page.read_text("utf-8")
    if "```{package}" in text:
        head = re.match(r"(\(.*\)=\n)?# .*\n", text)
        page.write_text(
            f"{head.group() if head else ''}\nThis page is there at the end.\n", "utf-8"
        )


def _dotted(page: Path, absent: list[str]) -> None:
    """Show dots for numbers of absent chapters on a Markdown page, and say why below its title."""
    text = page.read_text("utf-8")
    without = without_numbers_of(text, absent)
    if without != text:
        without = re.sub(
            r"^# .*\n", rf"\g<0>\n:::{{note}}\n{DOTS}\n:::\n", without, count=1, flags=re.M
        )
        page.write_text(without, "utf-8")


def _stub(place: Place, folder: Path, name: str, why: str) -> None:
    """Write the stub of a chapter that was not executed, and blanks for its figures."""
    nb = nbformat.read(place.notebooks / f"{name}.ipynb", as_version=4)
    for figure in figure_names(nb):
        (folder / "figures" / f"{figure}.svg").write_text(BLANK)
    nbformat.write(stub(nb, why), folder / "chapters" / f"{name}.ipynb")


def _forgive(config: Path) -> None:
    """Have references to what is not there shown as dots."""
    settings = yaml.safe_load(config.read_text("utf-8"))
    sphinx = settings.setdefault("sphinx", {})
    sphinx.setdefault("local_extensions", {})["unfinished"] = "extensions"
    sphinx.setdefault("config", {}).setdefault("extensions", []).append("unfinished")
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
