"""`writing`, which locks the folder of a run while it is written and reports failures."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adautomix.errors import RecordError
from adautomix.storage.files import held


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Create and lock `folder` for the block, and turn an OSError into a RecordError.

    A folder that is empty at the end is removed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with held(folder, wait=True):
                yield
        finally:
            with suppress(OSError):  # usually it is not empty
                folder.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(
            f"cannot write the run in {folder}: {reason}. An earlier run.json is as it was; "
            "make room, or name another folder in ADAUTOMIX_RUNS."
        ) from error
