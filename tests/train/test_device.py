"""What `decide` chooses and refuses, and that precision and layout change rounding alone."""

import pytest
import torch
from torch import nn

from adautomix.device import Numerics, decide
from adautomix.errors import InputError
from adautomix.methods import AdAutoMix, Plain
from adautomix.train import train


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_without_an_accelerator_is_fp32_on_the_cpu_and_says_why(no_accelerator):
    found = decide()
    assert (found.device, found.precision, found.compile) == ("cpu", "fp32", False)
    assert str(found).startswith("fp32 (cpu default)")


def test_what_is_asked_for_is_taken(no_accelerator):
    found = decide("cpu", "bf16", channels_last=True, compile=True)
    assert found == Numerics("cpu", "bf16", True, True, "as asked")
    assert str(found) == "bf16 (as asked), channels last, compiled"


def test_a_gpu_that_multiplies_bf16_gets_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for capability, precision in (((8, 0), "bf16"), ((7, 5), "fp32")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        found = decide()
        assert (found.device, found.precision, found.channels_last) == ("cuda", precision, True)
    assert decide("cuda:1", "fp32").device == "cuda:1"
    with pytest.raises(
        InputError, match="'cuda:2' was asked for, but this machine has 2 CUDA GPUs"
    ):
        decide("cuda:2")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("cuda",),
            "device 'cuda' was asked for, but this machine has no CUDA GPU: use device 'cpu'",
        ),
        (("mps",), "device 'mps' was asked for, but this machine has no Apple GPU"),
        (("gpu",), "unknown device 'gpu'.*Known: auto, cpu, cuda, mps"),
        (("meta",), "unknown device 'meta'"),
        (("",), "unknown device ''"),
        (("cpu", "fp16"), "unknown precision 'fp16': did you mean"),
        (("cpu:7",), "device 'cpu:7' was asked for, but this machine has one device 'cpu', which"),
    ],
)
def test_what_cannot_be_is_refused(no_accelerator, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        decide(*arguments)


@pytest.mark.parametrize("precision", ["fp16", "auto"])
def test_numerics_have_a_precision_that_is_computed_in(precision):
    with pytest.raises(InputError, match=f"unknown precision '{precision}'.*: bf16, fp32"):
        Numerics("cpu", precision)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", "cpu:7", "tpu"])
def test_nothing_is_placed_on_a_device_that_is_not_there(no_accelerator, device):
    with pytest.raises(InputError, match=f"device '{device}'.*(has|cpu, cuda, mps)"):
        Numerics(device).place(nn.Linear(1, 1))


def test_a_device_of_torch_is_taken(no_accelerator):
    assert decide(torch.device("cpu")) == decide("cpu")
    assert decide("cpu:0").device == "cpu:0"


def test_bf16_computes_in_bf16_and_keeps_weights_in_float32(make, batches):
    training = make(AdAutoMix(momentum=0.9), epochs=1, numerics=decide("cpu", "bf16"))
    seen = []
    training.method.classifier.model.fc.register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    list(train(training, batches()))
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in training.method.parameters()} == {torch.float32}
    exact = make(AdAutoMix(momentum=0.9), epochs=1)
    list(train(exact, batches()))
    assert training.curve[0]["train_ace"] == pytest.approx(exact.curve[0]["train_ace"], rel=0.05)


def test_the_memory_layout_changes_rounding_alone(make, batches):
    rows = []
    for layout in (False, True):
        training = make(Plain(), epochs=1, numerics=decide("cpu", channels_last=layout))
        weight = training.method.classifier.model.second.weight
        assert weight.is_contiguous(memory_format=torch.channels_last) == layout
        list(train(training, batches()))
        rows.append(training.curve[0]["train_ce"])
    assert rows[0] == pytest.approx(rows[1], rel=1e-4)


def test_a_predictor_uses_the_precision_of_the_run():
    linear, images = nn.Conv2d(3, 8, 1), torch.randn(2, 3, 4, 4)
    assert decide("cpu", "bf16").predictor(linear)(images).dtype == torch.bfloat16
    assert torch.equal(decide("cpu", channels_last=False).predictor(linear)(images), linear(images))


@pytest.mark.parametrize(("convolutions", "said"), [("tf32", True), ("ieee", False)])
def test_the_words_for_fp32_on_a_gpu_say_whether_convolutions_round_to_tf32(convolutions, said):
    before = torch.backends.cudnn.conv.fp32_precision
    torch.backends.cudnn.conv.fp32_precision = convolutions
    try:
        words = [str(Numerics(*each)) for each in (("cuda",), ("cuda", "bf16"), ("cpu",))]
    finally:
        torch.backends.cudnn.conv.fp32_precision = before
    assert ["convolutions in TF32" in each for each in words] == [said, False, False]


def test_images_of_another_shape_keep_their_layout():
    images = torch.ones(3, 4, 4)
    assert Numerics(channels_last=True).layout(images) is images
