#!/usr/bin/env bash
# torch's native_batch_norm changes the running mean and variance in place, and its schema says that it changes nothing.
#
# Package: torch 2.15.0, on a processor.
# Input: one call of `torch.ops.aten.native_batch_norm` in training mode; a `TorchDispatchMode` sees the same operation
# when `nn.BatchNorm2d` runs.
# Expected: an operation that writes to an argument marks it "(a!)" in its schema and `is_mutable` is True, as for `add_`.
# Seen: no argument is marked, `is_mutable` is False, and both statistics have moved after the call.
# Who meets it: whoever records operations and repeats them (a stand-in for a CUDA graph, a cache, an undo): by the schema
# the statistics need no saving. The stand-in for a CUDA graph in this project's tests (`tests/train/tape.py`) saves every argument.
#
# Output when this was written:
#   torch 2.15.0
#   native_batch_norm: mutable False; running mean changed: True, running variance changed: True
#   add_: mutable True
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6
"$place/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class Seen(TorchDispatchMode):
    """The operations that ran, by name."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations.append(function)
        return function(*args, **(kwargs or {}))


print("torch", torch.__version__.partition("+")[0])
torch.manual_seed(0)
layer, images = nn.BatchNorm2d(3), torch.randn(8, 3, 4, 4)
mean, variance = layer.running_mean.clone(), layer.running_var.clone()
with torch.no_grad(), Seen() as seen:
    layer(images)
(operation,) = (each for each in seen.operations if "batch_norm" in each.name())
moved = [not torch.equal(mean, layer.running_mean), not torch.equal(variance, layer.running_var)]
mutable = operation._schema.is_mutable
name = operation.name().removeprefix("aten::")
print(f"{name}: mutable {mutable}; running mean changed: {moved[0]}, running variance changed: {moved[1]}")
print(f"add_: mutable {torch.ops.aten.add_.Tensor._schema.is_mutable}")
assert moved == [True, True] and not mutable, "the schema and what happens agree now"
PYTHON
