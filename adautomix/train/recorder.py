"""`Recorder`, which records work on fixed memory so that the host need not issue it again."""

import gc
import warnings
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import torch

from adautomix.device import Numerics

T = TypeVar("T")
OF_THE_MODE = ("called a synchronizing CUDA operation", "Synchronization debug mode")
"""Warnings of torch's mode that looks for waits: of a wait, and that the mode is a prototype."""


@runtime_checkable
class Recorder(Protocol):
    """Records work whose shapes and memory are the same at every repetition."""

    def rehearse(self, work: Callable[[], T]) -> tuple[T, str | None]:
        """Do the work, and return its result, and why it cannot be recorded, or None."""
        ...

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        """Record the work without doing it, and return a function that does it.

        The function returns the same tensors at every call, with new values. Whatever `work`
        decides on the host is decided now, once and for all.

        Raises:
            RuntimeError: the work cannot be recorded; it has changed nothing.
        """
        ...


class CUDAGraphs:
    """Records work as CUDA graphs, which share one pool of memory and must not run side by side.

    Random numbers of the device are drawn anew at every repetition, from the seed that its
    generator then has.
    """

    def __init__(self, device: torch.device | str):
        self.device = torch.device(device)
        self.stream = torch.cuda.Stream(self.device)
        self.pool = torch.cuda.graph_pool_handle()

    def rehearse(self, work: Callable[[], T]) -> tuple[T, str | None]:
        """Do the work on the stream of the recordings; it cannot be recorded if the host waits."""
        current, mode = torch.cuda.current_stream(self.device), torch.cuda.get_sync_debug_mode()
        self.stream.wait_stream(current)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with torch.cuda.stream(self.stream):
                    result = work()
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        current.wait_stream(self.stream)
        texts = [str(each.message) for each in seen]
        for each, text in zip(seen, texts, strict=True):
            if not any(words in text for words in OF_THE_MODE):
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        waits = any(OF_THE_MODE[0] in text for text in texts)
        return result, "the host waits for the device within it" if waits else None

    def record(self, work: Callable[[], T]) -> Callable[[], T]:
        """Record the work as a graph; other threads may use the device meanwhile."""
        gc.collect()  # what unreachable cycles hold is given back before the graph takes memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(
            graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"
        ):
            result = work()

        def repeat() -> T:
            graph.replay()
            return result

        return repeat


def recorder_for(numerics: Numerics) -> tuple[Recorder | None, str]:
    """Return the recorder of a run's device; where there is none, None and why."""
    device = torch.device(numerics.device)
    if device.type != "cuda":
        return None, f"on {device.type}"
    return (CUDAGraphs(device), "") if numerics.capture else (None, "as asked")
