"""Counting of floating-point operations of convolutions and matrix products."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward


class Counting(TorchDispatchMode):
    """torch's `FlopCounterMode` without module hooks, which do not work with `autograd.grad`.

    `flops` is the number of floating-point operations in the block, including backward passes.
    """

    flops = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        if function._overloadpacket is CONVOLUTION_BACKWARD:
            self.flops += _of_gradients(*args, out_val=found)
        elif count := flop_registry.get(function._overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=found)
        return found


def _of_gradients(*args: Any, out_val: Any) -> int:
    """Return the operations of a convolution's backward pass.

    torch 2.15 counts the gradient of the weights as if there were one group.
    """
    count, groups, (images, weights, _) = flop_registry[CONVOLUTION_BACKWARD], args[-2], args[-1]
    of_images = count(*args[:-1], [images, False, False], out_val=out_val)
    of_weights = count(*args[:-1], [False, weights, False], out_val=out_val)
    return of_images + of_weights // groups
