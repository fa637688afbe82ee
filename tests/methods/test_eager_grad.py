"""A gradient taken at once: the same numbers, and no activation that waits."""

import copy
import weakref

import pytest
import torch
from torch import nn

from adautomix.device import decide
from adautomix.methods import METHODS, automix, regmixup
from adautomix.methods import adautomix as paper
from adautomix.methods import adautomix_released as released
from adautomix.methods.eager_grad import eager_grad
from adautomix.models import Net
from adautomix.rng import rng_for

USERS = {
    "adautomix": paper,
    "adautomix_released": released,
    "automix": automix,
    "regmixup": regmixup,
    "samix": automix,
}


@pytest.fixture
def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2, dtype=torch.float64)


def test_the_gradient_is_that_of_the_usual_backward_scaled_as_there(layer):
    other, x = copy.deepcopy(layer), torch.randn(5, 3, dtype=torch.float64)
    loss = eager_grad(lambda: layer(x).square().mean(), layer.parameters())
    (3 * loss + layer.weight.sum()).backward()
    (3 * other(x).square().mean() + other.weight.sum()).backward()
    for mine, theirs in zip(layer.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-14, atol=0)


class Kept:
    """An activation that waits for the backward pass."""

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor


def test_no_activation_waits_for_the_backward_pass(layer):
    waiting: weakref.WeakSet[Kept] = weakref.WeakSet()

    def keep(tensor: torch.Tensor) -> Kept:
        waiting.add(kept := Kept(tensor))
        return kept

    def compute() -> torch.Tensor:
        return layer(torch.ones(4, 3, dtype=torch.float64)).exp().mean()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor):
        at_once = eager_grad(compute, layer.parameters())
        assert len(waiting) == 0
        usual = compute()
        assert len(waiting) > 0
        (at_once + usual).backward()
    assert len(waiting) == 0


def test_what_is_frozen_takes_nothing_and_without_gradients_nothing_is_kept(layer):
    layer.bias.requires_grad_(False)
    loss = eager_grad(
        lambda: layer(torch.ones(2, 3, dtype=torch.float64)).sum(), layer.parameters()
    )
    loss.backward()
    assert layer.bias.grad is None
    assert layer.weight.grad.eq(2).all()
    with torch.no_grad():
        assert not eager_grad(lambda: layer.weight.sum(), layer.parameters()).requires_grad
    layer.weight.requires_grad_(False)
    assert not eager_grad(lambda: layer.weight.sum(), layer.parameters()).requires_grad


def test_a_gradient_that_two_weights_share_is_scaled_once_for_each():
    first, second = (nn.Parameter(torch.ones(2, 3)) for _ in range(2))
    loss = eager_grad(lambda: (2 * (first + second)).sum(), [first, second])
    (5 * loss).backward()
    assert first.grad.eq(10).all()
    assert second.grad.eq(10).all()


def test_a_gradient_is_given_once(layer):
    loss = eager_grad(lambda: layer.weight.sum(), layer.parameters())
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="taken already: compute it anew"):
        loss.backward()


def test_a_weight_that_the_loss_does_not_reach_has_no_gradient(layer):
    eager_grad(lambda: layer.weight.sum(), layer.parameters()).backward()
    assert layer.bias.grad is None


@pytest.mark.parametrize("name", USERS)
def test_a_step_is_the_same_bit_by_bit(name, monkeypatch):
    """α is 1/2 and the order of the sums is kept, so not even the rounding differs."""
    images, labels = torch.randn(6, 3, 16, 16), torch.randint(0, 4, (6,))
    found = []
    for change in (lambda: None, lambda: monkeypatch.setattr(USERS[name], "eager_grad", _late)):
        change()
        torch.manual_seed(0)
        network = Net("resnet18", stem="cifar", width=8).build(4, seed=0)
        method = decide("cpu").place(METHODS[name].build(network, 16, seed=0)).train()
        method(images, labels, rng_for(0, 0)).total.backward()
        found.append({key: p.grad for key, p in method.named_parameters()})
    assert any(grad is not None for grad in found[0].values())
    for key, mine in found[0].items():
        theirs = found[1][key]
        assert (mine is None) == (theirs is None), key
        assert mine is None or torch.equal(mine, theirs), key


def _late(compute, parameters):
    """The loss with its graph."""
    return compute()


def test_in_half_precision_the_loss_is_scaled_before_its_gradient_is_computed():
    """As a `GradScaler` has it: the gradient of the unscaled loss is 0 in float16."""
    weight = torch.nn.Parameter(torch.ones(1, 4))
    images = torch.ones(2, 4)

    def compute():
        return 1e-8 * torch.nn.functional.linear(images, weight).float().sum()

    with torch.autocast("cpu", dtype=torch.float16):
        loss = eager_grad(compute, [weight])
    (2.0**16 * loss).backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, torch.full((1, 4), 2e-8 * 2**16), rtol=1e-2, atol=0)
