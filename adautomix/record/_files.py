"""Writing that leaves either the former files or the new ones, never half of one."""

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from adautomix.errors import RecordError

try:
    import fcntl
except ImportError:  # Windows has no flock: there, one writer at a time is up to the user
    fcntl = None

STALE_SECONDS = 3600.0  # a temporary file older than this belongs to a writer that was killed


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make `folder`, hold it against other writers, and say an OSError as one RecordError.

    A folder that is still empty at the end is removed again.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
        try:
            if fcntl and descriptor is not None:
                with suppress(OSError):  # some network file systems do not lock
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)
            with suppress(OSError):  # not empty: the usual case
                folder.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(
            f"cannot write the run in {folder}: {reason}. An earlier run.json is as it was; "
            "make room, or name another folder in ADAUTOMIX_RUNS."
        ) from error


def replace_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file under a temporary name, fsync it, then move all into place in their order.

    So a full disk changes nothing, and a kill between two moves leaves the last file as it was.
    """
    _sweep(folder)
    temporaries = {name: folder / f".{name}.{uuid.uuid4().hex}.tmp" for name in files}
    try:
        for name, content in files.items():
            with open(temporaries[name], "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name, temporary in temporaries.items():
            os.replace(temporary, folder / name)
        _sync_folder(folder)
    finally:
        for temporary in temporaries.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left behind."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the moves last through a power cut, where the system can sync a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
