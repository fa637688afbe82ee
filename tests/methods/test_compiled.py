"""Compiling a step: what is compiled, and when; the gain is the benchmarks' affair."""

import os
import subprocess
import sys

import pytest
import torch

from adautomix.methods import METHODS
from adautomix.models import Net
from adautomix.rng import StepRNG


@pytest.fixture
def compiler(monkeypatch):
    """Stands in for `torch.compile`, and notes the sizes of the batches it is given."""
    sizes = []

    def compile(function, **options):
        assert options["dynamic"] is False

        def compiled(images, *rest):
            sizes.append(len(images))
            return function(images, *rest)

        return compiled

    monkeypatch.setattr(torch, "compile", compile)
    return sizes


def batch(size):
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, 3, 16, 16, generator=generator), torch.arange(size) % 5


@pytest.mark.parametrize("name", ["plain", "mixup", "adautomix"])
def test_a_batch_of_another_size_runs_uncompiled(name, compiler):
    method = METHODS[name].build(Net("resnet18", width=8).build(5), 16).train()
    method.compile_step()
    for size in (6, 6, 4, 6):
        assert method(*batch(size), StepRNG(0)).total.isfinite()
    assert compiler == [6, 6, 6]


TRACED = """
import sys, torch
from torch._dynamo.utils import counters
from adautomix.methods import METHODS
from adautomix.models import Backbone, Net
from adautomix.rng import StepRNG

name, tap, labels = sys.argv[1:]
net = Net("resnet18", width=8).build(5)
net = net if tap == "-2" else Backbone(net.model, tap=tap)
method = METHODS[name].build(net, 16).train()
method.compile_step(backend="eager")
for step in range(2):
    images, numbers = torch.randn(6, 3, 16, 16), torch.arange(6) % 5
    given = torch.eye(5)[numbers] if labels == "soft" else numbers
    method(images, given, StepRNG(0, step)).total.backward()
print(counters["stats"]["unique_graphs"], sum(counters["graph_break"].values()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tap", "labels"),
    [
        ("snapmix", "-2", "numbers"),
        ("automix", "-2", "numbers"),
        ("adautomix", "-2", "numbers"),
        ("adautomix", "layer3", "soft"),
    ],
)
def test_the_step_is_one_graph(name, tap, labels):
    """Where no types are checked: the checks themselves cannot be traced."""
    command = [sys.executable, "-c", TRACED, name, tap, labels]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "0"]
