"""`build`: run the notebooks with papermill, then render the Jupyter Book, without a network.

    build(budget="quick")                       every notebook, then the pages
    build(budget="short", notebooks=["03"])     one notebook again, other chapters unchanged
    build(parameters={"seeds": [0, 1, 2]})      other parameters, where a notebook declares them
    build(execute=False)                        only the pages, from existing chapters

Each notebook runs in its own kernel, two at a time, in the order of the names. The executed copies
become chapters only after all have succeeded, so a failure leaves the earlier chapters unchanged.
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
        budget: passed to every notebook that declares it.
        parameters: other values by name, see `adautomix.results.parameters`. Each must be
            declared by at least one chosen notebook, since papermill only warns of an unknown name.
        notebooks: file names or their beginnings ("02"); None means all.
        execute: False renders the chapters of an earlier run.
        output: folder of the pages; None means book/_build/html.
        strict: treat warnings of the rendering as errors.
        jobs: number of notebooks that run at the same time.

    Raises:
        InputError: an unknown notebook or parameter, a value that a parameter may not have, or an
            output folder with other content.
        AdAutoMixError: a notebook failed, or the pages did not render without warnings.
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
