"""Finding and downloading datasets: the only code of the package that opens a socket.

`where` searches, in this order: the path given, the environment variable ADAUTOMIX_<NAME> (for
instance ADAUTOMIX_CIFAR100), and the folder <NAME> of `home()`.
"""

import os
import re
import socket
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from tarfile import TarError
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from zipfile import BadZipFile

from adautomix.data.catalog import dataset, home, info
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.file_set import FileSet, Images
from adautomix.data.measure import measure
from adautomix.errors import DataError, first_line
from adautomix.storage.files import sync, workplace


def where(name: str, root: str | Path | None = None) -> Path | None:
    """Return the folder or file of a dataset; None if there is none, as for embedded datasets.

    Raises DataError when `root` or the environment variable names a path that does not exist.
    """
    variable = _variable(info(name))
    for source, given in (("the path given", root), (variable, os.environ.get(variable))):
        if given:
            path = Path(given).expanduser()
            if not path.exists():
                raise DataError(f"{info(name).title} is not at {path} ({source}): no such file.")
            return path
    path = _place(info(name))
    return path if path.exists() else None


def missing(row: DatasetInfo) -> str:
    """Return the error message for a dataset that was not found, with the command that gets it."""
    return (
        f"{row.title} is not in {_place(row)}: run `{row.get}`, or point"
        f" {_variable(row)} or --data at a folder or .npz you have."
    )


def _variable(row: DatasetInfo) -> str:
    """Return the environment variable that says where a dataset is."""
    return f"ADAUTOMIX_{re.sub('[^A-Z0-9]', '_', row.name.upper())}"


def _place(row: DatasetInfo) -> Path:
    """Return where a dataset is when nothing says so."""
    return Path(row.path) if row.path else home() / row.name


def verify(name: str, root: str | Path | None = None) -> dict[str, dict[str, int | str]]:
    """Read every split and compare with the catalogue: {split: {"images": ..., "sha256": ...}}.

    Of images on disk and of data without a known digest also "classes", their number, "names", the
    first and the last, "mean" and "std" of the pixels in [0, 1].

    Raises DataError, saying what differs, when anything is missing, truncated or altered.
    """
    row = info(name)
    found = where(name, root)
    if not row.embedded and found is None:
        raise DataError(missing(row))
    report: dict[str, dict[str, int | str]] = {}
    for split in row.counts:
        data = dataset(name).read(split, found)
        report[split] = {"images": len(data), "sha256": data.sha256}
        if isinstance(data, FileSet) or not row.sha256:
            report[split] |= _described(data)
    others = [split for split in report if report[split]["sha256"] != row.sha256.get(split)]
    if row.embedded and others:  # for data in files the reader compares
        listed = ", ".join(f'"{split}": "{report[split]["sha256"]}"' for split in others)
        raise DataError(f"{row.title} has other digests than those of its INFO: {listed}.")
    return report


def _described(data: Images) -> dict[str, int | str]:
    """Read every image; return classes, mean and std. Raises DataError naming unreadable files."""
    found = measure(data)
    names = f"{data.classes[0]} to {data.classes[-1]}"
    mean, std = (" ".join(f"{value:.4f}" for value in values) for values in found[:2])
    return {"classes": len(data.classes), "names": names, "mean": mean, "std": std}


def get(name: str, root: str | Path | None = None) -> str:
    """Obtain a dataset, verify it, and return one sentence on where it is.

    It is downloaded to a temporary folder beside its final one (`root`, or `home()/name`), checked
    and then renamed, so no partial download remains; what a killed download left is removed.
    A dataset that is already there is verified and kept.

    Raises DataError when the network fails or the data are not the official ones.
    """
    row = info(name)
    if row.embedded:
        verify(name)
        return f"{row.title}: {row.get}; its digests agree."
    target = Path(root).expanduser() if root else home() / name
    if target.exists():
        try:
            verify(name, target)
        except DataError as error:
            raise DataError(f"{error} Remove {target} to get it anew.") from error
        return f"{row.title} was already in {target}; {_agree(row)}."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with workplace(target.parent) as place:
            fresh = place / name
            _download(row, fresh)
            verify(name, fresh)
            for path in fresh.rglob("*"):
                sync(path)
            os.replace(fresh, target)
    except OSError as error:
        raise DataError(f"{row.title} cannot be written to {target}: {error}.") from error
    return f"{row.title} is now in {target}; {_agree(row)}."


def _agree(row: DatasetInfo) -> str:
    """Return what was compared with the catalogue."""
    return "its digests agree" if row.sha256 else "its counts agree, and every image can be read"


def host(address: str) -> str:
    """Return the host name of a URL."""
    return urlsplit(address).hostname or address


def reachable(address: str, seconds: float = 5.0) -> bool:
    """Whether a connection to the host of a URL, or to its proxy, opens within `seconds`.

    The call returns within that time even if the system is still resolving the host's name.
    """
    scheme = urlsplit(address).scheme
    proxy = None if proxy_bypass(host(address)) else getproxies().get(scheme)
    target = urlsplit(proxy or address)
    port = target.port or (80 if target.scheme == "http" else 443)
    found: SimpleQueue[bool] = SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((target.hostname, port), timeout=seconds).close()
            found.put(True)
        except OSError:
            found.put(False)

    Thread(target=connect, daemon=True).start()
    try:
        return found.get(timeout=seconds)
    except Empty:
        return False


def _download(row: DatasetInfo, folder: Path) -> None:
    """Download and unpack the official archive by torchvision, which checks its md5."""
    from torchvision.datasets.utils import download_and_extract_archive

    if not row.md5:
        raise DataError(f"{row.title} is not downloaded: {row.get}.")
    (archive, md5), *_ = row.md5.items()
    try:
        download_and_extract_archive(
            row.source, str(folder), filename=archive, md5=md5 or None, remove_finished=True
        )
    except (OSError, RuntimeError, HTTPException, TarError, BadZipFile) as error:
        raise DataError(
            f"{row.title} cannot be downloaded from {row.source} ({first_line(error)}): point"
            f" {_variable(row)} or --data at a folder or .npz you have."
        ) from error
