#!/usr/bin/env bash
# torch's counter of operations takes the gradient of a grouped convolution's weights for that of a full convolution.
#
# Package: torch 2.15.0, on a processor.
# Input: a convolution of 64 to 64 channels, once with 1 group and once with 32, forward and `backward()`, counted by
# `torch.utils.flop_counter.FlopCounterMode`.
# Expected: each of the two gradients, of the images and of the weights, takes as many operations as the forward pass, so
# a backward pass is 2 forward passes whatever the number of groups: both gradients have 1/groups of the products.
# Seen: 2 with one group, 33 with 32 groups. The gradient of the images is divided by the groups; that of the weights is not.
# Who meets it: whoever compares ResNeXt, ConvNeXt or MobileNet with other networks by counted operations of training.
# `adautomix.bench.flops` divides that term by the groups: a step on ResNeXt-50 is 3.23 instead of 4.66 TFLOP.
#
# Output when this was written:
#   torch 2.15.0
#   1 group: a backward pass counts as 2 forward passes
#   32 groups: a backward pass counts as 33 forward passes
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$place/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

print("torch", torch.__version__.partition("+")[0])
seen = []
for groups, words in {1: "1 group", 32: "32 groups"}.items():
    layer = nn.Conv2d(64, 64, 3, groups=groups)
    images = torch.randn(2, 64, 16, 16, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        output = layer(images)
    with FlopCounterMode(display=False) as backward:
        output.sum().backward()
    seen.append(backward.get_total_flops() / forward.get_total_flops())
    print(f"{words}: a backward pass counts as {seen[-1]:g} forward passes")
assert seen == [2, 33], "the gradient of the weights is counted by group now"
PYTHON
