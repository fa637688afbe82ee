"""Where the data that travels with the package lies: in an installed wheel or in the checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """The root of the source tree the package runs from; None when it is installed from a wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else None


def resource(name: str) -> Path:
    """The folder `name` ("paper", "runs"): `adautomix/_data/<name>` of a wheel, else `data/<name>`.

    The folder need not exist: whoever reads it says what is missing.
    """
    installed = PACKAGE / "_data" / name
    root = checkout()
    return installed if installed.is_dir() or root is None else root / "data" / name
