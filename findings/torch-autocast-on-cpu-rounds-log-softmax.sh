#!/usr/bin/env bash
# Under autocast on a processor log_softmax, softmax and exp stay in bfloat16; on a GPU autocast computes them in float32.
#
# Package: torch 2.15.0, on a processor. (The list of what autocast computes in float32 on CUDA has these three.)
# Input: logits of a linear layer for 256 images and 100 classes, soft labels, and the loss that mixing methods write by
# hand, -(y log_softmax(z)).sum(1), under `torch.autocast("cpu", torch.bfloat16)`.
# Expected: a float32 loss, as `cross_entropy` gives for the same logits and labels, on either device.
# Seen: the factors are bfloat16, with 8 bits: logarithms of about -5 are up to 0.026 away. `cross_entropy` takes the same
# logits to float32, so two ways of writing one loss differ on a processor and not on a GPU.
# Who meets it: whoever writes a soft-label or distillation loss on a GPU and runs it on a processor with bf16.
# `adautomix.losses` says so where it says its precision; the recorded runs in bf16 on a processor were made like that.
#
# Output when this was written:
#   torch 2.15.0
#   log_softmax torch.bfloat16, softmax torch.bfloat16, exp torch.bfloat16, cross_entropy torch.float32
#   sums of probabilities are up to 0.0006 from 1, logarithms up to 0.026 from those in float32
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$place/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.nn import functional as F

print("torch", torch.__version__.partition("+")[0])
torch.manual_seed(0)
layer, images = nn.Linear(64, 100), torch.randn(256, 64)
soft = torch.rand(256, 100).softmax(1)
with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
    logits = layer(images)
    logs, shares = F.log_softmax(logits, 1), F.softmax(logits, 1)
    kinds = {"log_softmax": logs, "softmax": shares, "exp": logits.exp(), "cross_entropy": F.cross_entropy(logits, soft)}
print(", ".join(f"{name} {value.dtype}" for name, value in kinds.items()))
sums = (shares.float().sum(1) - 1).abs().max().item()
away = (logs.float() - F.log_softmax(logits.float(), 1)).abs().max().item()
print(f"sums of probabilities are up to {sums:.4f} from 1, logarithms up to {away:.3f} from those in float32")
assert logs.dtype == shares.dtype == torch.bfloat16, "autocast computes softmax in float32 on a processor now"
assert kinds["cross_entropy"].dtype == torch.float32
PYTHON
