"""The format of run.json: writing, parsing, and validation."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from adautomix.storage import seals
from adautomix.storage.seals import SEAL, canonical

FILE = "run.json"
SCHEMA = 1
BUDGETS = ("smoke", "quick", "lite", "short", "paper")  # from the cheapest to the paper's own
REQUIRED: dict[str, type] = {
    "id": str,
    "name": str,
    "recipe": dict,
    "budget": str,
    "seed": int,
    "metrics": dict,
    "evaluations": list,
    "extras": dict,
    "provenance": dict,
}
EVALUATION: dict[str, type] = {
    "name": str,
    "predictor": str,
    "settings": dict,
    "values": dict,
    "provenance": dict,
}
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


def digest(recipe: Mapping[str, Any], budget: str, seed: int) -> str:
    """Return the first 8 hex digits of sha256 over the canonical {recipe, budget, seed}."""
    identity = {"recipe": recipe, "budget": budget, "seed": seed}
    return hashlib.sha256(canonical(identity)).hexdigest()[:8]


def dump(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of run.json: known keys first, in their order, indent 2, UTF-8, no NaN."""
    order = ["schema", *REQUIRED]
    ordered = {key: document[key] for key in order if key in document} | dict(document)
    return (json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse(content: bytes) -> Any:
    """Parse the bytes of a run.json; ValueError unless they are JSON in UTF-8 without NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}, which is not a number")

    return json.loads(content.decode(), parse_constant=refuse)


def sealed(document: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """Return the document with its digest and those of `files`; each evaluation gets its own."""
    rest = {key: value for key, value in document.items() if key != "evaluations"}
    evaluations = [sealed_evaluation(entry, document["id"]) for entry in document["evaluations"]]
    return seals.sealed(rest, FILE, files) | {"evaluations": evaluations}


def sealed_evaluation(entry: Mapping[str, Any], id: str) -> dict[str, Any]:
    """Return an evaluation of the run `id` with its digest."""
    return {**entry, SEAL: _evaluation_seal(entry, id)}


def _evaluation_seal(entry: Mapping[str, Any], id: str) -> str:
    rest = {key: value for key, value in entry.items() if key != SEAL}
    return seals.of_document({"run": id, **rest})


def damage(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield, one clause each, where a valid document was changed after it was written.

    Documents and evaluations written before digests existed have none. They may then have only the
    required fields, so that a damaged name of the digest's field is not taken for a missing digest.
    """
    if SEAL in document:
        rest = {key: value for key, value in document.items() if key != "evaluations"}
        yield from seals.faults(rest, FILE)
    else:
        yield from _strangers("", document, {"schema", *REQUIRED})
    for place, entry in enumerate(document["evaluations"]):
        where = f"evaluations[{place}]"
        if SEAL not in entry:
            yield from _strangers(f"{where}.", entry, set(EVALUATION))
        elif entry[SEAL] != _evaluation_seal(entry, document["id"]):
            yield f"{where} was changed since it was written (another {SEAL})"


def _strangers(where: str, document: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for key in document.keys() - known:
        yield f"{where}{key} is no field of a record"


def is_newer(document: object) -> bool:
    """Whether a later version of the package, with another schema, wrote this document."""
    schema = document.get("schema") if isinstance(document, dict) else None
    return isinstance(schema, int) and schema > SCHEMA


def problems(document: object) -> Iterator[str]:
    """Yield what is wrong with a document of this schema, one clause each; nothing if valid."""
    if not isinstance(document, dict):
        yield "it is not a JSON object"
        return
    if document.get("schema") != SCHEMA or isinstance(document["schema"], bool):
        yield f"its schema is {document.get('schema')!r}, not {SCHEMA}"
        return
    shape = list(_shape("", document, REQUIRED))
    yield from shape
    if shape:
        return
    yield from _identity(document)
    for predictor, values in document["metrics"].items():
        if isinstance(values, dict):
            yield from _scalars(f"metrics.{predictor}", values)
        else:
            yield f"metrics.{predictor} is {values!r}, not an object of numbers"
    yield from _scalars("extras", document["extras"])
    for place, entry in enumerate(document["evaluations"]):
        yield from evaluation_problems(entry, f"evaluations[{place}]")


def evaluation_problems(entry: object, where: str = "the evaluation") -> Iterator[str]:
    """Yield what is wrong with an entry of `evaluations`; values are numbers or lists of them."""
    if not isinstance(entry, dict):
        yield f"{where} is {entry!r}, not an object"
        return
    shape = list(_shape(f"{where}.", entry, EVALUATION))
    yield from shape
    if shape:
        return
    for key, value in entry["values"].items():
        items = value if isinstance(value, list) else [value]
        held = [item for item in items if item is not None or not isinstance(value, list)]
        for item in held:  # None in a list: a bin without images
            yield from _scalars(f"{where}.values", {key: item})


def _shape(where: str, document: dict[str, Any], fields: Mapping[str, type]) -> Iterator[str]:
    """Yield a clause for each field that is missing or of another type."""
    for key, kind in fields.items():
        if key not in document:
            yield f"{where}{key} is missing"
        elif not isinstance(document[key], kind) or isinstance(document[key], bool):
            yield f"{where}{key} is {document[key]!r}, not of type {kind.__name__}"


def _identity(document: dict[str, Any]) -> Iterator[str]:
    """Yield faults of name, budget and seed, and an id that does not match recipe and seed."""
    name, budget, seed = document["name"], document["budget"], document["seed"]
    if len(parts := name.split("/")) < 3 or not all(parts):
        yield f"its name is {name!r}, not data/backbone/method"
    if budget not in BUDGETS:
        yield f"its budget is {budget!r}, not one of {', '.join(BUDGETS)}"
    if seed < 0:
        yield f"its seed is {seed}, which is negative"
    try:
        ending = f"-{budget}-s{seed}-{digest(document['recipe'], budget, seed)}"
    except (TypeError, ValueError) as error:
        yield f"its recipe is not plain JSON ({error})"
        return
    if not IDENTIFIER.fullmatch(document["id"]) or not document["id"].endswith(ending):
        yield f"its id {document['id']!r} should end in '{ending}' (recipe, budget and seed say so)"


def _scalars(where: str, values: dict[str, Any]) -> Iterator[str]:
    """Yield values that are not finite numbers, and accuracies (top1*, top5*) not in [0, 1]."""
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{where}.{key} is {value!r}, not a number"
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{where}.{key} is {value}, not a finite number"
        elif key.startswith(("top1", "top5")) and not 0 <= value <= 1:
            yield f"{where}.{key} is {value}, not a fraction in [0, 1]"
