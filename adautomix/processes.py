"""Several processes that train one run together; everything here does nothing in a single one.

`torchrun` starts them, one a GPU. Each takes its share of every batch, and they agree on gradients,
BatchNorm's running statistics and losses once a step, so their networks stay the same.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parallel import DistributedDataParallel

from adautomix.errors import AdAutoMixError, InputError

T = TypeVar("T")


def count() -> int:
    """Return the number of processes that work together; 1 for a process alone."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among them, from 0."""
    return dist.get_rank() if count() > 1 else 0


def neighbours() -> int:
    """Return how many of them run on this machine, this one included."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", count())) if count() > 1 else 1


@contextmanager
def joined(device: str = "auto") -> Iterator[str]:
    """Join the processes that `torchrun` started, and yield the device of this one.

    Its device is the GPU of its number on the machine, unless `device` is another kind. A process
    alone gets `device` back.
    """
    if int(os.environ.get("WORLD_SIZE") or 1) == 1 or dist.is_initialized():
        yield device
        return
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    warnings.filterwarnings("ignore", "Grad strides do not match")  # of 1×1 convolutions; harmless
    with _losses_told():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
        yield device
        dist.destroy_process_group()


@contextmanager
def _losses_told() -> Iterator[None]:
    """Turn torch's error for a process that is gone into a sentence."""
    try:
        yield
    except RuntimeError as error:
        gone = isinstance(error, dist.DistError) or "gloo" in str(error)
        if not gone:
            raise
        raise AdAutoMixError(
            "another process of this run ended, so this one stops: what the other one said tells "
            "why; the last checkpoint is kept, and the same command goes on from there."
        ) from error


def wrapped(module: nn.Module, *, partly: bool = False) -> nn.Module:
    """Return a module whose backward pass averages the gradients over the processes.

    `partly` says that a forward pass may use only some of its parameters. Buffers are left to
    `agree`.
    """
    if count() == 1:
        return module
    made = DistributedDataParallel(module, find_unused_parameters=partly)
    made.broadcast_buffers = False  # the argument has another name in newer versions of torch
    return made


def holding_back(module: Callable[..., Any], wait: bool) -> AbstractContextManager:
    """Return a context in which a `wrapped` module adds gradients up, unaveraged, if `wait`."""
    return (
        module.no_sync() if wait and isinstance(module, DistributedDataParallel) else nullcontext()
    )


@torch.no_grad()
def agree(module: nn.Module, values: Sequence[Tensor]) -> None:
    """Replace BatchNorm's running statistics, and float32 `values`, by means over the processes."""
    if count() == 1:
        return
    layers = [m for m in module.modules() if isinstance(m, _NormBase) and m.training]
    both = [each for layer in layers for each in (layer.running_mean, layer.running_var)]
    tensors = [*(each for each in both if each is not None), *values]
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    means = (flat / count()).split([tensor.numel() for tensor in tensors])
    for tensor, mean in zip(tensors, means, strict=True):
        tensor.copy_(mean.view_as(tensor))


def any_of(*flags: bool) -> list[bool]:
    """Return for each flag whether it is set in any process."""
    if count() == 1:
        return list(flags)
    votes = torch.tensor(flags, dtype=torch.int32, device=meeting_place())
    dist.all_reduce(votes, dist.ReduceOp.MAX)
    return votes.bool().tolist()


def from_first(function: Callable[[], T]) -> T:
    """Call a function in the first process alone and return its result, a plain value, in all.

    If it fails, the first process raises its error and the others end with the same exit status,
    silently, so that it is said once.
    """
    if count() == 1:
        return function()
    told: list[Any] = [None, None]
    if rank() == 0:
        try:
            told[0] = function()
        except Exception as error:
            told[1] = getattr(error, "exit_status", 1)
            dist.broadcast_object_list(told)
            raise
    dist.broadcast_object_list(told)
    if told[1] is not None:
        raise SystemExit(told[1])
    return told[0]


def meeting_place() -> torch.device:
    """Return where tensors must be that the processes exchange: NCCL alone takes no CPU tensors."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def synchronised(module: nn.Module, device: str) -> nn.Module:
    """Return the module with BatchNorm over the images of all processes (SyncBatchNorm).

    Raises InputError on a CPU, where torch has none.
    """
    if torch.device(device).type == "cpu":
        raise InputError("SyncBatchNorm needs GPUs: leave --sync-batchnorm out on a CPU.")
    from timm.layers import convert_sync_batchnorm  # also of timm's own BatchNorm layers

    return convert_sync_batchnorm(module)


def launcher() -> list[str]:
    """Return the words of a command that start these processes; none for a process alone."""
    if count() == 1:
        return []
    machines = count() // neighbours()
    several = [f"--nnodes={machines}"] if machines > 1 else []
    return ["torchrun", *several, f"--nproc-per-node={neighbours()}", "-m"]
