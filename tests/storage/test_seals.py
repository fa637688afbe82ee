"""A sealed document is known by what it says, not by its layout, and no changed byte escapes."""

import json
from collections.abc import Iterator

import pytest

from adautomix.storage import seals

DOCUMENT = {"step": 3, "curve": [{"lr": 0.1}, {"lr": 1e-3}], "run": "plain-π", "none": None}
OTHER = seals.of_bytes(b"other")


def flipped(content: bytes) -> Iterator[bytes]:
    """The content with one bit changed, for every bit."""
    for place in range(len(content)):
        for bit in range(8):
            yield content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def test_a_document_is_sealed_with_its_files():
    sealed = seals.sealed(DOCUMENT, "state.json", {"other": OTHER})
    assert sealed["sha256"].keys() == {"other", "state.json"}
    assert {key: sealed[key] for key in DOCUMENT} == DOCUMENT
    again = json.loads(json.dumps(sealed, indent=7, ensure_ascii=False))
    turned = dict(reversed(again.items()))
    assert list(seals.faults(turned, "state.json")) == []
    assert seals.sealed(sealed, "state.json", sealed["sha256"]) == sealed


def test_no_changed_bit_is_taken_for_the_document():
    sealed = seals.sealed(DOCUMENT, "state.json", {"other": OTHER})
    noticed = 0
    for content in flipped(json.dumps(sealed).encode()):
        try:
            found = json.loads(content.decode())
        except ValueError:
            continue
        if found != sealed:
            assert "sha256" not in found or list(seals.faults(found, "state.json"))
            noticed += 1
    assert noticed > 100


@pytest.mark.parametrize(
    ("seal", "sentence"),
    [
        (None, "not an object of digests"),
        ([OTHER], "not an object of digests"),
        ({"state.json": "0" * 63}, "not an object of digests"),
        ({"state.json": 5}, "not an object of digests"),
        ({"other": OTHER}, "no digest of state.json itself"),
        ({"state.json": OTHER}, "changed since it was written"),
    ],
)
def test_what_is_no_seal_is_named(seal, sentence):
    (found,) = seals.faults(DOCUMENT | {"sha256": seal}, "state.json")
    assert sentence in found


def test_digests_are_those_of_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
    assert seals.of_bytes(b"abc") == seals.of_file(tmp_path / "abc") == known
