"""A CUDA graph's stand-in on the CPU, as strict: operations are noted once, and then repeated."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

READS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
"""Operations for which the host has to wait for values."""


class Tape:
    """A `Recorder`: repeats the tensor operations of the work on the memory they had.

    Everything that Python decided is thus as it was at the recording, as in a CUDA graph, also the
    numbers that operations were given. What lies outside of the recording's memory is as it was
    before the recording, and the results hold no number until it is repeated.
    """

    def __init__(self):
        self.lengths: list[int] = []

    def rehearse(self, work: Callable[[], Any]) -> tuple[Any, str | None]:
        with _Reads() as seen:
            result = work()
        return result, "the host reads values" if seen.found else None

    def record(self, work: Callable[[], Any]) -> Callable[[], Any]:
        before = torch.get_rng_state()
        noting = _Noting()
        try:
            with noting:
                result = work()
        finally:
            noting.undo()
            torch.set_rng_state(before)
        for _, _, _, fresh in noting.calls:
            for tensor in fresh:
                tensor.fill_(float("nan") if tensor.is_floating_point() else 0)
        self.lengths.append(len(noting.calls))

        @torch.no_grad()
        def repeat() -> Any:
            for function, given, named, fresh in noting.calls:
                found = [t for t in tree_leaves(function(*given, **named)) if isinstance(t, Tensor)]
                for tensor, value in zip(fresh, found if fresh else (), strict=True):
                    tensor.copy_(value)
            return result

        return repeat


class _Reads(TorchDispatchMode):
    """Notes whether an operation makes the host wait."""

    found = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.found |= function in READS
        return function(*args, **(kwargs or {}))


class _Noting(TorchDispatchMode):
    """Notes operations, and the values of all tensors that were not made by one of them.

    Not only of those that an operation says it writes to: `native_batch_norm` does not say so.
    """

    def __init__(self):
        super().__init__()
        self.calls, self.made, self.values = [], set(), {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in READS:
            raise RuntimeError(f"{function} waits for the device")
        # other objects for the same memory, since a view in place changes the object's shape
        noted = tree_map_only(Tensor, torch.detach, (args, kwargs or {}))
        given = [each for each in tree_leaves(noted) if isinstance(each, Tensor)]
        self._keep(given)
        result = function(*args, **(kwargs or {}))
        if torch.Tag.inplace_view in function.tags:
            return result
        fresh = [each.detach() for each in tree_leaves(result) if isinstance(each, Tensor)]
        if {_place(each) for each in fresh} & {_place(each) for each in given}:
            fresh = []  # a view, or written in place
        self.made |= {_place(tensor) for tensor in fresh}
        self.calls.append((function, *noted, fresh))
        return result

    def _keep(self, tensors) -> None:
        for tensor in tensors:
            place = _place(tensor)
            if place not in self.made and place not in self.values:
                whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
                self.values[place] = whole, whole.clone()

    @torch.no_grad()
    def undo(self) -> None:
        """Give all that was written to its former values."""
        for tensor, value in self.values.values():
            tensor.copy_(value)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
