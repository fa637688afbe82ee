"""Two processes that train together: what one would compute, and one end for both."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from adautomix import data, processes
from adautomix.data.augment import Augment
from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.errors import InputError
from adautomix.evaluate import accuracy_of
from adautomix.methods import AdAutoMix, Plain
from adautomix.models import Backbone
from adautomix.recipes import SGD
from adautomix.record import Store
from adautomix.train import Plan, Training

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_gloo_available(), reason="this torch has no gloo"
)
SIDE, CLASSES, BATCH = 16, 4, 8
PACKAGE = Path(__file__).resolve().parents[2]
WORDS = ["train", "photodigits/thin/adautomix", "--budget", "smoke", "--device", "cpu"]


class Net(nn.Module):
    """A network whose answer for an image depends on the other images only with BatchNorm."""

    num_classes = CLASSES

    def __init__(self, norm: bool):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, images):
        seen = self.second(self.norm(self.first(images)).relu()).relu()
        return self.fc(seen.mean(dim=(2, 3)))


def training(config, *, norm=False, **plan) -> Training:
    torch.manual_seed(0)
    method = config.build(Backbone(Net(norm), tap="norm"), SIDE, seed=0)
    return Training(method, Plan(1, SGD(lr=0.1), **plan), 4, numerics=Numerics(), seed=0)


def batch(step: int) -> Batch:
    source = torch.Generator().manual_seed(step)
    labels = torch.randint(0, CLASSES, (BATCH,), generator=source)
    return Batch(torch.randn(BATCH, 3, SIDE, SIDE, generator=source), labels)


def gradients(trained: Training, given: Batch) -> dict[str, torch.Tensor]:
    trained._backward(*given, trained.method.updates[0])
    return {n: p.grad for n, p in trained.method.named_parameters() if p.grad is not None}


CASES = {
    "plain": (Plain(), 1),
    "adautomix": (AdAutoMix(), 2),
    "in four parts": (AdAutoMix(n=2), 4),
    "in turns": (AdAutoMix(classifier_updates=2), 2),
}
"""Methods, and the parts in which one process mixes a batch as two processes do."""


def _one_of_two(rank, folder):
    """Save what one of two processes finds: gradients, networks after two steps, accuracy."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    half, found = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2), {}
    for name, (config, parts) in CASES.items():
        mine = training(config, parts=max(1, parts // 2))
        found[name] = gradients(mine, Batch(*(each[half] for each in batch(0))))
    mine = training(AdAutoMix(), norm=True)
    for step in range(2):
        mine.update(Batch(*(each[half] for each in batch(step))))
    found["statistics"] = statistics_of_a_step(Batch(*(each[half] for each in batch(0))))
    found["networks"], found["sums"] = mine.method.state_dict(), mine.sums
    found["accuracy"] = tuple(accuracy_of(network(), shown(), Numerics(), Augment()))
    found["flags"] = processes.any_of(rank == 1, False)
    found["said"] = processes.from_first(lambda: f"by {rank}")
    try:
        processes.from_first(lambda: 1 // 0)
    except (ZeroDivisionError, SystemExit) as error:
        found["failed"] = repr(error)
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def statistics_of_a_step(given: Batch) -> torch.Tensor:
    trained = training(Plain(), norm=True)
    trained.update(given)
    return trained.method.classifier.model.norm.running_mean


def shown():
    return data.read("photodigits", "test")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    torch.multiprocessing.spawn(_one_of_two, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_gradients_of_one_on_the_joined_batch(two, name):
    config, parts = CASES[name]
    alone = gradients(training(config, parts=parts), batch(0))
    for each in two:
        torch.testing.assert_close(each[name], alone, rtol=1e-6, atol=1e-6)
    assert max(float(each.abs().max()) for each in alone.values()) > 1e-3


def test_networks_teacher_and_losses_are_the_same_in_both(two):
    first, second = (each["networks"] for each in two)
    assert any(name.startswith("teacher.") and "running_var" in name for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert two[0]["sums"] == two[1]["sums"]


def test_batchnorm_keeps_the_mean_of_what_both_saw(two):
    alone = training(Plain(), norm=True)
    layer = alone.method.classifier.model.norm
    before = layer.running_mean.clone()
    given = batch(0)
    means = []
    for half in (slice(0, BATCH // 2), slice(BATCH // 2, BATCH)):
        layer.running_mean.copy_(before)
        alone.method.classifier(given.images[half])
        means.append(layer.running_mean.clone())
    torch.testing.assert_close(two[0]["statistics"], (means[0] + means[1]) / 2)


def test_two_processes_evaluate_as_one(two):
    alone = accuracy_of(network(), shown(), Numerics(), Augment())
    for each in two:
        top1, top5, loss, *counts = each["accuracy"]
        assert (top1, top5, *counts) == (alone.top1, alone.top5, alone.n, alone.left_out)
        assert loss == pytest.approx(alone.loss, rel=1e-6)


def test_one_decides_for_both_and_its_failure_ends_both(two):
    assert [each["flags"] for each in two] == [[True, False]] * 2
    assert [each["said"] for each in two] == ["by 0"] * 2
    assert two[0]["failed"].startswith("ZeroDivisionError(")
    assert two[1]["failed"] == "SystemExit(1)"


def test_a_process_alone_is_as_it_was():
    module = nn.Linear(2, 2)
    assert (processes.rank(), processes.count(), processes.launcher()) == (0, 1, [])
    assert processes.wrapped(module) is module
    assert processes.any_of(True, False) == [True, False]
    with processes.joined("auto") as device:
        assert device == "auto"


def test_batchnorm_over_processes_needs_a_gpu():
    with pytest.raises(InputError, match="SyncBatchNorm needs GPUs"):
        processes.synchronised(nn.BatchNorm2d(2), "cpu")


def started(runs: Path, *more: str) -> list[subprocess.Popen]:
    """Both processes of a run, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": "2"}
    words = [sys.executable, "-m", "adautomix", *WORDS, *more, "--runs", str(runs)]
    return [
        subprocess.Popen(
            words,
            env=os.environ | common | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]


def signalled(runs: Path, number: int) -> list[tuple[int, str]]:
    """Send the second process a signal when there is a checkpoint; both statuses and stderrs."""
    both = started(runs, "--set", "epochs=40", "--checkpoint-every", "0.01s")
    while not list(runs.glob("*/checkpoints/step-*")):
        assert all(each.poll() is None for each in both), both[0].stderr.read()
        time.sleep(0.02)
    both[1].send_signal(number)
    said = [each.communicate()[1] for each in both]
    return [(each.returncode, text) for each, text in zip(both, said, strict=True)]


def go_on(runs: Path) -> None:
    """Finish the run in one process."""
    words = [sys.executable, "-m", "adautomix", *WORDS, "--set", "epochs=40", "--runs", str(runs)]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
    subprocess.run(words, env=environment, check=True, capture_output=True)


@pytest.mark.slow
def test_sigterm_to_one_process_stops_both_and_one_process_goes_on(tmp_path):
    (first, said), (second, silent) = signalled(tmp_path, signal.SIGTERM)
    assert (first, second) == (3, 3), said + silent
    assert said.startswith("adautomix: stopped as asked after step ")
    assert silent == ""
    assert len(list(tmp_path.glob("*/checkpoints/step-*"))) == 1
    go_on(tmp_path)
    (run,) = Store(tmp_path).all()
    two, one = run.provenance["segments"]
    assert two["device"] == f"{one['device']}, 2 processes"
    assert one["from_step"] > two["from_step"] == 0
    assert run.provenance["steps"] == int(run.curve()["step"].iloc[-1])


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_other_with_a_sentence_and_a_checkpoint(tmp_path):
    (first, said), (second, _) = signalled(tmp_path, signal.SIGKILL)
    assert (first, second) == (1, -signal.SIGKILL)
    assert said.startswith("adautomix: another process of this run ended, so this one stops: ")
    assert said.count("\n") == 1
    go_on(tmp_path)
    assert len(Store(tmp_path).all()) == 1


@pytest.mark.slow
def test_torchrun_makes_one_record_of_two_processes(tmp_path):
    words = ["-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "adautomix", *WORDS]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words, "--runs", str(tmp_path)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Recorded: ") == 1
    (run,) = Store(tmp_path).all()
    assert run.provenance["device"].endswith(", 2 processes")
    assert run.provenance["command"].startswith(
        "torchrun --nproc-per-node=2 -m adautomix train photodigits/thin/adautomix --budget smoke"
    )
    assert load_file(run.path / "weights.safetensors")
