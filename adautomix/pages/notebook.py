"""What every notebook of the project does first and last."""

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from adautomix import __version__, figures
from adautomix.errors import InputError
from adautomix.figures import Table, glue_table, glue_tables
from adautomix.record import Run, provenance
from adautomix.results.parameters import accept

__all__ = [
    "begin",
    "colophon",
    "glue",
    "glue_each",
    "glue_table",
    "glue_tables",
    "undeclared",
]

INJECTED = "# Parameters"


def begin(**parameters: object) -> tuple[Any, ...]:
    """Applies the figures' style, and returns the parameters as `accept` reads them.

    papermill only logs a warning for an unknown name and then runs with the defaults, and its
    command line makes text of lists and of `false`.

    Args:
        parameters: every parameter of the notebook, by its name.

    Returns:
        Their values, in the order given.

    Raises:
        InputError: a value that a parameter may not have, or an injected parameter that is not
            among those of the cell before it.
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
    """Names that a cell injected by papermill assigns and no cell before it does."""
    declared: set[str] = set()
    for source in cells:
        names = _assigned(source)
        if source.startswith(INJECTED):
            return sorted(names - declared)
        declared |= names
    return []


def glue(prefix: str, values: Mapping[str, float | int | str]) -> None:
    """Stores numbers under `<prefix>_<name>` for the prose of any page; shows nothing there.

    In a notebook that is not run for the book they are shown, since its prose stays without them.
    """
    for name, value in values.items():
        figures.glue_value(f"{prefix}_{name}", value)
    if not figures.in_book():
        _show(pd.DataFrame({"numbers in the text": values}))


def glue_each(prefix: str, tables: Mapping[str, Table]) -> None:
    """Stores every table under `<prefix>_<name>`."""
    for name, table in tables.items():
        glue_table(f"{prefix}_{name}", *table)


def colophon(runs: Iterable[Run] = ()) -> pd.DataFrame:
    """How this page came to be: code, versions, hardware, and the runs it made or read."""
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
    """Shows a table where the cell does not end with it."""
    from IPython.display import display

    display(frame)


def _cost(run: Run) -> str:
    facts = run.provenance
    return f"{facts['seconds']:.0f} s on {facts['device']}, {facts['when'][:10]}"


def _cells() -> list[str]:
    """The sources of the cells run so far in this kernel; none outside one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return [] if shell is None else list(shell.user_ns.get("In", []))


def _assigned(source: str) -> set[str]:
    """Names that the top level of a cell assigns; none for a cell that is not plain Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}
