"""Counting of floating-point operations of convolutions and matrix products."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Counting(TorchDispatchMode):
    """torch's `FlopCounterMode` without module hooks, which do not work with `autograd.grad`.

    `flops` is the number of floating-point operations in the block, including backward passes.
    """

    flops = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        if count := flop_registry.get(function._overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=found)
        return found
