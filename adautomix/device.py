"""Device, precision, memory layout and compilation of a run, decided in one place."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from adautomix.errors import InputError, unknown
from adautomix.fields import checked, of_type

Placed = TypeVar("Placed", bound=nn.Module)

PRECISIONS = ("auto", "fp32", "bf16")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
@checked
class Numerics:
    """Device and precision of a run: they change speed and rounding, not the mathematics.

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32" or "bf16" (autocast; weights and optimiser stay float32). In "fp32" on a
            GPU, torch rounds the inputs of convolutions to TF32 by default; `str` of this object
            says so.
        channels_last: NHWC memory format for images and convolutions.
        compile: apply `torch.compile` to the tensor part of the step.
        why: the reason for the precision, which the run's record keeps.
        capture: on a CUDA GPU, repeat the tensor part of the step from a recording, see
            `adautomix.train.captured`.
    """

    device: str = "cpu"
    precision: str = "fp32"
    channels_last: bool = False
    compile: bool = False
    why: str = "as asked"
    capture: bool = True

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS[1:]:
            raise unknown("precision", self.precision, PRECISIONS[1:])

    def __str__(self) -> str:
        tf32 = ", convolutions in TF32" if self.rounds_to_tf32() else ""
        layout = ", channels last" if self.channels_last else ""
        return f"{self.precision} ({self.why}){tf32}{layout}{', compiled' if self.compile else ''}"

    def rounds_to_tf32(self) -> bool:
        """Whether convolutions round their inputs to TF32 (10-bit mantissa): CUDA's default."""
        cudnn: Any = torch.backends.cudnn  # an object that torch puts in the place of the module
        convolutions = cudnn.conv.fp32_precision
        cuda = torch.device(self.device).type == "cuda"
        return cuda and self.precision == "fp32" and convolutions == "tf32"

    def autocast(self) -> contextlib.AbstractContextManager:
        """Return the context manager for a forward pass: autocast in "bf16", else none."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, cache_enabled=cached_casts_have_gradients(kind))

    @property
    def first_step(self) -> str:
        """What makes the first step long, to be shown while it lasts; "" if nothing does."""
        return "compiling the step, which takes minutes the first time" if self.compile else ""

    def wait(self) -> None:
        """Wait until the device has finished all queued work; on a CPU this does nothing."""
        kind = torch.device(self.device).type
        if kind == "cuda":
            torch.cuda.synchronize(self.device)
        elif kind == "mps":
            torch.mps.synchronize()

    def place(self, module: Placed) -> Placed:
        """Move the module to the device, in the memory format; InputError if it does not exist."""
        check_device(self.device)
        placed = module.to(self.device)
        return placed.to(memory_format=torch.channels_last) if self.channels_last else placed

    def layout(self, images: Tensor) -> Tensor:
        """Return images "b c h w" in the memory format; tensors that are not 4-D unchanged."""
        if not self.channels_last or images.ndim != 4:
            return images
        return images.contiguous(memory_format=torch.channels_last)

    def predictor(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return a function images → `module(images)` under this precision and memory format."""

        def predict(images: Tensor) -> Tensor:
            with self.autocast():
                return module(self.layout(images))

        return predict


@cache
def cached_casts_have_gradients(kind: str) -> bool:
    """Whether autocast's weight cache is safe in this version of torch, on this kind of device.

    Autocast casts a weight once and reuses the cast for the whole step. In some versions of torch a
    weight first used under `no_grad` is cached without a gradient, so a layer that is also used
    with gradients later in the step gets none (pytorch issue 158232). There the cache must be off.
    """
    weight = torch.ones(1, 1, device=kind, requires_grad=True)
    with torch.enable_grad(), torch.autocast(kind, torch.bfloat16, cache_enabled=True):
        with torch.no_grad():
            nn.functional.linear(weight.detach(), weight)
        return nn.functional.linear(weight.detach(), weight).requires_grad


def decide(
    device: str | torch.device = "auto",
    precision: str = "auto",
    channels_last: bool | None = None,
    compile: bool = False,
    capture: bool = True,
) -> Numerics:
    """Choose the numerics of a run on this machine.

    Args:
        device: "auto" takes a CUDA GPU if there is one, else an Apple GPU, else the CPU.
        precision: "auto" is bf16 on CUDA GPUs of compute capability 8.0 or more, fp32 elsewhere.
        channels_last: None means True on CUDA and CPU, where it makes convolutions faster, False
            elsewhere.
        compile: compile the step (takes minutes at the start, worthwhile for long runs).
        capture: see `Numerics`; False runs every step eagerly.

    Raises:
        InputError: a device that this machine does not have, or an unknown precision.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    name = of_type(str, str(device) if isinstance(device, torch.device) else device, "device")
    name = _available() if name == "auto" else name
    check_device(name)
    kind = torch.device(name).type
    cuda = kind == "cuda"
    if precision == "auto":
        native = cuda and torch.cuda.get_device_capability(name) >= (8, 0)
        precision = "bf16" if native else "fp32"
        why = "native on this GPU" if native else f"{kind} default"
    else:
        why = "as asked"
    return Numerics(
        name,
        precision,
        kind in ("cuda", "cpu") if channels_last is None else channels_last,
        compile,
        why,
        capture,
    )


def _available() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(name: str) -> None:
    """Raise InputError for an unknown device, or one that this machine does not have."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise unknown("device", name, DEVICES) from None
    if device.type not in DEVICES:
        raise unknown("device", name, DEVICES)
    absent = None
    if device.type == "cuda" and not torch.cuda.is_available():
        absent = "no CUDA GPU"
    elif device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        absent = f"{torch.cuda.device_count()} CUDA GPUs, numbered from 0"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        absent = "no Apple GPU"
    elif device.type != "cuda" and device.index:
        absent = f"one device {device.type!r}, which is not numbered"
    if absent:
        raise InputError(
            f"device {name!r} was asked for, but this machine has {absent}: use device 'cpu'."
        )
