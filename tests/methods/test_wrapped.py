"""A method inside torch's DistributedDataParallel: one forward a step, the same gradients."""

import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from adautomix.methods import METHODS
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


@pytest.fixture
def one_process():
    if not distributed.is_gloo_available():
        pytest.skip("this torch has no gloo")
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("name", ["adautomix", "automix", "cutmix", "snapmix", "me_ada", "dada"])
def test_a_wrapped_method_has_the_gradients_of_the_bare_one(name):
    source = torch.Generator().manual_seed(0)
    images, labels = torch.randn(BATCH, 3, SIDE, SIDE, generator=source), torch.arange(BATCH) % 5

    def gradients(wrap):
        method = METHODS[name].build(Net(width=8).build(CLASSES), SIDE).train()
        wrapped = wrap(method)
        for step in range(2):  # an all-reduce that misses a parameter fails in the second
            method.zero_grad()
            wrapped(images, labels, rng_for(0, step)).total.backward()
        return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}

    found, expected = gradients(DistributedDataParallel), gradients(lambda method: method)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
