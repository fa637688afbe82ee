"""Folders of the data that came with the package, in an installed wheel or in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """Return the root of the source tree the package runs from; None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else None


def resource(name: str) -> Path:
    """Return the folder `name`: `adautomix/_data/<name>` of a wheel, else `data/<name>`.

    `name` is e.g. "paper" or "runs". The folder need not exist; its readers report what is missing.
    """
    installed = PACKAGE / "_data" / name
    root = checkout()
    return installed if installed.is_dir() or root is None else root / "data" / name
