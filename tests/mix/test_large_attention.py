"""The way that `attend` takes for many positions gives what the usual one gives."""

import pytest
import torch

from adautomix.mix import MixGenerator, generator
from adautomix.mix.base import select
from adautomix.rng import StepRNG


def masks_and_gradients(side):
    torch.manual_seed(0)
    made = MixGenerator(8, init=0.3).double()
    features = torch.randn(4, 8, side, side).double()
    partners, ratios = StepRNG(0).partners(4, 3), StepRNG(1).ratios(4, 3).double()
    masks = made(features, partners, ratios, (2 * side, 2 * side))
    (masks**2).sum().backward()
    return [masks.detach(), *(p.grad for p in made.parameters())]


def test_masks_and_gradients_are_the_same_either_way(monkeypatch):
    usual = masks_and_gradients(12)
    monkeypatch.setattr(generator, "LARGE", 1)
    for there, here in zip(usual, masks_and_gradients(12), strict=True):
        torch.testing.assert_close(here, there, rtol=1e-9, atol=1e-12)


def largest_tensor(side):
    """Elements of the largest tensor that the attention keeps for its gradient."""
    kept = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    q, k = (torch.randn(1, 1, side**2, 4, requires_grad=True) for _ in range(2))
    v = torch.randn(1, 1, side**2, 1, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        generator.attend(q, k, v)
    return max(kept)


def test_memory_grows_with_the_square_of_the_positions_only_where_they_are_few(monkeypatch):
    positions = 24**2
    assert positions >= generator.LARGE
    assert largest_tensor(24) <= 4 * positions
    monkeypatch.setattr(generator, "LARGE", positions + 1)
    assert largest_tensor(24) == positions**2


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_select_is_indexing_in_the_same_layout(layout):
    images = torch.randn(5, 3, 6, 4).contiguous(memory_format=layout)
    which = torch.tensor([4, 0, 0, 2])
    chosen = select(images, which)
    assert torch.equal(chosen, images[which])
    assert chosen.is_contiguous(memory_format=layout)
