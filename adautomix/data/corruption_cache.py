"""Corrupted sets that were made here, kept on disk for the next evaluation.

They are in `corrupted/` under the data root, or in the folder that ADAUTOMIX_CORRUPTED names: 3 kB
for an image of 32x32, so 2.8 GB for 10,000 images under 90 combinations of corruption and severity.
All of them together take at most the gigabytes that ADAUTOMIX_CORRUPTED_GB says, `LIMIT_GB` without
it; those that were not read for the longest time are removed first. A set of which a byte changed
is made again.
"""

import io
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from adautomix.errors import InputError
from adautomix.storage import seals
from adautomix.storage.files import replace_all

DIGEST = ".sha256"
"""Suffix of the file that holds the digest of a set."""
LIMIT_GB = 8.0
FOLDER, GIGABYTES = "ADAUTOMIX_CORRUPTED", "ADAUTOMIX_CORRUPTED_GB"


def folder_of(root: Path) -> Path:
    """Return the folder of all sets; `root` is that of the data."""
    given = os.environ.get(FOLDER)
    return Path(given).expanduser() if given else root / "corrupted"


def limit() -> int:
    """Return how many bytes all sets may take. Raises InputError for no number of gigabytes."""
    given = os.environ.get(GIGABYTES) or str(LIMIT_GB)
    try:
        size = float(given)
    except ValueError:
        size = -1.0
    if not size >= 0:
        raise InputError(f"{GIGABYTES} must be a number of gigabytes, 0 or more, not {given!r}.")
    return int(min(size, 1e9) * 1e9)


def read_kept(file: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the images of a set; None if there are none, or the file does not match its digest."""
    try:
        content, digest = file.read_bytes(), file.with_suffix(DIGEST)
        if digest.exists() and digest.read_text() != seals.of_bytes(content):
            return None
        images = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:  # a damaged file can raise almost anything
        return None
    if images.dtype != np.uint8 or images.shape != shape:
        return None
    with suppress(OSError):  # a folder that may only be read
        os.utime(file)  # `_make_room` removes what was not read for the longest time
    return images


def keep(file: Path, images: np.ndarray, folder: Path) -> None:
    """Write a set and its digest (earlier versions wrote none), and keep `folder` within its limit.

    A set that is larger than the limit is not written. Raises OSError if the folder cannot be
    written, InputError as `limit`.
    """
    stream = io.BytesIO()
    np.save(stream, images)
    content = stream.getvalue()
    room = limit() - len(content)
    if room < 0:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    _make_room(folder, room)
    digest = file.with_suffix(DIGEST).name
    replace_all(file.parent, {digest: seals.of_bytes(content).encode(), file.name: content})


def _make_room(folder: Path, room: int) -> None:
    """Remove the sets that were not read for the longest time until the rest takes `room` bytes."""
    found = []
    for path in folder.glob("*/*.npy"):
        with suppress(FileNotFoundError):  # another process removed it
            state = path.stat()
            found.append((state.st_mtime_ns, state.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= room:
            return
        path.unlink(missing_ok=True)
        path.with_suffix(DIGEST).unlink(missing_ok=True)
        total -= size
