"""Choice of notebooks and parameters, and execution of a notebook in its own kernel."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from adautomix.book.fresh import key_of
from adautomix.book.place import Place
from adautomix.errors import AdAutoMixError, InputError, unknown
from adautomix.figures.tables import BOOK
from adautomix.storage.files import replace_all

LONGEST_SOCKET_FOLDER = 56  # bytes: a Unix socket's path ends at 107, a kernel's file name takes 50


def parameters_of(notebook: Path) -> dict[str, str]:
    """Return a notebook's parameters, default and comment: {"seeds": "[0]  # one run each"}."""
    import papermill

    rows = papermill.inspect_notebook(str(notebook)).values()
    return {row["name"]: f"{row['default']}  # {row['help'] or 'no comment'}" for row in rows}


def choose(sources: dict[str, Path], names: Sequence[str] | None) -> list[Path]:
    """Return the notebooks to run, in order; None for all.

    A name is that of a file ("06-calibration"), or its beginning ("06", "06-cal"), or the same
    without the number ("calibration", "cal").

    Raises InputError for a name that fits none or several.
    """
    if not sources:
        raise InputError("there is no notebook named like 01-method.ipynb: nothing to run.")
    chosen = set()
    for name in names if names is not None else sources:
        chosen.add(_fitting(Path(name).name.removesuffix(".ipynb"), name, sources))
    return [path for stem, path in sources.items() if stem in chosen]


def _fitting(wanted: str, said: str, sources: dict[str, Path]) -> str:
    """Return the one name that fits, see `choose`."""
    plain = {stem: stem.partition("-")[2] for stem in sources}
    exact = [stem for stem in sources if wanted in (stem, plain[stem])]
    begun = [s for s in sources if wanted and (s.startswith(wanted) or plain[s].startswith(wanted))]
    fitting = exact or begun
    if len(fitting) != 1:
        raise unknown("notebook", said, sources)
    return fitting[0]


def plan(
    notebooks: list[Path], values: dict[str, Any], needed: set[str]
) -> list[tuple[Path, dict[str, Any]]]:
    """Return each notebook with those of `values` that it declares.

    Raises:
        InputError: no notebook declares one of the `needed` names; the message lists those known.
    """
    declared = {notebook: parameters_of(notebook) for notebook in notebooks}
    strangers = sorted(needed.difference(*declared.values()))
    if strangers:
        rows = {f"  {name} = {text}" for known in declared.values() for name, text in known.items()}
        what = "parameter" if len(strangers) == 1 else "parameters"
        listed = "\n".join(sorted(rows)) or "  (none)"
        raise InputError(f"unknown {what} {', '.join(strangers)}; the notebooks have:\n{listed}")
    return [
        (path, {k: v for k, v in values.items() if k in known}) for path, known in declared.items()
    ]


def execute_notebook(
    place: Place, notebook: Path, values: dict[str, Any], read: Sequence[str], around: str
) -> Path:
    """Run one notebook in its own kernel, and return the executed copy's path.

    The copy and the digest of what it was made from replace the earlier ones only at the end.
    `read` and `around` are those of `adautomix.book.fresh.key_of`.

    Raises AdAutoMixError if a cell fails or the kernel dies.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillException
    from traitlets.config import Config

    os.chdir(place.cwd)
    key = key_of(notebook, values, read, around)
    copy = place.work / "running" / notebook.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    os.environ[BOOK] = "1"  # the kernel inherits it
    try:
        papermill.execute_notebook(
            str(notebook),
            str(copy),
            values,
            kernel_name="python3",
            cwd=str(place.cwd),
            progress_bar=False,
            config=Config({"KernelManager": _connection()}),
        )
    except (PapermillException, DeadKernelError) as error:
        sentence = _one_sentence(error)
        raise AdAutoMixError(f"{notebook.stem}: {sentence} As far as it ran: {copy}") from None
    made = {copy.name: copy.read_bytes(), f"{copy.stem}.json": json.dumps({"key": key}).encode()}
    replace(place.executed, made, vouching=f"{copy.stem}.json")
    copy.unlink()
    return place.executed / copy.name


def up_to_date(
    place: Place, notebook: Path, values: dict[str, Any], read: Sequence[str], around: str
) -> bool:
    """Return whether the executed copy is what `execute_notebook` would make."""
    copy = place.executed / notebook.name
    try:
        kept = json.loads(copy.with_suffix(".json").read_bytes())["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return copy.exists() and kept == key_of(notebook, values, read, around)


def replace(folder: Path, files: dict[str, bytes], vouching: str | None = None) -> None:
    """Write files into a folder atomically; AdAutoMixError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_all(folder, files, vouching)
    except OSError as error:
        raise AdAutoMixError(f"cannot write in {folder}: {error.strerror or error}.") from error


def _connection() -> dict[str, str]:
    """Return the connection settings of a kernel: Unix sockets if their paths fit, else TCP.

    The sockets get a unique name, since kernels that share the default one would interfere.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    folder = jupyter_runtime_dir()
    if os.name != "posix" or len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
        return {"transport": "tcp"}
    Path(folder).mkdir(parents=True, exist_ok=True)
    return {"transport": "ipc", "ip": str(Path(folder) / f"kernel-{uuid4().hex}-ipc")}


def _one_sentence(error: Exception) -> str:
    """Return why a notebook failed, in one line: the cell, the type of error, and its message."""
    name = getattr(error, "ename", None)
    if name is None:
        return f"the kernel stopped ({type(error).__name__}: {error}), perhaps for want of memory."
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(getattr(error, "evalue", "")))
    message = " ".join(plain.split())[:500]
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"cell [{getattr(error, 'exec_count', '?')}] stopped with {name}: {message}{end}"
