"""Records of benchmarks: one JSON file for each suite and device, with the provenance of a run.

`recorded("steps")` reads those that came with the package. Nothing here imports torch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from adautomix.errors import RecordError
from adautomix.record import _document, _files
from adautomix.record._where import resource
from adautomix.storage.files import replace_all

SCHEMA = 1
FIELDS = {"suite": str, "settings": dict, "rows": list, "provenance": dict}


@dataclass(frozen=True)
class Bench:
    """The record of one suite on one device.

    Attributes:
        suite: name of the suite.
        settings: settings of the measurement.
        rows: table of the measurements.
        provenance: as of a run, see `adautomix.record.provenance.collect`.
        path: file of the record.
    """

    suite: str
    settings: dict[str, Any] = field(repr=False)
    rows: pd.DataFrame = field(repr=False)
    provenance: dict[str, Any] = field(repr=False)
    path: Path = field(repr=False)

    @property
    def device(self) -> str:
        """Description of the device, e.g. "cpu: AMD EPYC, 2 threads"."""
        return self.provenance["device"]


def file_name(suite: str, device: str) -> str:
    """Return the file name of a record; a suite has one record on each device.

    >>> file_name("steps", "cpu: AMD EPYC, 2 threads")
    'steps-cpu-amd-epyc-2-threads.json'
    """
    return f"{suite}-{re.sub('[^a-z0-9]+', '-', device.lower()).strip('-')}.json"


def write(
    folder: Path,
    suite: str,
    *,
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    provenance: Mapping[str, Any],
) -> Path:
    """Write the record of a suite atomically; it replaces an earlier one of the same device.

    Raises:
        RecordError: the folder cannot be written; the earlier record is unchanged.
    """
    path = folder / file_name(suite, provenance["device"])
    document = {
        "schema": SCHEMA,
        "suite": suite,
        "settings": dict(settings),
        "rows": [dict(row) for row in rows],
        "provenance": dict(provenance),
    }
    with _files.writing(folder):
        replace_all(folder, {path.name: _document.dump(document)})
    return path


def read(path: Path) -> Bench:
    """Read a record; RecordError if it cannot be used."""
    try:
        document = _document.parse(path.read_bytes())
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"it is no benchmark of schema {SCHEMA}")
        for name, kind in FIELDS.items():
            if not isinstance(document.get(name), kind):
                raise ValueError(f"its {name} is missing or no {kind.__name__}")
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{path}: cannot be read ({error}); restore it, or measure again with "
            "`python -m adautomix.bench`."
        ) from error
    rows = pd.DataFrame(document["rows"])
    return Bench(document["suite"], document["settings"], rows, document["provenance"], path)


def benchmarks(folder: Path, suite: str | None = None) -> list[Bench]:
    """Read all records in a folder, or those of one suite, sorted by file name."""
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return [bench for bench in found if suite in (None, bench.suite)]


def recorded(suite: str | None = None) -> list[Bench]:
    """Read the benchmarks that came with the package."""
    return benchmarks(resource("bench"), suite)
