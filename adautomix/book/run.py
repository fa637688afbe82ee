"""Execution of the notebooks with parameters, and installation of the results as chapters."""

import os
import re
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

from adautomix.book.chapter import IMAGES, figures_of, present
from adautomix.errors import AdAutoMixError, InputError, unknown
from adautomix.figures.tables import BOOK
from adautomix.storage.files import replace_all

SOURCES = "[0-9][0-9]-*.ipynb"
LONGEST_SOCKET_FOLDER = 56  # bytes: a Unix socket's path ends at 107, a kernel's file name takes 50


def find_root() -> Path:
    """Return the checkout with book/ and notebooks/: here, a folder above, or the package's."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "book" / "_config.yml").exists() and (folder / "notebooks").is_dir():
            return folder
    raise InputError(f"no book/ beside a notebooks/ in {here} or above it: run inside a checkout.")


def parameters_of(notebook: Path) -> dict[str, str]:
    """Return a notebook's parameters, default and comment: {"seeds": "[0]  # one run each"}."""
    import papermill

    rows = papermill.inspect_notebook(str(notebook)).values()
    return {row["name"]: f"{row['default']}  # {row['help'] or 'no comment'}" for row in rows}


def choose(root: Path, names: list[str] | None) -> list[Path]:
    """Return the notebooks to run, sorted by name; the beginning of a name is enough."""
    sources = {path.stem: path for path in sorted((root / "notebooks").glob(SOURCES))}
    if not sources:
        raise InputError("notebooks/ holds no notebook named like 01-method.ipynb: nothing to run.")
    chosen = set()
    for name in names if names is not None else sources:
        wanted = Path(name).name.removesuffix(".ipynb")
        fitting = [stem for stem in sources if stem.startswith(wanted)] if wanted else []
        if wanted not in sources and len(fitting) != 1:
            raise unknown("notebook", name, sources)
        chosen.add(wanted if wanted in sources else fitting[0])
    return [path for stem, path in sources.items() if stem in chosen]


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


def execute_all(root: Path, planned: list[tuple[Path, dict[str, Any]]], jobs: int) -> list[Path]:
    """Run notebooks, `jobs` at a time, in their order; after a failure no other is started.

    If two need the same run, the second waits for the first. The CPU cores are divided among the
    kernels, unless OMP_NUM_THREADS is set.
    """
    if jobs < 1:
        raise InputError(f"jobs must be 1 or more, not {jobs}.")
    jobs = min(jobs, len(planned))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    if jobs == 1:
        return [execute_notebook(root, *each) for each in planned]
    with _pool(jobs) as pool:
        running = [pool.submit(execute_notebook, root, *each) for each in planned]
        try:
            return [each.result() for each in running]
        except BrokenExecutor as error:
            raise AdAutoMixError(
                "a process that ran notebooks died: give it more memory or jobs=1, and in a script "
                'of your own call build() under `if __name__ == "__main__":`.'
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _pool(jobs: int) -> Executor:
    """Return a pool of processes; in threads, nbclient would leave event loops open."""
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def execute_notebook(root: Path, notebook: Path, values: dict[str, Any]) -> Path:
    """Run one notebook in its own kernel, print the time, and return the executed copy's path.

    Raises AdAutoMixError if a cell fails or the kernel dies.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillException
    from traitlets.config import Config

    copy = root / "book" / "_build" / "executed" / notebook.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    os.environ[BOOK] = "1"  # the kernel inherits it
    try:
        papermill.execute_notebook(
            str(notebook),
            str(copy),
            values,
            kernel_name="python3",
            cwd=str(root),
            progress_bar=False,
            config=Config({"KernelManager": _connection()}),
        )
    except (PapermillException, DeadKernelError) as error:
        sentence = _one_sentence(error)
        raise AdAutoMixError(f"{notebook.stem}: {sentence} As far as it ran: {copy}") from None
    print(f"{notebook.stem}: {time.monotonic() - began:.1f} s", flush=True)
    return copy


def install(root: Path, executed: list[Path]) -> None:
    """Write the chapters and the figures of executed notebooks atomically."""
    import nbformat

    chapters: dict[str, bytes] = {}
    figures: dict[str, bytes] = {}
    for path in executed:
        nb = nbformat.read(path, as_version=4)
        try:
            figures |= figures_of(nb)
        except InputError as error:
            raise InputError(f"{path.stem}: {error}") from None
        chapters[path.name] = nbformat.writes(present(nb)).encode()
    _replace(root / "book" / "chapters", chapters)
    _replace(root / "book" / "figures", figures)
    for name in figures:  # remove the same figure in the other format, from an earlier run
        for end in IMAGES.keys() - {name.rpartition(".")[2]}:
            (root / "book" / "figures" / name).with_suffix(f".{end}").unlink(missing_ok=True)


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder atomically; AdAutoMixError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_all(folder, files)
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
