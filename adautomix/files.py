"""Files that are whole or not there, whatever fails or is killed on the way."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has no flock: there, one writer at a time is up to the user
    fcntl = None

BEGINNING = ".writing-"
"""How the names of folders begin in which something is being written."""
FORMER = (".*.tmp", ".former-*")
"""Names that earlier versions gave to what they were writing, without holding it."""
STALE_SECONDS = 3600.0
"""Where nobody can hold anything, what is older than this belongs to a writer that was killed."""


@contextmanager
def held(path: Path, *, wait: bool) -> Iterator[bool | None]:
    """Holds a file or folder against every other holder, until the block ends or this process dies.

    Yields True; False where another holds it, unless `wait` waits for that one; None where nothing
    can be held: Windows, and some network file systems.
    """
    if fcntl is None:
        yield None
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        yield _lock(fcntl.flock, descriptor, how)
    finally:
        os.close(descriptor)


def _lock(flock: Callable[[int, int], object], descriptor: int, how: int) -> bool | None:
    try:
        flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A new folder in `folder` to write in, from which what is whole is moved into place.

    It is removed at the end, and one that a killed process left is removed at the beginning.
    """
    sweep(folder)
    with ExitStack() as stack:
        made = None
        while made is None or not made.exists():  # swept by another before it could be held
            made = Path(tempfile.mkdtemp(prefix=BEGINNING, dir=folder))
            with suppress(FileNotFoundError):
                stack.enter_context(held(made, wait=True))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Removes what killed processes left in `folder`; a living one holds what it writes."""
    for left in folder.glob(f"{BEGINNING}*"):
        with suppress(OSError), held(left, wait=False) as ours:
            if ours or (ours is None and _stale(left)):
                shutil.rmtree(left)
    for left in (path for pattern in FORMER for path in folder.glob(pattern)):
        with suppress(OSError):
            if _stale(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _stale(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > STALE_SECONDS


def replace_all(folder: Path, files: Mapping[str, bytes], vouching: str | None = None) -> None:
    """Writes every file, then moves all into place in their order; so a full disk changes nothing.

    Args:
        folder: where they go.
        files: their contents by name.
        vouching: the last of them, if it says what is in the others: where another one changes, it
            is taken away before, so that a kill between two moves leaves none rather than a false
            one.

    Raises OSError where the folder cannot be written.
    """
    with workplace(folder) as place:
        for name, content in files.items():
            write(place / name, content)
        if vouching and any(_differs(folder / n, files[n]) for n in files if n != vouching):
            (folder / vouching).unlink(missing_ok=True)
        for name in files:
            os.replace(place / name, folder / name)
    sync_folder(folder)


def _differs(path: Path, content: bytes) -> bool:
    return not path.exists() or path.read_bytes() != content


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The name of a file to write, which takes the place of `path` if the block ends well."""
    with workplace(path.parent) as place:
        yield place / path.name
        sync(place / path.name)
        os.replace(place / path.name, path)
    sync_folder(path.parent)


def write(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Returns when what was written to a file, or moved in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes the moves last through a power cut, where the system can sync a folder."""
    with suppress(OSError):
        sync(folder)
