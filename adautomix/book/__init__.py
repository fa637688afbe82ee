"""Run the notebooks with papermill, then render the Jupyter Book. Nothing here needs a network.

    build(budget="quick")                       every notebook, then the pages
    build(budget="short", notebooks=["03"])     one notebook again, the other chapters as they are
    build(parameters={"seeds": [0, 1, 2]})      other parameters, wherever a notebook declares them
    build(execute=False)                        only the pages, from the chapters already there

A notebook runs in a kernel of its own, two at a time, in the order of the names. The executed
copies become chapters only when all of them have succeeded, so that a failure leaves the chapters
of the last good run as they were.
"""

from pathlib import Path
from typing import Any

from adautomix.book.chapter import figures_of, present
from adautomix.book.pages import chapters_of, render, require_jupyter_book, room_for_pages
from adautomix.book.run import choose, execute_all, find_root, install, parameters_of, plan
from adautomix.errors import InputError
from adautomix.results.parameters import accept

__all__ = ["build", "figures_of", "find_root", "parameters_of", "present"]


def build(
    *,
    budget: str = "quick",
    parameters: dict[str, Any] | None = None,
    notebooks: list[str] | None = None,
    execute: bool = True,
    output: str | Path | None = None,
    strict: bool = True,
    jobs: int = 2,
) -> Path:
    """Execute notebooks, make chapters of them, render the pages; return the home page's path.

    Args:
        budget: goes to every notebook that declares it.
        parameters: other values by name, see `adautomix.results.parameters`. Each must be
            declared by at least one chosen notebook: papermill itself only warns of an unknown
            name.
        notebooks: file names or their beginnings ("02"); None means all.
        execute: False renders the chapters of an earlier run.
        output: the folder of the pages; book/_build/html unless given.
        strict: every warning of the rendering is a failure.
        jobs: notebooks that run at the same time.

    Raises:
        InputError: an unknown notebook or parameter, a value that a parameter may not have, or an
            output folder that holds something else.
        AdAutoMixError: a notebook stopped, or the pages did not render cleanly.
    """
    needed = {name: accept(name, value) for name, value in (parameters or {}).items()}
    values = {"budget": accept("budget", budget), **needed}
    root = find_root()
    target = room_for_pages(Path(output) if output else root / "book" / "_build" / "html")
    require_jupyter_book()
    if execute:
        planned = plan(choose(root, notebooks), values, needed=set(needed))
        install(root, execute_all(root, planned, jobs))
    missing = [name for name in chapters_of(root) if not (root / "book" / name).exists()]
    if missing:
        raise InputError(f"{', '.join(missing)} not there yet: build once with every notebook.")
    render(root, target, strict=strict)
    return target / "index.html"
