"""A network small enough for float64 and separate autograd computations."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn


class Tiny(nn.Module):
    """timm's two methods, with `pre_logits`, and no BatchNorm: oracles need no bookkeeping."""

    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, classes)

    def forward_intermediates(self, x, indices, output_fmt):
        first = F.gelu(self.first(x))
        second = F.gelu(self.second(first))
        return second, [[first, second][i] for i in indices]

    def forward_head(self, x, pre_logits=False):
        pooled = x.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x):
        return self.forward_head(self.forward_intermediates(x, [-1], "NCHW")[0])


@pytest.fixture
def tiny_method():
    """config → a method in float64 whose teacher has moved away from its classifier."""

    def make(config, side=16, classes=5):
        torch.manual_seed(0)
        method = config.build(Tiny(classes), side).double()
        for parameter in method.teacher.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        return method

    return make
