#!/usr/bin/env bash
# timm's Hiera ends its forward pass at the stage that was asked for, and still calls the result the final features.
#
# Package: timm 1.0.31, with torch 2.15.0 and torchvision 0.29.2.
# Input: `forward_intermediates(images, indices=[1])` of a Hiera and of a ResNet, without `stop_early`.
# Expected: as the ResNet does, the last features beside those of stage 1, which `forward_head` then turns into logits.
# Seen: Hiera's "final" features have the channels of stage 1 (192 of 768), and `forward_head` raises a RuntimeError. Its
# `stop_early` is True by default, that of the ResNet False, so one line of code means two things.
# Who meets it: whoever taps an inner stage and wants the logits of the same pass. The package asks for `stop_early=False`.
#
# Output when this was written:
#   timm 1.0.31
#   resnet18 final channels: 512 head takes: 512
#   hiera_tiny_224 final channels: 192 head takes: 768
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check timm==1.0.31 torch==2.15.0 torchvision==0.29.2
"$place/venv/bin/python" -W ignore - <<'PYTHON'
import timm
import torch

print("timm", timm.__version__)
found = {}
for name, axis in {"resnet18": 1, "hiera_tiny_224": -1}.items():
    model = timm.create_model(name, num_classes=10).eval()
    with torch.no_grad():
        final, _ = model.forward_intermediates(torch.zeros(1, 3, 224, 224), indices=[1])
    found[name] = final.shape[axis], model.num_features
    print(name, "final channels:", found[name][0], "head takes:", found[name][1])
assert found["resnet18"][0] == found["resnet18"][1]
assert found["hiera_tiny_224"][0] < found["hiera_tiny_224"][1], "Hiera goes on to its end now"
PYTHON
