"""`locked`, which lets one process at a time make a run, and `taken`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adautomix.storage.files import held

_ours: set[Path] = set()


def taken(path: Path) -> bool:
    """Return whether another process has locked a folder or file, so that `locked` would wait."""
    path = Path(path).resolve()
    if path in _ours or not path.exists():
        return False
    with held(path, wait=False) as ours:
        return ours is False


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Lock a folder or file until the block ends or this process dies; create a missing folder.

    Yields True with the lock. If another process has it, yields False at once, or with `wait` True
    when that process is done. A process may lock a path again that it has locked already. Where
    files cannot be locked (Windows, some network file systems) it yields True without a lock.
    """
    path = Path(path).resolve()
    if path in _ours:
        yield True
        return
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
    with held(path, wait=wait) as ours:
        if ours is False:
            yield False
            return
        _ours.add(path)
        try:
            yield True
        finally:
            _ours.discard(path)
