"""Rendering of chapters and Markdown pages to HTML, with Jupyter Book 1."""

import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from adautomix.errors import AdAutoMixError, InputError


def require_jupyter_book() -> None:
    """Raise AdAutoMixError unless Jupyter Book 1 is installed; version 2 cannot build offline."""
    try:
        found = version("jupyter-book")
    except PackageNotFoundError:
        found = "none"
    if not found.startswith("1."):
        remedy = "pip install 'adautomix[book]'"
        raise AdAutoMixError(f"the book needs Jupyter Book 1, found {found}: {remedy}.")


def chapters_of(root: Path) -> list[str]:
    """Return the notebooks in the table of contents, as paths below book/."""
    import yaml

    def files(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for child in node for name in files(child)]
        if isinstance(node, dict):
            own = [node["file"]] if "file" in node else []
            return own + [name for child in node.values() for name in files(child)]
        return []

    contents = yaml.safe_load((root / "book" / "_toc.yml").read_text("utf-8"))
    return [f"{name}.ipynb" for name in files(contents) if name.startswith("chapters/")]


def room_for_pages(folder: Path) -> Path:
    """Return the folder as absolute path; InputError unless it is new, empty or an earlier book."""
    earlier = (folder / "index.html").exists() and (folder / "objects.inv").exists()
    if folder.exists() and not earlier and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something other than an earlier book: name a new folder.")
    return folder.absolute()


def render(root: Path, target: Path, *, strict: bool) -> None:
    """Render all pages from scratch, and replace the earlier ones only on success.

    From scratch, because Sphinx does not repeat the warnings of pages that it does not render
    again: a second build would succeed where the first one failed.
    """
    fresh = root / "book" / "_build" / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    start = "from jupyter_book.cli.main import main; main()"
    options = ["--path-output", str(fresh), "-q", *(["-W", "-n", "--keep-going"] if strict else [])]
    began = time.monotonic()
    command = [sys.executable, "-c", start, "build", str(root / "book"), *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)  # its output names another path
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
    print(f"pages: {time.monotonic() - began:.1f} s\n{target / 'index.html'}", flush=True)
