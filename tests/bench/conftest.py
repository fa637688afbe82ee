"""Sizes that take milliseconds."""

import pytest

from adautomix.bench.options import BenchOptions
from adautomix.device import Numerics
from adautomix.models import Net


@pytest.fixture
def options() -> BenchOptions:
    net = Net("resnet18", stem="cifar", width=8)
    return BenchOptions(Numerics(), 2, ("automix", "adautomix"), (4,), net=net, side=16, tiny=True)
