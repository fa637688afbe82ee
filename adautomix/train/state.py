"""`State`, the progress of a run in its checkpoint, as JSON."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from adautomix.errors import RecordError
from adautomix.storage import seals
from adautomix.storage.seals import SEAL
from adautomix.train.loop import Row, Training

STATE = "state.json"
PROGRESS = ("step", "seconds", "cpu_seconds", "curve", "segments")
"""Saved attributes of `Training`; states written before digests existed have only these."""
TIMES = ("stepping", "waiting")
"""Further saved attributes of `Training`, which states of earlier versions do not have."""


@dataclass(frozen=True)
class State:
    """Content of the file `STATE` of a checkpoint.

    Attributes:
        step, seconds, cpu_seconds, stepping, waiting, curve, segments, run: those of the
            `Training`.
        sha256: digests of the checkpoint's other files; empty if written before digests existed.
    """

    step: int
    seconds: float
    cpu_seconds: float
    curve: list[Row]
    segments: list[dict[str, Any]]
    run: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    stepping: float = 0.0
    waiting: float = 0.0

    @classmethod
    def of(cls, training: Training, sha256: dict[str, str]) -> "State":
        """Return the state of a training; `sha256` has the digests of the other files."""
        return cls(
            **{name: getattr(training, name) for name in (*PROGRESS, *TIMES, "run")}, sha256=sha256
        )

    def dump(self) -> bytes:
        """Return the bytes of `STATE`. Raises RecordError for values that JSON cannot hold."""
        try:
            return json.dumps(seals.sealed(asdict(self), STATE, self.sha256), indent=1).encode()
        except (TypeError, ValueError) as error:
            raise RecordError(
                f"curve and segments at step {self.step} cannot be saved as JSON ({error}): "
                "measure finite numbers."
            ) from error

    @classmethod
    def parse(cls, content: bytes) -> "State":
        """Invert `dump`. Raises ValueError for content that is not valid."""
        document = json.loads(content.decode())
        if problem := next(_problems(document), None):
            raise ValueError(problem)
        digests = document.get(SEAL, {})
        others = {name: digest for name, digest in digests.items() if name != STATE}
        return cls(**{**document, SEAL: others})


def _problems(document: Any) -> Iterator[str]:
    """Yield what is wrong with the content of `STATE`, one clause each."""
    if not isinstance(document, dict):
        yield "it is no JSON object"
        return
    known = {*PROGRESS, *(("run", SEAL) if document.keys() - set(PROGRESS) else ())}
    for name in sorted((document.keys() ^ known) - set(TIMES)):
        yield f"its {name} is missing" if name in known else f"it has a strange field {name!r}"
        return
    step, curve, segments = document["step"], document["curve"], document["segments"]
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        yield f"its step is {step!r}, not a whole number from 0"
    for name in ("seconds", "cpu_seconds", *TIMES):
        value = document.get(name, 0)
        if not _is_number(value) or not 0 <= value < math.inf:
            yield f"its {name} is {value!r}, not a number from 0"
    if not isinstance(curve, list) or not all(map(_is_row, curve)):
        yield "its curve is no list of lines of numbers"
    if not isinstance(segments, list) or not all(isinstance(each, dict) for each in segments):
        yield "its segments are no list of objects"
    if not isinstance(document.get("run", ""), str):
        yield f"its run is {document['run']!r}, not an id"
    if SEAL in document:
        yield from seals.faults(document, STATE)


def _is_row(line: Any) -> bool:
    return isinstance(line, dict) and all(map(_is_number, line.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
