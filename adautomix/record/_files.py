"""Writing in the folder of a run: one writer at a time, and one sentence when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adautomix.errors import RecordError
from adautomix.files import held


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make `folder`, hold it against other writers, and say an OSError as one RecordError.

    A folder that is still empty at the end is removed again.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with held(folder, wait=True):
                yield
        finally:
            with suppress(OSError):  # not empty: the usual case
                folder.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(
            f"cannot write the run in {folder}: {reason}. An earlier run.json is as it was; "
            "make room, or name another folder in ADAUTOMIX_RUNS."
        ) from error
