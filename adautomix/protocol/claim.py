"""One process a run: several can work on one protocol, each with a core of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock: there, one process at a time is up to the user
    fcntl = None


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Holds `folder` as long as this process lives; False where another process holds it."""
    if fcntl is None:
        yield True
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems do not lock
        return True
    return True
