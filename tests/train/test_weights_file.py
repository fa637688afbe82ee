"""Tensors that several names share are saved once, and come back under all of them."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from adautomix.device import Numerics
from adautomix.errors import RecordError
from adautomix.methods import Plain
from adautomix.models import Backbone
from adautomix.recipes import SGD
from adautomix.train import Plan, Training, load, save
from adautomix.train.weights_file import load_body, load_weights, save_weights


class Tied(nn.Module):
    """One matrix under two names, a buffer under two, and parts of one piece of memory."""

    def __init__(self, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        mean = torch.rand(2)
        self.register_buffer("mean", mean)
        self.register_buffer("again", mean)
        memory = torch.rand(6)
        self.register_buffer("left", memory[:4])
        self.register_buffer("right", memory[2:])
        self.register_buffer("whole", memory)
        self.register_buffer("square", memory.view(2, 3))
        self.register_buffer("none", torch.zeros(0))


def test_shared_tensors_are_saved_once_and_loaded_back(tmp_path):
    file, saved, loaded = tmp_path / "weights.safetensors", Tied(0), Tied(1)
    save_weights(saved, file)
    there = load_file(file)
    assert saved.state_dict().keys() - there.keys() == {"second.weight", "again"}
    load_weights(loaded, file)
    own = loaded.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in saved.state_dict().items())
    assert loaded.second.weight is loaded.first.weight


def test_a_file_that_has_them_under_all_names_is_read_too(tmp_path):
    """As earlier versions wrote those of a GPU."""
    file, saved, loaded = tmp_path / "weights.safetensors", Tied(0), Tied(1)
    save_file({name: t.clone() for name, t in saved.state_dict().items()}, file)
    load_weights(loaded, file)
    own = loaded.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in saved.state_dict().items())


@pytest.mark.parametrize("lost", ["first.weight", "first.bias", "whole"])
def test_a_tensor_that_is_nowhere_is_missed(tmp_path, lost):
    file = tmp_path / "weights.safetensors"
    save_weights(Tied(0), file)
    save_file({name: t for name, t in load_file(file).items() if name != lost}, file)
    with pytest.raises(RecordError, match="cannot read the weights in"):
        load_weights(Tied(1), file)


def coat(seed: int) -> Training:
    """timm's smallest network whose blocks share their position encodings."""
    torch.manual_seed(seed)
    model = timm.create_model("coat_lite_tiny", num_classes=3, img_size=32)
    return Training(Plain().build(Backbone(model), 32), Plan(1, SGD()), 1, numerics=Numerics())


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_network_of_timm_with_shared_tensors_is_saved_and_loaded(tmp_path):
    one, two = coat(0), coat(1)
    assert not same(one.method.state_dict(), two.method.state_dict())
    load(two, save(one, tmp_path / "checkpoints"))
    assert same(one.method.state_dict(), two.method.state_dict())

    save_weights(one.method, tmp_path / "weights.safetensors")
    fresh: Backbone = coat(2).method.classifier
    load_body(fresh, Path(tmp_path / "weights.safetensors"))
    heads = [network.model.get_classifier().weight for network in (fresh, one.method.classifier)]
    assert not torch.equal(*heads)
    body = {name: t for name, t in fresh.state_dict().items() if "head" not in name}
    own = one.method.classifier.state_dict()
    assert same(body, {name: own[name] for name in body})
