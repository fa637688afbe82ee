"""Training on a GPU: captured, exact, resumable, in bounded memory; run with -m gpu."""

import os
from dataclasses import replace

import pytest
import torch

from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.errors import InputError
from adautomix.methods import METHODS, AdAutoMix, Plain
from adautomix.methods.plain import PlainMethod
from adautomix.models import Net
from adautomix.recipes import SGD
from adautomix.train import Plan, Training, checkpoint
from adautomix.train.captured import REHEARSALS, CapturedStep

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("annotations_unchecked", "exact"),
    pytest.mark.filterwarnings("ignore:.*deterministic"),
]

DEVICE, CLASSES, SIDE, BATCH, STEPS = "cuda", 4, 16, 8, 20
EACH = [name for name in METHODS if name != "dada"] + ["dada"]
"""DADA last: with torch 2.11 it used to end the process."""


@pytest.fixture
def exact():
    """Without TF32, and with torch's deterministic operations where there are any."""
    convolutions, products = torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = convolutions.fp32_precision, products.fp32_precision
    convolutions.fp32_precision = products.fp32_precision = "ieee"
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)
    convolutions.fp32_precision, products.fp32_precision = before


def noise(step, device=DEVICE, size=BATCH):
    generator = torch.Generator().manual_seed(step)
    images = torch.randn(size, 3, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (size,), generator=generator)
    return Batch(images.to(device), labels.to(device))


def training_of(config, numerics, lr=0.1, drop=0.0, **plan):
    """A training of a thin ResNet-18; a method whose libraries are not there is skipped."""
    backbone = Net("resnet18", stem="cifar", width=8).build(CLASSES)
    backbone.model.drop_rate = drop
    method = config.build(backbone, SIDE)
    return Training(method, Plan(9, SGD(lr=lr), **plan), 10, numerics=numerics)


def updated(training, steps, device=DEVICE):
    """Take the steps and return their losses: total and terms."""
    try:
        taken = [training.update(noise(step, device)) for step in steps]
    except InputError as error:
        if "pip install" in str(error):
            pytest.skip(str(error))
        raise
    return [{"total": losses.total, **losses.terms} for losses in taken]


def same(training, other):
    mine, theirs = training.method.state_dict(), other.method.state_dict()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []


def alike(name, found, expected, close):
    for mine, theirs in zip(found, expected, strict=True):
        for term, value in mine.items():
            where = f"{term} of {name}"
            assert float(value) == pytest.approx(float(theirs[term]), rel=close, abs=1e-5), where


@pytest.mark.parametrize("name", EACH)
def test_repeated_steps_equal_eager_ones(name):
    captured = training_of(METHODS[name], Numerics(DEVICE))
    eager = training_of(METHODS[name], Numerics(DEVICE, capture=False))
    found, expected = updated(captured, range(STEPS)), updated(eager, range(STEPS))
    assert captured.way.startswith("captured"), captured.way
    assert captured.captured.repeated > 0
    assert eager.way == "eager (as asked)"
    if name == "dada":  # grid_sample has no deterministic gradient
        alike(name, found[:5], expected[:5], 1e-3)
    else:
        assert [f == e for f, e in zip(found, expected, strict=True)] == [True] * STEPS
        same(captured, eager)


@pytest.mark.parametrize("name", EACH)
def test_fp32_is_that_of_the_processor_with_the_same_random_numbers(name):
    """At a rate so low that differences do not grow; DADA and PuzzleMix round within the step."""
    runs = [training_of(METHODS[name], Numerics(where), lr=1e-9) for where in (DEVICE, "cpu")]
    found = updated(runs[0], range(5))
    close = 1e-2 if name in ("dada", "puzzlemix") else 1e-4
    alike(name, found, updated(runs[1], range(5), "cpu"), close)


@pytest.mark.parametrize("name", EACH)
def test_bf16_is_finite(name):
    training = training_of(METHODS[name], Numerics(DEVICE, "bf16", channels_last=True))
    found = updated(training, range(6))
    assert all(value.isfinite() for losses in found for value in losses.values())
    assert training.way.startswith("captured"), training.way
    training.check_weights()


@pytest.mark.parametrize("drop", [0.0, 0.3], ids=["", "dropout"])
@pytest.mark.parametrize("changed", [{}, {"classifier_updates": 2, "generator_updates": 3}])
def test_dropout_several_updates_and_clipping_are_those_of_eager_steps(changed, drop):
    config = replace(AdAutoMix(momentum=0.9), **changed)
    runs = [training_of(config, Numerics(DEVICE, capture=c), drop=drop) for c in (True, False)]
    for training in runs:
        training.plan = replace(training.plan, optim=SGD(lr=0.1, clip=0.1))
    found, expected = (updated(training, range(8)) for training in runs)
    assert found == expected
    same(*runs)
    assert runs[0].captured.repeated > 0


def test_a_batch_of_another_size_runs_eagerly_in_between():
    runs = [training_of(AdAutoMix(), Numerics(DEVICE, capture=each)) for each in (True, False)]
    for step, size in enumerate([8, 8, 8, 5, 8, 5, 8]):
        mine, theirs = (training.update(noise(step, size=size)) for training in runs)
        assert torch.equal(mine.total, theirs.total)
    same(*runs)
    assert runs[0].captured.repeated == 3


@pytest.mark.parametrize("name", ["plain", "automix", "adautomix"])
def test_a_run_resumed_in_the_middle_goes_on_with_the_same_bits(name, tmp_path):
    straight = training_of(METHODS[name], Numerics(DEVICE), drop=0.3)
    updated(straight, range(5))
    checkpoint.save(straight, tmp_path)
    resumed = training_of(METHODS[name], Numerics(DEVICE), drop=0.3)
    checkpoint.load(resumed, checkpoint.latest(tmp_path))
    assert updated(resumed, range(5, 12)) == updated(straight, range(5, 12))
    same(resumed, straight)


@pytest.mark.parametrize("name", ["plain", "adautomix"])
def test_the_memory_of_a_step_neither_grows_nor_exceeds_the_eager_one_much(name):
    peaks = []
    for capture in (False, True):
        training = training_of(METHODS[name], Numerics(DEVICE, capture=capture))
        for step in range(REHEARSALS + 2):
            training.update(noise(step, size=128))
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        for step in range(8):
            training.update(noise(step, size=128))
        assert torch.cuda.memory_allocated() <= held + 2**20
        peaks.append(torch.cuda.max_memory_reserved())
        del training
        torch.cuda.empty_cache()
    assert peaks[1] < 2 * peaks[0] + 2**26


class Reading(PlainMethod):
    """A method of one's own that looks at a value."""

    def compute(self, images, labels):
        return super().compute(images if images.mean() < 1e9 else -images, labels)


def test_a_method_that_reads_values_runs_eagerly_and_is_told():
    training = training_of(Plain(), Numerics(DEVICE), drop=0.3)
    training.method = training.forward = Reading(training.method.classifier, None).train()
    recorder = training.captured.recorder
    training.captured = CapturedStep(training.method, training.numerics, recorder)
    updated(training, range(5))
    assert training.way == "eager (the host waits for the device within it)"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "adautomix"])
def test_a_compiled_step_is_captured_too(name):
    """With inductor inside the graph; its BatchNorm rounds otherwise than cuDNN's."""
    eager = training_of(METHODS[name], Numerics(DEVICE, capture=False), lr=1e-9)
    compiled = training_of(METHODS[name], Numerics(DEVICE, compile=True), lr=1e-9)
    alike(name, updated(compiled, range(5)), updated(eager, range(5)), 1e-3)
    assert compiled.way.startswith("captured"), compiled.way
