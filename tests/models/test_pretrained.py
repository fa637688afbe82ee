"""timm's own weights without a network: from the cache, or one sentence at once."""

import time
from hashlib import sha256

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from adautomix.errors import DataError, InputError
from adautomix.models import Net, pretrained
from adautomix.runs.weights import start_network, start_sha256


def test_without_a_network_it_is_one_sentence_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(DataError) as error:
        Net("resnet18", pretrained=True).build(3)
    assert time.monotonic() - began < 20  # of which most is for a search of the host's address
    assert str(error.value) == (
        "timm's weights of resnet18 are not in its cache and cannot be downloaded (huggingface.co "
        "cannot be reached): try again with a network, give a file of them "
        "(net.pretrained=FILE.safetensors), or set net.pretrained=false."
    )


@pytest.mark.parametrize("online", [True, False])
def test_without_a_network_the_cache_alone_is_asked(monkeypatch, online):
    make, asked = timm.create_model, []

    def cached(name, pretrained=False, **options):
        asked.append((pretrained, constants.HF_HUB_OFFLINE))
        return make(name, **options)

    monkeypatch.setattr(timm, "create_model", cached)
    monkeypatch.setattr(pretrained, "reachable", lambda address: online)
    former = constants.HF_HUB_OFFLINE
    Net("resnet10t", stem="timm", pretrained=True).build(3)
    assert asked == [(True, not online or former)]
    assert former == constants.HF_HUB_OFFLINE


def test_what_the_network_says_is_told(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no space left\nand more")

    monkeypatch.setattr(timm, "create_model", broken)
    monkeypatch.setattr(pretrained, "reachable", lambda address: True)
    with pytest.raises(DataError, match=r"cannot be downloaded \(no space left\): try again"):
        Net("resnet10t", pretrained=True).build(3)


def test_a_model_without_weights_and_another_width_are_named():
    name = next(n for n in timm.list_models() if not timm.models.is_model_pretrained(n))
    with pytest.raises(InputError, match=f"timm has no weights for {name}: set net.pretrained=fal"):
        Net(name, stem="timm", pretrained=True).build(3)
    with pytest.raises(InputError, match=r"not for a resnet18 of width 8: set net\.width=null or"):
        Net("resnet18", width=8, pretrained=True).build(3)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_file_of_weights_is_a_start_for_other_classes(tmp_path, ending):
    source = timm.create_model("resnet10t", num_classes=5)
    file = tmp_path / f"weights{ending}"
    save = save_file if ending == ".safetensors" else torch.save
    save(source.state_dict(), file)
    found = Net("resnet10t", stem="timm", pretrained=str(file)).build(3, seed=1).model
    fresh = Net("resnet10t", stem="timm").build(3, seed=1).model
    assert torch.equal(found.layer4[0].conv1.weight, source.layer4[0].conv1.weight)
    assert torch.equal(found.bn1.running_var, source.bn1.running_var)
    assert torch.equal(found.get_classifier().weight, fresh.get_classifier().weight)


def test_a_file_that_cannot_be_a_start_is_one_sentence(tmp_path):
    other, damaged = tmp_path / "other.safetensors", tmp_path / "damaged.pth"
    save_file(timm.create_model("convnext_atto", num_classes=5).state_dict(), other)
    damaged.write_bytes(b"no weights")
    for file, reason in (
        (tmp_path / "none.pth", "there is no such file"),
        (damaged, ".+"),
        (other, "it has no conv1"),
    ):
        net = Net("resnet10t", stem="timm", pretrained=str(file))
        with pytest.raises(
            DataError, match=rf"weights in {file} \({reason}.*\): give those of a"
        ) as e:
            net.build(3)
        assert str(e.value).count("\n") == 0


def test_a_name_without_an_ending_of_weights_is_a_run():
    for name in (True, False, "plain-cifar100-lite-s0-08a9eb89"):
        assert not pretrained.is_file(name)
    assert pretrained.is_file("weights/resnet50.pth")


def test_a_training_starts_from_a_file_and_the_record_has_its_digest(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file(timm.create_model("resnet10t", num_classes=5).state_dict(), file)
    net = Net("resnet10t", stem="timm", pretrained=str(file))
    found, built = start_network(net, 3), net.build(3)
    assert torch.equal(found.model.layer1[0].conv1.weight, built.model.layer1[0].conv1.weight)
    assert start_sha256(net) == {"start": sha256(file.read_bytes()).hexdigest()}
    assert start_sha256(Net(pretrained="a-run")) == {}
