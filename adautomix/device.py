"""Device, precision, memory layout, compilation: decided in one place, with the reason kept."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from adautomix.checked import checked, of_type
from adautomix.errors import InputError, unknown

Placed = TypeVar("Placed", bound=nn.Module)

PRECISIONS = ("auto", "fp32", "bf16")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
@checked
class Numerics:
    """How a run computes; it changes speed and rounding, not the mathematics.

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32" or "bf16" (autocast; weights and optimiser stay float32). On a GPU torch
            lets convolutions of "fp32" round to TF32, unless told otherwise; the words say so.
        channels_last: NHWC memory for images and convolutions.
        compile: `torch.compile` on the tensor part of the step.
        why: the reason for the precision, for the record.
    """

    device: str = "cpu"
    precision: str = "fp32"
    channels_last: bool = False
    compile: bool = False
    why: str = "as asked"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS[1:]:
            raise unknown("precision", self.precision, PRECISIONS[1:])

    def __str__(self) -> str:
        tf32 = ", convolutions in TF32" if self.rounds_to_tf32() else ""
        layout = ", channels last" if self.channels_last else ""
        return f"{self.precision} ({self.why}){tf32}{layout}{', compiled' if self.compile else ''}"

    def rounds_to_tf32(self) -> bool:
        """Whether convolutions keep 10 bits of their inputs: torch's default for CUDA in fp32."""
        cudnn: Any = torch.backends.cudnn  # an object that torch puts in the place of the module
        convolutions = cudnn.conv.fp32_precision
        cuda = torch.device(self.device).type == "cuda"
        return cuda and self.precision == "fp32" and convolutions == "tf32"

    def autocast(self) -> contextlib.AbstractContextManager:
        """The context of a forward pass."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, cache_enabled=cached_casts_have_gradients(kind))

    def wait(self) -> None:
        """Until the device has done all it was given; a processor always has."""
        kind = torch.device(self.device).type
        if kind == "cuda":
            torch.cuda.synchronize(self.device)
        elif kind == "mps":
            torch.mps.synchronize()

    def place(self, module: Placed) -> Placed:
        """The module on the device, in the memory layout; InputError where there is no such one."""
        check_device(self.device)
        placed = module.to(self.device)
        return placed.to(memory_format=torch.channels_last) if self.channels_last else placed

    def layout(self, images: Tensor) -> Tensor:
        """Images in the memory layout; of another shape than "b c h w", as they are."""
        if not self.channels_last or images.ndim != 4:
            return images
        return images.contiguous(memory_format=torch.channels_last)

    def predictor(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """`module` as a predict function, under the same precision and layout."""

        def predict(images: Tensor) -> Tensor:
            with self.autocast():
                return module(self.layout(images))

        return predict


@cache
def cached_casts_have_gradients(kind: str) -> bool:
    """Whether autocast may keep the weights that it has cast, on this kind of device.

    It casts a weight once for a whole step. Some versions of torch that this package allows keep
    even what was cast under `no_grad`, and a layer that is first used there, as a method's that
    looks before it learns, then gets no gradient (pytorch issue 158232). There the cache is off.
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
) -> Numerics:
    """The numerics of a run on this machine.

    Args:
        device: "auto" takes a CUDA GPU, then Apple's, then the CPU.
        precision: "auto" is bf16 where the GPU multiplies it natively, fp32 elsewhere.
        channels_last: None is on for CUDA and CPU, where convolutions are faster so, off elsewhere.
        compile: compile the step (some minutes at the start, worth it for long runs).

    Raises:
        InputError: a device that this machine has not, or another precision.
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
    )


def _available() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(name: str) -> None:
    """InputError for a device that nobody has, or that this machine has not."""
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
