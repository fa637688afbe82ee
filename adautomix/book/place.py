"""`Place`: the folders of a build, in a checkout and from an installed wheel."""

from dataclasses import dataclass
from pathlib import Path

from adautomix.errors import InputError
from adautomix.record._where import PACKAGE, resource

SOURCES = "[0-9][0-9]-*.ipynb"


@dataclass(frozen=True)
class Place:
    """The folders of a build.

    Attributes:
        book: sources of the pages, with `_config.yml` and `_toc.yml`.
        notebooks: sources of the chapters.
        data: records and the paper's numbers, which the chapters read.
        cwd: working folder of the notebooks; runs are made in its `runs`.
        work: what is kept between builds: executed notebooks, times.
    """

    book: Path
    notebooks: Path
    data: Path
    cwd: Path
    work: Path

    @property
    def executed(self) -> Path:
        """Folder of the executed notebooks."""
        return self.work / "executed"

    @property
    def source(self) -> Path:
        """Folder of the pages' sources together with the chapters; what Sphinx reads."""
        return self.work / "source"

    def sources(self) -> dict[str, Path]:
        """Return the notebooks by their names without ".ipynb", in order."""
        return {path.stem: path for path in sorted(self.notebooks.glob(SOURCES))}


def find_root() -> Path:
    """Return the checkout with book/ and notebooks/: here, a folder above, or the package's."""
    here = Path.cwd()
    for folder in (here, *here.parents, PACKAGE.parent):
        if (folder / "book" / "_config.yml").exists() and (folder / "notebooks").is_dir():
            return folder
    raise InputError(f"no book/ beside a notebooks/ in {here} or above it: run inside a checkout.")


def find_place() -> Place:
    """Return the folders of a checkout, or of an installed wheel, which builds in ./book-build.

    Raises InputError if there is neither.
    """
    packed = PACKAGE / "_data"
    try:
        root = find_root()
    except InputError:
        if not (packed / "notebooks").is_dir():
            raise
        here = Path.cwd()
        return Place(packed / "book", packed / "notebooks", packed, here, here / "book-build")
    return Place(
        root / "book", root / "notebooks", resource("runs").parent, root, root / "book" / "_build"
    )
