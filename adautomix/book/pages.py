"""Rendering of the chapters and the other pages to HTML, with Jupyter Book 1."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from adautomix.book.fresh import digest, of_files
from adautomix.book.place import Place
from adautomix.book.run import replace
from adautomix.book.stage import missing, stage
from adautomix.errors import AdAutoMixError, InputError

RARELY = "import gc; gc.set_threshold(200_000, 50, 1000); "
"""Sphinx keeps nearly every object to the end, so searching them for garbage takes it long."""
JUPYTER_BOOK = f"{RARELY}from jupyter_book.cli.main import main; main()"
STRICT = ("-W", "-n", "--keep-going")


def require_jupyter_book() -> None:
    """Raise AdAutoMixError unless Jupyter Book 1 is installed; version 2 cannot build offline."""
    try:
        found = version("jupyter-book")
    except PackageNotFoundError:
        found = "none"
    if not found.startswith("1."):
        remedy = "pip install 'adautomix[book]'"
        raise AdAutoMixError(f"the book needs Jupyter Book 1, found {found}: {remedy}.")


def room_for_pages(folder: Path) -> Path:
    """Return the folder as absolute path; InputError unless it is new, empty or an earlier book."""
    earlier = (folder / "index.html").exists() and (folder / "objects.inv").exists()
    if folder.exists() and not earlier and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something other than an earlier book: name a new folder.")
    return folder.absolute()


def first_pages(place: Place, target: Path) -> None:
    """Render what is there, with stubs for the chapters that are not, and say where it is."""
    os.chdir(place.cwd)
    absent = missing(place)
    stage(place, place.work / "first-source", first=True)
    _render(place, place.work / "first-source", target, strict=False)
    shutil.rmtree(place.work / "first-source")
    print(
        f"\n  The first pages can be read: open {target / 'index.html'}\n"
        f"  {len(absent)} pages join when their notebooks are done.\n",
        flush=True,
    )


def render(place: Place, target: Path, around: str, *, strict: bool) -> float | None:
    """Render all pages, and replace the earlier ones only on success, as a whole.

    Nothing is done where pages, chapters and surroundings are those of the last rendering. Else all
    are rendered from scratch, because Sphinx does not repeat the warnings of pages that it does not
    render again: a second build would succeed where the first one failed.

    Args:
        place: the folders of the build.
        target: folder of the pages.
        around: see `adautomix.book.fresh.surroundings`.
        strict: treat warnings as errors; not if a chapter is missing.

    Returns:
        The seconds it took, or None if nothing was to be done.
    """
    absent = missing(place)
    stage(place, place.source)
    made_from = digest([of_files(place.source.rglob("*"), place.source), around, strict])
    kept = place.work / "rendered.json"
    if (target / "index.html").exists() and _last(kept) == [str(target), made_from]:
        print(f"the pages are up to date\n{target / 'index.html'}", flush=True)
        return None
    kept.unlink(missing_ok=True)
    began = time.monotonic()
    _render(place, place.source, target, strict=strict and not absent)
    seconds = time.monotonic() - began
    replace(place.work, {kept.name: json.dumps([str(target), made_from]).encode()})
    if absent:
        print(f"not there yet: {', '.join(absent)} (`adautomix book` runs every notebook)")
    print(f"pages: {seconds:.1f} s\n{target / 'index.html'}", flush=True)
    return seconds


def _render(place: Place, source: Path, target: Path, *, strict: bool) -> None:
    """Render a staged folder; the target is replaced as a whole."""
    fresh = source.with_name(f"{source.name}-pages")
    shutil.rmtree(fresh, ignore_errors=True)
    options = ["--path-output", str(fresh), "-q", *(STRICT if strict else [])]
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(source), *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if strict or done.returncode:
        print(done.stderr.replace(str(source), str(place.book)), file=sys.stderr, end="")
    pages = fresh / "_build" / "html"
    if done.returncode or not (pages / "index.html").exists():
        where = f"what there is of the pages is in {pages}"
        raise AdAutoMixError(f"the pages did not render cleanly; the reasons stand above, {where}.")
    staged = target.with_name(f".{target.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(pages, staged)
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
    shutil.rmtree(fresh, ignore_errors=True)


def _last(kept: Path) -> object:
    """Return what the last rendering was made from; None if that is not known."""
    try:
        return json.loads(kept.read_bytes())
    except (OSError, ValueError):
        return None
