"""SHA-256 digests that show whether a file or a JSON document was changed after it was written.

A sealed document has an entry `sha256` with the digest of each file that belongs to it, by name.
Under the document's own file name stands the digest of the document itself, computed without that
one digest. It is taken of the canonical JSON, so white space and the order of keys do not matter.
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
    """Return JSON with sorted keys and no spaces: equal values give equal bytes on any machine.

    Raises ValueError or TypeError for a value that JSON cannot hold, such as NaN or an object.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))  # tuples become lists, keys strings
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def of_bytes(content: bytes | memoryview) -> str:
    """Return the sha256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """Return the sha256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_document(document: Mapping[str, Any]) -> str:
    """Return the sha256 of a document's canonical JSON, in hex."""
    return of_bytes(canonical(document))


def sealed(
    document: Mapping[str, Any], name: str, files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a copy of `document` with its seal.

    Args:
        document: the JSON object.
        name: the file name under which it will be written.
        files: digests of the other files that belong to it, by name.
    """
    seal = {other: digest for other, digest in (files or {}).items() if other != name}
    return {**document, SEAL: {**seal, name: of_document({**document, SEAL: seal})}}


def faults(document: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what is wrong with the seal of a sealed document, one clause for each fault."""
    seal = document[SEAL]
    if not isinstance(seal, dict) or not all(map(_is_digest, seal.values())):
        yield f"its {SEAL} is {seal!r}, not an object of digests"
    elif name not in seal:
        yield f"its {SEAL} has no digest of {name} itself"
    elif seal != sealed(document, name, seal)[SEAL]:
        yield f"it was changed since it was written (another {SEAL})"


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
