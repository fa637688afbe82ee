#!/usr/bin/env bash
# A dynamically quantised layer in torch says that its output takes a gradient, and passes none back.
#
# Package: torch 2.15.0, on a processor.
# Input: a convolution followed by a linear layer that `quantize_dynamic` replaced, one batch, `backward()`.
# Expected: an error, or an output that does not require a gradient, since the quantised layer has no derivative.
# Seen: `output.requires_grad` is True and `backward()` returns; torch only warns, once. Every parameter before the
# quantised layer keeps `grad` None, so an optimiser leaves it as it is and training goes on without a word.
# Who meets it: whoever fine-tunes a model that was quantised for inference. `adautomix.fit` refuses one and names the layer.
#
# Output when this was written:
#   torch 2.15.0
#   the output requires a gradient: True
#   gradients before the quantised layer: [None, None]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$place/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

model = nn.Sequential(nn.Conv1d(1, 8, 1), nn.Flatten(), nn.Linear(8, 2))
quantised = quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
output = quantised(torch.randn(5, 1, 1))
output.sum().backward()
gradients = [parameter.grad for parameter in quantised.parameters()]
print("torch", torch.__version__.partition("+")[0])
print("the output requires a gradient:", output.requires_grad)
print("gradients before the quantised layer:", gradients)
assert output.requires_grad
assert gradients == [None, None], "gradients arrive now"
PYTHON
