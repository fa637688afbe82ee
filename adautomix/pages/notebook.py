"""What every notebook calls: its parameters, its numbers and tables, and its colophon."""

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from adautomix import __version__, figures
from adautomix.errors import InputError
from adautomix.figures import MyST, Table, glue_markdown, glue_tables
from adautomix.record import Run, provenance
from adautomix.results.parameters import accept

__all__ = [
    "begin",
    "colophon",
    "glue",
    "holds",
    "undeclared",
]

INJECTED = "# Parameters"

Glued = float | int | str | MyST | Table | list[Table]
"""What `glue` stores."""


def begin(**parameters: object) -> tuple[Any, ...]:
    """Apply the figures' style, and return the parameters as converted by `accept`.

    The check is needed because papermill only logs a warning for an unknown name and runs with the
    defaults, and its command line passes lists and `false` as text.

    Args:
        parameters: every parameter of the notebook, by name.

    Returns:
        Their values, in the order given.

    Raises:
        InputError: a value that a parameter may not have, or an injected parameter that the
            notebook does not declare.
    """
    figures.use()
    unknown = undeclared(_cells())
    if unknown:
        raise InputError(
            f"this notebook has no parameter {', '.join(map(repr, unknown))}: see its first "
            "code cell for those it has."
        )
    return tuple(accept(name, value) for name, value in parameters.items())


def undeclared(cells: Sequence[str]) -> list[str]:
    """Return names that a cell injected by papermill assigns but no cell before it does."""
    declared: set[str] = set()
    for source in cells:
        names = _assigned(source)
        if source.startswith(INJECTED):
            return sorted(names - declared)
        declared |= names
    return []


def glue(prefix: str, *parts: Mapping[str, Glued]) -> None:
    """Store numbers, words, tables and texts under `<prefix>_<name>`, for the prose of any page.

    A list of tables has one key. In a notebook that is not run for the book all are displayed,
    since its prose lacks them.
    """
    values: dict[str, float | int | str] = {}
    for name, value in (item for part in parts for item in part.items()):
        key = f"{prefix}_{name}"
        if isinstance(value, Table | list):
            glue_tables(key, [value] if isinstance(value, Table) else value)
        elif isinstance(value, MyST):
            glue_markdown(key, value.text)
        else:
            figures.glue_value(key, value)
            values[name] = value
    if values and not figures.in_book():
        _show(pd.DataFrame({"numbers in the text": values}))


def holds(*parts: bool | None) -> str:
    """Return whether a claim of these parts holds, in words; a part is None where nothing ran."""
    if None in parts:
        return "cannot be told"
    return "holds" if all(parts) else "holds in part" if any(parts) else "does not hold"


def colophon(runs: Iterable[Run] = ()) -> pd.DataFrame:
    """Return a table of code version, package versions, hardware, and the runs of a page.

    From here on pandas shows every row and whole cells: no run and no date is cut off.
    """
    pd.set_option("display.max_rows", None, "display.max_colwidth", None)
    commit, dirty = provenance.source_state()
    state = {None: "", True: " (with uncommitted changes)", False: ""}[dirty]
    rows = {
        "adautomix": f"{__version__}, commit {commit[:10] if commit else 'unknown'}{state}",
        **{name: version for name, version in provenance.versions().items() if name != "adautomix"},
        "processor": provenance.cpu_name(),
        **{f"run {run.id}": _cost(run) for run in runs},
    }
    return pd.DataFrame({"": rows})


def _show(frame: pd.DataFrame) -> None:
    """Display a table that is not the last expression of a cell."""
    from IPython.display import display

    display(frame)


def _cost(run: Run) -> str:
    facts = run.provenance
    return f"{facts['seconds']:.0f} s on {facts['device']}, {facts['when'][:10]}"


def _cells() -> list[str]:
    """Return the sources of the cells run so far in this kernel; empty outside a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return [] if shell is None else list(shell.user_ns.get("In", []))


def _assigned(source: str) -> set[str]:
    """Return names that the top level of a cell assigns; none if it is not plain Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}
