"""timm's own weights without a network: from the cache, or one sentence at once."""

import time

import pytest
import timm
from huggingface_hub import constants

from adautomix.errors import DataError, InputError
from adautomix.models import Net, pretrained


def test_without_a_network_it_is_one_sentence_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(DataError) as error:
        Net("resnet18", pretrained=True).build(3)
    assert time.monotonic() - began < 20  # of which most is for a search of the host's address
    assert str(error.value) == (
        "timm's weights of resnet18 are not in its cache and cannot be downloaded (huggingface.co "
        "cannot be reached): try again with a network, or set net.pretrained=false."
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
