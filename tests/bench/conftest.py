"""Sizes that take milliseconds."""

import pytest

from adautomix.bench.conditions import Conditions
from adautomix.device import Numerics
from adautomix.models import Net


@pytest.fixture
def conditions() -> Conditions:
    net = Net("resnet18", stem="cifar", width=8)
    return Conditions(Numerics(), 2, ("automix", "adautomix"), (4,), net=net, side=16, tiny=True)
