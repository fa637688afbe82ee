"""Atomic file writes: a file is complete or absent, even if the process is killed while writing."""

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
"""Prefix of the temporary folders in which files are written."""
FORMER = (".*.tmp", ".former-*")
"""Temporary names of earlier versions of the package, which did not lock them."""
STALE_SECONDS = 3600.0
"""Where files cannot be locked, a temporary folder older than this counts as abandoned."""


@contextmanager
def held(path: Path, *, wait: bool) -> Iterator[bool | None]:
    """Lock a file or folder exclusively until the block ends or this process dies.

    Yields True with the lock; False if another process has it, unless `wait` waits for that one;
    None where files cannot be locked: on Windows and on some network file systems.
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
    """Yield a new temporary folder inside `folder`; the caller moves complete files out of it.

    It is removed at the end. Temporary folders that killed processes left are removed first.
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
    """Remove the temporary files that killed processes left in `folder`.

    A running process holds a lock on its temporary folder, which is left alone.
    """
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
    """Write all files to a temporary folder, then move each into place, in the given order.

    A full disk therefore changes nothing.

    Args:
        folder: the destination.
        files: contents by file name.
        vouching: the last of the names, if that file describes the others, e.g. holds their
            digests. If another file changes, the old one is removed before the first move, so that
            a kill between two moves leaves no description rather than a false one.

    Raises OSError if the folder cannot be written.
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
    """Yield a temporary path to write to; it replaces `path` if the block ends without an error."""
    with workplace(path.parent) as place:
        yield place / path.name
        sync(place / path.name)
        os.replace(place / path.name, path)
    sync_folder(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a new file and flush it to the disk before returning."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk before returning."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that moves survive a power cut, on systems that can do it."""
    with suppress(OSError):
        sync(folder)
