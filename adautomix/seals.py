"""Digests by which a file or a JSON document is known to be what was written.

A sealed document has an entry `sha256`: the digests of the files that belong to it, by name, and
under the name of its own file that of the document itself, without this one digest. A change of
layout is no change: what is digested is the canonical JSON.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SEAL = "sha256"
DIGEST = re.compile("[0-9a-f]{64}")


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes, on any machine.

    A value that JSON cannot hold (NaN, an object) raises ValueError or TypeError.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))  # tuples become lists, keys strings
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def of_bytes(content: bytes | memoryview) -> str:
    """The sha256 of some bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """The sha256 of the bytes of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_document(document: Mapping[str, Any]) -> str:
    """The sha256 of a document's canonical JSON, in hex."""
    return of_bytes(canonical(document))


def sealed(
    document: Mapping[str, Any], name: str, files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`document`, to be written as `name`, with its seal; `files` has the other files' digests."""
    seal = {other: digest for other, digest in (files or {}).items() if other != name}
    return {**document, SEAL: {**seal, name: of_document({**document, SEAL: seal})}}


def faults(document: Mapping[str, Any], name: str) -> Iterator[str]:
    """What is wrong with the seal of a document that has one, a clause each."""
    seal = document[SEAL]
    if not isinstance(seal, dict) or not all(map(_is_digest, seal.values())):
        yield f"its {SEAL} is {seal!r}, not an object of digests"
    elif name not in seal:
        yield f"its {SEAL} has no digest of {name} itself"
    elif seal != sealed(document, name, seal)[SEAL]:
        yield f"it was changed since it was written (another {SEAL})"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
