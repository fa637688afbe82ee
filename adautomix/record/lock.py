"""One process at a time: two that want the same run do not make it twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adautomix.files import held

_ours: set[Path] = set()


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Holds a folder or file until the block ends or this process dies; what is missing is made.

    Yields True; where another process holds it, False at once, or with `wait` True once that one
    is done. A process that holds a path may claim it again. Where nothing can be held, one process
    at a time is up to the user.
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
