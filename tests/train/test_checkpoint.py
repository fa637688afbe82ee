"""A run that was saved and gone on with is the run that was never stopped, bit by bit."""

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adautomix.device import decide
from adautomix.errors import DivergenceError, RecordError
from adautomix.methods import AdAutoMix, Plain
from adautomix.recipes import SGD, AdamW
from adautomix.train import Training, latest, load, save, train
from adautomix.train.weights_file import load_weights, save_weights

METHODS = {"plain": Plain(momentum=0.9), "adautomix": AdAutoMix(momentum=0.9)}
OPTIMS = {"sgd": SGD(lr=0.1, generator_lr=0.01), "adamw": AdamW(lr=0.01)}


def measure(method) -> dict[str, float]:
    """Any numbers that depend on all the weights."""
    sums = [float(t.double().sum()) for t in method.state_dict().values()]
    return {"classifier_top1": math.sin(sum(sums)), "teacher_top1": math.cos(sum(sums))}


def until(training: Training, batches, step: int) -> None:
    """Goes on to the end of a step; an epoch that ends there stays open."""
    for _ in train(training, batches, measure):
        if training.step == step:
            return


def flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of nested dicts and lists with its path."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from flat(item, f"{name}.{key}")
    else:
        yield name, value


def everything(training: Training) -> dict[str, object]:
    """All the state of a run but its seconds: weights, optimiser, sums, curve."""
    state = {
        "weights": training.method.state_dict(),
        "optimiser": training.optimiser.state_dict(),
        "sums": training.sums,
        "notes": training.notes,
        "step": training.step,
        "curve": [row | {"seconds": 0} for row in training.curve],
    }
    return dict(flat(state))


def assert_same(a: Training, b: Training) -> None:
    found, expected = everything(a), everything(b)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        same = torch.equal if isinstance(value, Tensor) else lambda x, y: x == y
        assert same(found[name], value), name


@pytest.mark.parametrize("stop", [1, 3, 4, 5])  # 4 steps an epoch
@pytest.mark.parametrize("optim", OPTIMS)
@pytest.mark.parametrize("method", METHODS)
def test_going_on_equals_the_straight_run(make, batches, tmp_path, method, optim, stop):
    settings = {"optim": OPTIMS[optim], "dropout": 0.3}
    straight = make(METHODS[method], **settings)
    list(train(straight, batches(), measure))
    first = make(METHODS[method], **settings)
    until(first, batches(), stop)
    first.notes["mixed_0"] = torch.arange(3)
    saved = save(first, tmp_path)

    second = make(METHODS[method], **settings)
    load(second, saved)
    assert_same(second, first)
    for name in ("seconds", "cpu_seconds", "stepping", "waiting"):
        assert getattr(second, name) == getattr(first, name) > 0
    list(train(second, batches(), measure))
    del second.notes["mixed_0"]
    assert_same(second, straight)
    assert len(second.curve) == 2


def test_going_on_twice_and_in_another_memory_layout_changes_nothing(make, batches, tmp_path):
    runs = []
    for stops in ((), (2, 5)):
        training = make(METHODS["adautomix"], numerics=decide("cpu", channels_last=True))
        for stop in stops:
            until(training, batches(), stop)
            saved = save(training, tmp_path)
            training = make(METHODS["adautomix"], numerics=decide("cpu", channels_last=True))
            load(training, saved)
        list(train(training, batches(), measure))
        runs.append(training)
    assert_same(*runs)


def test_only_the_newest_checkpoint_is_kept(make, batches, tmp_path):
    training = make(Plain())
    assert latest(tmp_path / "none") is None
    (tmp_path / ".writing-killed").mkdir()  # what a killed process leaves
    assert latest(tmp_path) is None
    for stop in (2, 3):
        until(training, batches(), stop)
        save(training, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003"]
    assert latest(tmp_path) == tmp_path / "step-000000003"


def test_a_step_can_be_saved_again(make, batches, tmp_path):
    training = make(Plain())
    until(training, batches(), 2)
    save(training, tmp_path)
    training.notes["later"] = torch.ones(1)
    save(training, tmp_path)
    other = make(Plain())
    load(other, latest(tmp_path))
    assert_same(other, training)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["weights.safetensors", "optimiser.pt", "state.json"])
@pytest.mark.parametrize("left", [0, 1, 30])
def test_a_damaged_checkpoint_is_one_sentence(make, batches, tmp_path, name, left):
    training = make(Plain())
    until(training, batches(), 2)
    saved = save(training, tmp_path)
    (saved / name).write_bytes((saved / name).read_bytes()[:left])
    with pytest.raises(RecordError) as error:
        load(make(Plain()), saved)
    sentence = str(error.value)
    assert sentence.startswith(f"cannot go on from the checkpoint {saved} (")
    assert sentence.endswith("): delete that folder to start this run again.")
    assert "\n" not in sentence


def test_the_checkpoint_of_another_network_is_refused(make, batches, tmp_path):
    training = make(Plain())
    until(training, batches(), 2)
    saved = save(training, tmp_path)
    with pytest.raises(RecordError, match="cannot go on"):
        load(make(AdAutoMix()), saved)


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The system refuses to write on, as it does when the disk is full."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("file", range(3))  # the smallest, the next, the largest
def test_a_full_disk_leaves_the_former_checkpoint(make, batches, tmp_path, file):
    training = make(Plain())
    until(training, batches(), 2)
    save(training, tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    size = sorted(map(len, kept.values()))[file] - 1
    until(training, batches(), 3)
    with no_file_longer_than(size), pytest.raises(RecordError) as error:
        save(training, tmp_path)
    assert str(error.value).startswith(f"cannot write a checkpoint to {tmp_path} (")
    assert str(error.value).endswith("the former checkpoint is untouched.")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000002"]
    save(training, tmp_path)
    assert latest(tmp_path).name == "step-000000003"


@pytest.mark.parametrize("culprit", ["weights", "sums"])
def test_what_is_not_a_number_is_never_saved(make, batches, tmp_path, culprit):
    training = make(Plain())
    until(training, batches(), 2)
    save(training, tmp_path)
    until(training, batches(), 3)
    if culprit == "weights":
        with torch.no_grad():
            training.method.classifier.model.fc.weight[1, 2] = math.nan
        what = "the weight classifier.model.fc.weight"
    else:
        training.sums["ce"] = torch.tensor(math.inf)
        what = "ce"
    with pytest.raises(DivergenceError, match=f"step 3 of 8, {what} is not finite"):
        save(training, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000002"]


def test_weights_are_written_whole_or_not_at_all(make, tmp_path):
    file = tmp_path / "new" / "weights.safetensors"
    one, two = make(Plain()).method, make(Plain()).method
    with torch.no_grad():
        two.classifier.model.fc.weight.add_(1)
    save_weights(one, file)
    with no_file_longer_than(100), pytest.raises(RecordError, match=r"cannot write .*make room"):
        save_weights(two, file)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    load_weights(two, file)
    assert torch.equal(two.classifier.model.fc.weight, one.classifier.model.fc.weight)


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_weights_that_cannot_be_read_are_one_sentence(make, tmp_path, content):
    file: Path = tmp_path / "weights.safetensors"
    if content is None:  # of another network
        save_weights(make(AdAutoMix()).method, file)
    else:
        file.write_bytes(content)
    with pytest.raises(
        RecordError, match=r"cannot read the weights in .*: delete .* and train the run again\."
    ):
        load_weights(make(Plain()).method, file)
