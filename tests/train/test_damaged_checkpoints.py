"""A checkpoint that is not as it was saved, or not of this run, is refused and changes nothing."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from adautomix.errors import RecordError
from adautomix.methods import AdAutoMix, Plain
from adautomix.recipes import SGD
from adautomix.storage import seals
from adautomix.train import Training, checkpoint, load, save, train
from adautomix.train.state import PROGRESS, STATE, State
from adautomix.train.weights_file import save_weights

FILES = ("weights.safetensors", "optimiser.pt", STATE)


def measure(method) -> dict[str, float]:
    return {"classifier_top1": float(next(method.parameters()).detach().abs().mean())}


@pytest.fixture
def training(make) -> Callable[..., Training]:
    """Makes a training of the run `run` at step 0."""

    def made(run: str = "plain-a", lr: float = 0.1, config=None) -> Training:
        found = make(config or Plain(momentum=0.9), optim=SGD(lr=lr, momentum=0.9))
        found.run = run
        return found

    return made


@pytest.fixture
def saved(training, batches, tmp_path) -> Callable[..., Path]:
    """Makes the checkpoint after step 5 of 8, one epoch and a step."""

    def made(run: str = "plain-a", lr: float = 0.1, config=None) -> Path:
        one = training(run, lr, config)
        one.segments.append({"from_step": 0, "commit": "c"})
        for _ in train(one, batches(), measure):
            if one.step == 5:
                break
        return save(one, tmp_path / f"{run}-{lr}")

    return made


def unsealed(folder: Path, kept: Iterable[str] = ()) -> None:
    """Makes of a checkpoint one of before there were digests."""
    document = json.loads((folder / STATE).read_text())
    names = {*PROGRESS, *kept}
    (folder / STATE).write_text(json.dumps({name: document[name] for name in names}))


def resealed(folder: Path, **changes: Any) -> None:
    """Changes what the state says and seals it again: no damage, but nothing that `save` writes."""
    document = json.loads((folder / STATE).read_text()) | changes
    (folder / STATE).write_text(json.dumps(seals.sealed(document, STATE, document["sha256"])))


def refused(training: Training, folder: Path) -> str:
    """The sentence with which a checkpoint is refused; nothing of the training has changed."""
    before = {name: t.clone() for name, t in training.method.state_dict().items()}
    with pytest.raises(RecordError) as error:
        load(training, folder)
    sentence = str(error.value)
    assert sentence.startswith(f"cannot go on from the checkpoint {folder} (")
    assert sentence.endswith("): delete that folder to start this run again.")
    assert "\n" not in sentence
    after = training.method.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert training.optimiser.state_dict()["state"] == {}
    assert [getattr(training, name) for name in PROGRESS] == [0, 0.0, 0.0, [], []]
    assert (training.sums, training.notes) == ({}, {})
    return sentence


def test_a_checkpoint_says_whose_it_is_and_what_its_files_are(saved, training):
    folder = saved()
    document = json.loads((folder / STATE).read_text())
    assert document["run"] == "plain-a"
    assert document["sha256"].keys() == set(FILES)
    for name in FILES[:2]:
        assert document["sha256"][name] == seals.of_file(folder / name)
    assert load(training(), folder).sha256 == {n: document["sha256"][n] for n in FILES[:2]}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_changed_byte_is_noticed(saved, training, name, place):
    folder = saved()
    content = bytearray((folder / name).read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    (folder / name).write_bytes(content)
    refused(training(), folder)


def flipped(content: bytes) -> Iterator[bytes]:
    """The content with one bit changed, for every bit."""
    for place in range(len(content)):
        for bit in range(8):
            yield content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def test_no_changed_bit_of_the_state_is_taken_for_another_state(saved):
    content = (saved() / STATE).read_bytes()
    said = State.parse(content)
    for changed in flipped(content):
        try:
            assert State.parse(changed) == said  # of the layout
        except ValueError:
            continue


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("left", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(saved, training, name, left):
    folder = saved()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(left * len(content))])
    refused(training(), folder)


@pytest.mark.parametrize("name", FILES)
def test_a_lost_file_is_noticed(saved, training, name):
    folder = saved()
    (folder / name).unlink()
    assert name in refused(training(), folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("other", [("plain-a", 0.05), ("plain-b", 0.1), ("plain-b", 0.05)])
def test_a_file_of_another_checkpoint_is_noticed(saved, training, name, other):
    folder, theirs = saved(), saved(*other)
    same = (folder / name).read_bytes() == (theirs / name).read_bytes()
    assert same is (name != STATE and other[1] == 0.1)  # the name of a run is in its state alone
    shutil.copy(theirs / name, folder / name)
    if not same:
        refused(training(), folder)


def test_the_checkpoint_of_another_run_is_refused(saved, training):
    folder = saved("plain-b", 0.05)
    assert "(it is of the run 'plain-b', not 'plain-a')" in refused(training(), folder)


def test_the_checkpoint_of_another_network_is_refused(saved, training):
    folder = saved("plain-a", 0.1, AdAutoMix())
    assert "(its weights are of another network, " in refused(training(), folder)
    unsealed(folder)
    assert "(its weights are of another network, " in refused(training(), folder)


EDITED = {
    "step": [4, 6, -1, "5", 2.5, True, None, [], 10**400],
    "seconds": [-1.0, "1", None, True, float("nan"), float("inf")],
    "cpu_seconds": [-1.0, "1", None, True, float("nan")],
    "waiting": [-1.0, "1", None],
    "curve": [None, {}, [], [1], [{"lr": "x"}], [{"lr": None}], [{"lr": True}], [{"lr": 1.0}] * 3],
    "segments": [None, {}, "x", [1]],
}
ROWS = [(name, value) for name, values in EDITED.items() for value in values]


@pytest.mark.parametrize("seal", [resealed, unsealed])
@pytest.mark.parametrize(("name", "value"), ROWS)
def test_what_no_state_can_say_is_named(saved, training, name, value, seal):
    """Also in a checkpoint without digests, where nothing else would notice it."""
    folder = saved()
    document = json.loads((folder / STATE).read_text()) | {name: value}
    (folder / STATE).write_text(json.dumps(document))
    if seal is unsealed:
        unsealed(folder, {name})
    elif value == value and value != float("inf"):  # JSON has no other numbers
        resealed(folder)
    refused(training(), folder)


@pytest.mark.parametrize("name", [*PROGRESS, "run", "sha256"])
def test_a_state_with_a_field_less_or_more_is_refused(saved, training, name):
    folder = saved()
    document = json.loads((folder / STATE).read_text())
    (folder / STATE).write_text(json.dumps({k: v for k, v in document.items() if k != name}))
    assert f"(its {name} is missing)" in refused(training(), folder)
    (folder / STATE).write_text(json.dumps(document | {f"{name}_": 1}))
    assert f"(it has a strange field '{name}_')" in refused(training(), folder)


@pytest.mark.parametrize("content", ["", "[]", "3", "null", "{", "\xff"])
def test_what_is_no_state_at_all_is_refused(saved, training, content):
    folder = saved()
    (folder / STATE).write_text(content, encoding="latin1")
    refused(training(), folder)


def numbers(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every number in nested dicts and lists."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(item, (*path, key))
    elif isinstance(value, int | float):
        yield path


def test_an_edited_number_is_noticed(saved, training):
    folder = saved()
    content = (folder / STATE).read_text()
    paths = list(numbers(json.loads(content)))
    assert len(paths) > 8
    for *path, last in paths:
        document = json.loads(content)
        inner = document
        for key in path:
            inner = inner[key]
        inner[last] += 1
        (folder / STATE).write_text(json.dumps(document))
        assert "changed since it was written" in refused(training(), folder)


def test_a_checkpoint_of_before_there_were_digests_is_gone_on_from(saved, training, batches):
    straight = training()
    list(train(straight, batches(), measure))
    folder = saved()
    unsealed(folder)
    second = training()
    assert load(second, folder).sha256 == {}
    list(train(second, batches(), measure))
    own, other = second.method.state_dict(), straight.method.state_dict()
    assert all(torch.equal(own[name], other[name]) for name in other)


def test_a_renamed_checkpoint_of_before_is_refused(saved, training):
    folder = saved()
    unsealed(folder)
    renamed = folder.rename(folder.with_name("step-000000006"))
    assert "(its step is 5, unlike its name)" in refused(training(), renamed)


def test_only_checkpoints_are_looked_for(saved):
    folder = saved()
    (folder.parent / "step-notes.txt").write_text("")
    (folder.parent / "step-000000009").write_text("")
    (folder.parent / "step-0000000091").mkdir()
    assert checkpoint.latest(folder.parent) == folder


def test_a_damaged_newest_checkpoint_is_looked_at_once(saved):
    folder = saved()
    (folder / STATE).unlink()
    with pytest.raises(RecordError, match=r"state\.json"):
        checkpoint.newest(folder.parent, checkpoint.read_state)
    shutil.rmtree(folder)
    assert checkpoint.newest(folder.parent, checkpoint.read_state) is None


def test_what_cannot_be_saved_is_told_from_a_full_disk(training, tmp_path):
    one = training()
    one.curve.append({"classifier_loss": float("nan")})
    with pytest.raises(RecordError, match=r"cannot be saved as JSON .*: measure finite numbers"):
        save(one, tmp_path)
    assert list(tmp_path.iterdir()) == []
    odd = nn.Linear(3, 3)
    odd.register_buffer("odd", torch.eye(3).to_sparse())
    with pytest.raises(RecordError, match=r"this Linear cannot be saved .*: use a network whose"):
        save_weights(odd, tmp_path / "weights.safetensors")
    assert list(tmp_path.iterdir()) == []
