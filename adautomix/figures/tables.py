"""Numbered tables, and values quoted in prose, for a Jupyter Book.

`markdown_table` returns the MyST text; `glue_tables` and `glue_value` store tables and values under
a key, for `{glue:md}` with `:format: myst` and `{glue:text}`. Numbers are passed as rounded
strings.
"""

import os
import re
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd

from adautomix.errors import AdAutoMixError, InputError

BOOK = "ADAUTOMIX_BOOK"
"""Environment variable that is set while the notebooks run for the book."""
LABEL = re.compile(r"[a-z][a-z0-9]*([-:][a-z0-9]+)*")
NUMBER = re.compile(r"[-+−<>≤≥]?\s*\.?\d(?!.*[A-Za-z]{4})")
"""Beginning of a cell that holds numbers, not a sentence or a list of names with numbers."""
_SIGN = re.compile(r"\((?=(c|r|tm)\))", re.IGNORECASE)  # what MyST prints as ©, ® or ™
INTERVAL = re.compile(r"\[[-+.,\d ]+\](?: \(\d+\))?")


class Table(NamedTuple):
    """Arguments of `markdown_table`: rows of text, a caption of one line, and a label."""

    frame: pd.DataFrame
    caption: str
    name: str


class MyST(NamedTuple):
    """Text of a page in MyST Markdown."""

    text: str


def markdown_table(frame: pd.DataFrame, caption: str, name: str) -> str:
    """Return a MyST `{table}` with a caption and a label for `{numref}`, without the index.

    Cells are strings; None, NaN and "" are blank. The first column and columns of words are
    left-aligned, those of numbers right-aligned.

    >>> print(markdown_table(pd.DataFrame({"method": ["MixUp"], "%": ["79.1"]}), "Top-1.", "tab:x"))
    :::{table} Top-1.
    :name: tab:x
    <BLANKLINE>
    | method | % |
    | :-- | --: |
    | MixUp | 79.1 |
    :::
    """
    if frame.columns.empty:
        raise InputError("a table needs at least one column; the frame has none.")
    if not caption.strip() or "\n" in caption:
        raise InputError(f"caption {caption!r} must be one line of text.")
    if not LABEL.fullmatch(name):
        raise InputError(f"label {name!r} must be lower-case words joined by - or :, as tab:main.")
    heads = [_cell(column, "a heading") for column in frame.columns]
    rows = [
        [_cell(value, f"column {column!r}") for column, value in zip(frame, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(heads)
    rules = [":--", *("--:" if _numeric(column) else ":--" for column in columns[1:])]
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, rules, *rows)]
    return "\n".join([f":::{{table}} {caption.strip()}", f":name: {name}", "", *lines, ":::"])


def _numeric(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells are of numbers, less those blank or a mark alone."""
    filled = [cell for cell in cells if any(map(str.isalnum, cell))]
    return 2 * sum(NUMBER.match(cell) is not None for cell in filled) >= len(filled)


def _cell(value: object, where: str) -> str:
    """Return a cell on one line, bars and (c) escaped, no breaks in intervals; blank if missing."""
    if isinstance(value, str):
        text = _SIGN.sub(r"\(", " ".join(value.split()).replace("|", r"\|"))
        text = text.replace(" ±", "\N{NO-BREAK SPACE}±")
        return INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    if value is None or value is pd.NA or value != value:
        return ""
    raise InputError(f"{where} holds {value!r}; give numbers as strings, already rounded.")


def glue_tables(key: str, tables: Iterable[Table]) -> None:
    """Store numbered tables under `key`, one below the other; `{glue:md}` shows them on any page.

    In a notebook that is not run for the book, they are displayed instead.
    """
    from IPython.display import display

    if in_book():
        glue_markdown(key, "\n\n".join(markdown_table(*table) for table in tables))
        return
    for table in tables:
        display(table.frame.style.hide(axis="index").set_caption(table.caption))


def glue_markdown(key: str, text: str) -> None:
    """Store MyST text under `key`, for `{glue:md}`; outside the book it is displayed."""
    from IPython.display import Markdown, display

    if in_book():
        _myst_nb().glue(key, Markdown(text), display=False)
    else:
        display(Markdown(text))


def glue_value(key: str, value: object) -> None:
    """Store one value under `key`, to be quoted in prose; it is not displayed.

    A numpy scalar is converted to a Python number, since a page cannot format its repr.
    """
    if in_book():
        value = value.item() if isinstance(value, np.generic) else value
        _myst_nb().glue(key, value, display=False)


def in_book() -> bool:
    """Whether this notebook is run for the book; otherwise nothing is glued."""
    return bool(os.environ.get(BOOK))


def _myst_nb() -> ModuleType:
    """Import myst-nb, which is needed only for the book."""
    try:
        import myst_nb
    except ImportError as error:
        raise AdAutoMixError("gluing needs myst-nb; run: pip install 'adautomix[book]'") from error
    return myst_nb
