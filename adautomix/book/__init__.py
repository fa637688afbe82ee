"""`build`: run the notebooks with papermill, then render the Jupyter Book, without a network.

    build(budget="quick")                       every notebook, then the pages
    build(budget="short", notebooks=["cifar100"])   one notebook, other chapters unchanged
    build(parameters={"seeds": [0, 1, 2]})      other parameters, where a notebook declares them
    build(execute=False)                        only the pages, from existing chapters

The runs that notebooks train, and the notebooks, each in its own kernel, are executed two at a
time. A notebook is executed again only if something changed that it is made from. The executed
copies become pages only after all have succeeded, so a failure leaves the earlier pages unchanged.
"""

from contextlib import chdir
from pathlib import Path
from typing import Any

from adautomix.book import work
from adautomix.book.chapter import figures_of, present
from adautomix.book.fresh import surroundings
from adautomix.book.pages import render, require_jupyter_book, room_for_pages
from adautomix.book.place import find_place, find_root
from adautomix.book.run import choose, parameters_of, plan
from adautomix.book.stage import missing
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
    live: bool = False,
) -> Path:
    """Execute notebooks, make chapters of them, render the pages; return the home page's path.

    Args:
        budget: passed to every notebook that declares it.
        parameters: other values by name, see `adautomix.results.parameters`. Each must be
            declared by at least one chosen notebook, since papermill only warns of an unknown name.
        notebooks: names, with or without number, or their beginnings ("06", "calibration"); None
            means all.
        execute: False renders the chapters of an earlier run.
        output: folder of the pages; None means book/_build/html, or book-build/html where the
            package is installed from a wheel.
        strict: treat warnings of the rendering as errors, if every chapter is there.
        jobs: number of runs and notebooks that are executed at the same time.
        live: train the runs that notebooks need, also those that are recorded with their weights.

    Raises:
        InputError: an unknown notebook or parameter, a value that a parameter may not have, or an
            output folder with other content.
        AdAutoMixError: a notebook failed, or the pages did not render without warnings.
    """
    needed = {name: accept(name, value) for name, value in (parameters or {}).items()}
    values = {"budget": accept("budget", budget), **needed}
    place = find_place()
    target = room_for_pages(Path(output) if output else place.work / "html")
    require_jupyter_book()
    if execute:
        planned = plan(choose(place.sources(), notebooks), values, needed=set(needed))
        work.execute(place, planned, jobs, target, budget, live=live)
    elif absent := missing(place):
        raise InputError(f"{', '.join(absent)} not there yet: build once with every notebook.")
    with chdir(place.cwd):
        seconds = render(place, target, surroundings(place.data), strict=strict)
    if seconds is not None:
        work.remember(place, budget, {work.PAGES: seconds})
    return target / "index.html"
