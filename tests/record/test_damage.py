"""A record that is not as it was written is refused by name, whichever of its files it is."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from adautomix.errors import RecordError
from adautomix.record import Run, Store
from adautomix.record.store import PICTURES
from adautomix.storage import seals

FILES = ("run.json", "curve.csv", PICTURES)
ENTRY = {
    "name": "fgsm",
    "predictor": "classifier",
    "settings": {"epsilon": 0.03},
    "values": {"error": 0.25, "bins": [1, None]},
    "provenance": {"seconds": 3.0},
}


@pytest.fixture
def whole(store: Store, document, curve, tmp_path) -> Callable[..., Run]:
    """Makes a record with pictures and an evaluation."""

    def made(seed: int = 0) -> Run:
        np.savez_compressed(tmp_path / "pictures.npz", parents=np.arange(50 + seed))
        pictures = (tmp_path / "pictures.npz").read_bytes()
        curve[0]["lr"] = 0.1 + seed
        run = store.write(document(seed=seed), curve, {PICTURES: pictures})
        return store.append_evaluation(run.id, ENTRY)

    return made


def read(run: Run) -> None:
    """Reads all of a record."""
    found = Store(run.path.parent).find(run.id)
    found.check()
    found.curve()
    found.pictures()


def refused(run: Run, name: str) -> str:
    """The sentence that a record with a damaged file gets, whoever reads that file."""
    with pytest.raises(RecordError) as error:
        read(run)
    sentence = str(error.value)
    assert sentence.startswith(f"{run.path / name}: ")
    assert sentence.endswith("; restore it, or move its folder away and rerun.")
    assert "\n" not in sentence
    return sentence


def test_a_record_says_what_its_files_are(whole):
    run = whole()
    document = json.loads((run.path / "run.json").read_text())
    assert document["sha256"].keys() == set(FILES)
    for name in FILES[1:]:
        assert document["sha256"][name] == run.sha256[name] == seals.of_file(run.path / name)
    assert document["evaluations"][0].keys() - ENTRY.keys() == {"sha256"}
    read(run)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9])
def test_a_changed_byte_is_noticed(whole, name, place):
    run = whole()
    content = bytearray((run.path / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (run.path / name).write_bytes(content)
    refused(run, name)


def test_no_changed_bit_of_run_json_is_taken_for_another_record(whole):
    """Every third byte; the file is read anew each time."""
    run = whole()
    store, file = Store(run.path.parent), run.path / "run.json"
    content = file.read_bytes()
    said = store.find(run.id)
    for place in range(0, len(content), 3):
        for bit in range(0, 8, 3):
            changed = bytes([content[place] ^ (1 << bit)])
            file.write_bytes(content[:place] + changed + content[place + 1 :])
            try:
                assert store.find(run.id) == said  # of the layout
            except RecordError:
                continue


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("left", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(whole, name, left):
    run = whole()
    content = (run.path / name).read_bytes()
    (run.path / name).write_bytes(content[: int(left * len(content))])
    refused(run, name)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_lost_file_is_noticed(whole, name):
    run = whole()
    (run.path / name).unlink()
    assert "cannot be read" in refused(run, name)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_record_is_noticed(whole, name):
    run = whole()
    shutil.copy(whole(seed=1).path / name, run.path / name)
    refused(run, name)


def test_an_evaluation_of_another_record_is_noticed(whole):
    run, other = whole(), whole(seed=1)
    document, theirs = (json.loads((r.path / "run.json").read_text()) for r in (run, other))
    edited = document | {"evaluations": theirs["evaluations"]}
    (run.path / "run.json").write_text(json.dumps(edited))
    assert "evaluations[0] was changed since it was written" in refused(run, "run.json")


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value in nested dicts and lists."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def edited(document: Any, path: tuple) -> Any:
    """A copy in which one value is another that JSON can hold, and most often one of its kind."""
    copy = json.loads(json.dumps(document))
    *way, last = path
    inner = copy
    for key in way:
        inner = inner[key]
    old = inner[last]
    inner[last] = old + 0.125 if isinstance(old, float) else f"{old}0" if old else 1
    return copy


def test_no_edited_value_is_taken_for_what_was_recorded(whole):
    run = whole()
    document = json.loads((run.path / "run.json").read_text())
    for path in leaves(document):
        (run.path / "run.json").write_text(json.dumps(edited(document, path)))
        refused(run, "run.json")
    (run.path / "run.json").write_text(json.dumps(document))  # in another layout
    read(run)


@pytest.mark.parametrize("where", ["document", "evaluation"])
def test_a_digest_whose_name_is_damaged_is_not_taken_for_none(whole, where):
    run = whole()
    document = json.loads((run.path / "run.json").read_text())
    inner = document if where == "document" else document["evaluations"][0]
    inner["sha257"] = inner.pop("sha256")
    (run.path / "run.json").write_text(json.dumps(document))
    assert "sha257 is no field of a record" in refused(run, "run.json")


def before(run: Run) -> Run:
    """The record as it was written before there were digests."""
    document = json.loads((run.path / "run.json").read_text())
    del document["sha256"], document["evaluations"][0]["sha256"]
    (run.path / "run.json").write_text(json.dumps(document))
    return Store(run.path.parent).find(run.id)


def test_a_record_of_before_there_were_digests_is_read(whole):
    run = before(whole())
    assert run.sha256 == {}
    read(run)
    assert run.metric("classifier", "fgsm/error") == 0.25
    again = Store(run.path.parent).append_evaluation(run.id, ENTRY | {"name": "pgd"})
    assert [entry.keys() - ENTRY.keys() for entry in again.evaluations] == [set(), {"sha256"}]
    assert "sha256" not in json.loads((run.path / "run.json").read_text())
    read(again)


def test_of_a_record_of_before_a_lost_curve_and_unreadable_pictures_are_noticed(whole):
    run = before(whole())
    (run.path / PICTURES).write_bytes(b"PK\x03\x04")
    assert "cannot be read" in refused(run, PICTURES)
    (run.path / PICTURES).unlink()
    assert run.pictures() == {}
    (run.path / "curve.csv").unlink()
    refused(run, "curve.csv")


CLEAN = {"commit": "0" * 40, "dirty": False, "seconds": 61.2}


@pytest.fixture
def adopted(store, document, curve, tmp_path) -> Callable[..., tuple[Run, Store]]:
    """Makes a record that can be adopted, and a store to adopt it to."""

    def made(data: str) -> tuple[Run, Store]:
        np.savez(tmp_path / "pictures.npz", parents=np.arange(5))
        content = (tmp_path / "pictures.npz").read_bytes()
        one = document(name=f"{data}/thin/mixup", provenance=CLEAN)
        beside = {"weights.safetensors": seals.of_bytes(b"weights")}
        run = store.write(one, curve, {PICTURES: content}, beside)
        return store.append_evaluation(run.id, ENTRY), Store(tmp_path / "kept")

    return made


@pytest.mark.parametrize(("data", "pictures"), [("photodigits", True), ("cifar100", False)])
def test_an_adopted_record_says_what_it_has(adopted, data, pictures):
    run, kept = adopted(data)
    copy = kept.publish(run)
    assert (copy.pictures() != {}) is pictures
    assert copy.sha256.keys() - {PICTURES} == {"run.json", "curve.csv", "weights.safetensors"}
    assert (PICTURES in copy.sha256) is pictures
    read(copy)
    assert (copy.metrics, copy.evaluations) == (run.metrics, run.evaluations)
    if pictures:
        assert (copy.path / "run.json").read_bytes() == (run.path / "run.json").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_record_is_not_adopted(adopted, name):
    run, kept = adopted("photodigits")
    with (run.path / name).open("ab") as file:
        file.write(b"0")
    with pytest.raises(RecordError, match=str(run.path / name)):
        kept.publish(run)
    (run.path / name).unlink()
    with pytest.raises(RecordError, match=str(run.path / name)):
        kept.publish(run)
    assert kept.all() == []
