"""Operations of a backward pass, counted from what a forward pass is."""

import pytest
import torch
from torch import nn

from adautomix.bench.flops import Counting


def operations(layer: nn.Module, images: torch.Tensor, backward: bool) -> int:
    """Operations of a forward pass, or of a backward pass."""
    with Counting() as forward:
        output = layer(images)
    with Counting() as back:
        output.sum().backward()
    return back.flops if backward else forward.flops


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_backward_pass_is_twice_a_forward_pass_whatever_the_groups(kind, groups):
    layer, images = kind(8, 16, 3, groups=groups), torch.randn(2, 8, 9, 9, requires_grad=True)
    places = 49 if kind is nn.Conv2d else 81  # of the output, or of the images
    assert operations(layer, images, False) == 2 * 2 * places * 9 * 8 * 16 // groups
    assert operations(layer, images, True) == 2 * operations(layer, images, False)


def test_a_gradient_that_nobody_asks_for_is_not_counted():
    layer, images = nn.Conv2d(8, 16, 3, groups=2), torch.randn(2, 8, 9, 9)
    assert operations(layer, images, True) == operations(layer, images, False)
