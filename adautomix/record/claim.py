"""One process at a time: two that want the same run do not make it twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock: there, one process at a time is up to the user
    fcntl = None

_ours: set[Path] = set()


@contextmanager
def claimed(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Holds a folder or file until the block ends or this process dies; what is missing is made.

    Yields True; where another process holds it, False at once, or with `wait` True once that one
    is done. A process that holds a path may claim it again.
    """
    path = Path(path).resolve()
    if fcntl is None or path in _ours:
        yield True
        return
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if not _lock(descriptor, wait):
            yield False
            return
        _ours.add(path)
        try:
            yield True
        finally:
            _ours.discard(path)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # some network file systems do not lock
        return True
    return True
