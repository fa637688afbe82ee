"""The paper's numbers, read from data/paper/*.csv; pages quote them from here.

A row has one number: method, dataset, backbone, metric, value, note, and in some tables one more
column (`occlusion`, `ratio`, `n`). Values are as printed: percent stay percent.
"""

import re
from functools import lru_cache
from pathlib import Path

import pandas as pd

from adautomix.errors import InputError, RecordError, unknown
from adautomix.record._tables import read_csv
from adautomix.record._where import resource

COLUMNS = ("method", "dataset", "backbone", "metric", "value", "note")
TEXT = ("method", "dataset", "backbone", "metric", "note")


def tables() -> list[str]:
    """Return the names of the tables: "table_01" … "table_11", then those of released results."""
    names = sorted(path.stem for path in resource("paper").glob("*.csv"))
    return sorted(names, key=lambda name: not name.startswith("table_"))


def table(n: int | str) -> pd.DataFrame:
    """Return a table of the paper by number (1, "1", "Table 1", "table-1") or by file name.

    Raises InputError for an unknown table.

    >>> table(1).columns.to_list()
    ['method', 'dataset', 'backbone', 'metric', 'value', 'note']
    """
    name = str(n).strip().lower()
    if number := re.fullmatch(r"(?:table)?[\s_-]*(\d+)", name):
        name = f"table_{int(number[1]):02d}"
    known = tables()
    if not known:
        raise RecordError("the paper's tables are not installed with adautomix: reinstall it.")
    if name not in known:
        raise unknown("table", n, known)
    return _load(resource("paper") / f"{name}.csv").copy()


def select(n: int | str, /, **where: object) -> pd.DataFrame:
    """Return the rows of a table whose columns have these values, in the paper's order.

    >>> select(1, backbone="Swin-T", method="AdAutoMix")["value"].item()
    84.33
    """
    rows = table(n)
    for column, value in where.items():
        if column not in rows:
            raise unknown(f"column of table {n}", column, rows.columns)
        rows = rows[rows[column] == value]
    return rows.reset_index(drop=True)


def value(n: int | str, /, **where: object) -> float:
    """Return the one number of a table that these column values select, as printed.

    Raises InputError if they select none or several.

    >>> value(1, method="AdAutoMix", dataset="CIFAR-100", backbone="ResNet-18")
    82.32
    """
    rows = select(n, **where)
    if len(rows) == 1:
        return float(rows["value"].item())
    asked = ", ".join(f"{column}={wanted!r}" for column, wanted in where.items()) or "no condition"
    if len(rows) > 1:
        varied = [column for column in rows if column != "note" and rows[column].nunique() > 1]
        free = [column for column in varied if column not in ("value", *where)]
        remedy = f"say also {' and '.join(free)}" if free else "the table lists it twice"
        raise InputError(f"table {n} has {len(rows)} numbers for {asked}: {remedy}.")
    full = table(n)
    for column, wanted in where.items():
        if not (full[column] == wanted).any():
            raise unknown(f"{column} in table {n}", wanted, map(str, full[column].unique()))
    raise InputError(f"table {n} has 0 numbers for {asked}: the paper leaves that cell out.")


@lru_cache
def _load(path: Path) -> pd.DataFrame:
    """Read and check one file; the cached frame must be copied before it is returned."""
    try:
        rows = read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False)
        missing = [column for column in COLUMNS if column not in rows]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        rows["value"] = rows["value"].astype(float)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read ({error}); restore it or reinstall.") from error
    return rows
