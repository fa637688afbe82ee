"""`CapturedStep`: losses and gradients of an update by one call, repeated from a recording.

On a GPU a step consists of a thousand or more small operations, which the host issues more slowly
than the GPU computes them. So the tensor part of an update, `Method.compute` and its backward pass,
is recorded once as a CUDA graph and repeated in every later step.
"""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adautomix.device import Numerics
from adautomix.errors import first_line
from adautomix.methods import Losses, Method
from adautomix.methods.eager_grad import check_gradient
from adautomix.rng import StepRNG
from adautomix.train.recorder import Recorder

REHEARSALS = 2
"""Times that each kind of update runs eagerly before it is recorded; libraries initialise then."""
MOST = 8
"""Recordings that are kept; updates of further kinds run eagerly."""
CONSTANTS = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Recording:
    """A recorded update.

    Attributes:
        buffers: the tensors that it reads, in the order of `taken_apart`.
        repeat: computes the update; returns the total of the losses, then their terms.
        names: names of the terms.
        gradients: what it writes the gradients of the trained parameters to; None for a parameter
            that has none.
    """

    buffers: list[Tensor]
    repeat: Callable[[], list[Tensor]]
    names: tuple[str, ...]
    gradients: list[Tensor | None]


class CapturedStep:
    """Losses and gradients of a method's updates, from recordings where that is possible.

    `Method.prepare`, with all random numbers and decisions of the host, runs in every step; what it
    returns is copied to where the recording reads. There is a recording for each kind of update: of
    other networks, of arguments of other shapes, or of other arguments that are no tensors, such as
    the layer of Manifold Mixup. It holds for images of the first batch's shape.

    Args:
        method: on its device, in training mode.
        numerics: those of the run.
        recorder: None for a step that is not captured.
        why: why it is not, for the record.
    """

    def __init__(
        self, method: Method, numerics: Numerics, recorder: Recorder | None, why: str = ""
    ):
        self.method, self.numerics, self.recorder, self.why = method, numerics, recorder, why
        self.trained = [each for each in method.parameters() if each.requires_grad]
        self.shape: torch.Size | None = None
        self.recordings: dict[Hashable, Recording] = {}
        self.seen: Counter[Hashable] = Counter()
        self.bound: Recording | None = None
        self.repeated, self.eager = 0, 0
        if recorder is not None:
            self.why = _declared(method)

    def __str__(self) -> str:
        if self.recorder is None or self.why:
            return f"eager ({self.why})"
        updates = self.repeated + self.eager
        return f"captured ({self.repeated:,} of {updates:,} updates repeated from a recording)"

    def takes(self, images: Tensor) -> bool:
        """Whether `losses` can be asked for these images."""
        if self.recorder is None or self.why:
            return False
        self.shape = self.shape or images.shape
        return images.shape == self.shape

    def losses(self, images: Tensor, labels: Tensor, rng: StepRNG, update: str) -> Losses:
        """Compute the gradients of an update, in `grad` of the parameters, and return its losses.

        Gradients from a recording stay there, and the next update overwrites them.
        """
        compute = self.method.computing(update)
        with self.numerics.autocast():
            targets = self.method.checked(images, labels, rng)
            given = self.method.prepare(images, targets, rng)
        tensors: list[Tensor] = []
        kind = (update, taken_apart(given, tensors))
        if kind not in self.recordings and (self.why or not self._recorded(kind, compute, given)):
            return self._rehearsed(kind, compute, given)
        recording = self.recordings[kind]
        torch._foreach_copy_(recording.buffers, tensors)
        self._bind(recording)
        self.repeated += 1
        total, *terms = (each.clone() for each in recording.repeat())
        return Losses(total, dict(zip(recording.names, terms, strict=True)))

    def make_way(self) -> None:
        """Prepare for an update that is computed elsewhere, as its gradients are added up."""
        self.eager += 1
        self._unbind()

    def _unbind(self) -> None:
        """Take the gradients of a recording from the parameters."""
        if self.bound is not None:
            self.bound = None
            for parameter in self.trained:
                parameter.grad = None

    def _bind(self, recording: Recording) -> None:
        """Make the recording's gradients those of the parameters."""
        bound = zip(self.trained[:1], recording.gradients[:1], strict=True)
        if self.bound is recording and all(p.grad is gradient for p, gradient in bound):
            return
        for parameter, gradient in zip(self.trained, recording.gradients, strict=True):
            parameter.grad = gradient
        self.bound = recording

    def _rehearsed(self, kind: Hashable, compute: Callable[..., Losses], given: tuple) -> Losses:
        """Compute an update eagerly; from the last rehearsal it is known whether to record it."""
        self.make_way()
        if self.recorder is None or self.why:
            return self._computed(compute, given)
        self.seen[kind] += 1
        before = _host_randomness(self.numerics)
        losses, reason = self.recorder.rehearse(lambda: self._computed(compute, given))
        if self.seen[kind] == REHEARSALS:
            if _host_randomness(self.numerics) != before:
                reason = "the network draws random numbers on the host"
            self.why = reason or ""
        return losses

    def _recorded(self, kind: Hashable, compute: Callable[..., Losses], given: tuple) -> bool:
        """Record an update if it was rehearsed and can be recorded, and tell whether it was."""
        if self.recorder is None or self.seen[kind] < REHEARSALS or len(self.recordings) == MOST:
            return False
        if reason := next(_unrecordable(given), None):
            self.why = reason
            return False
        self._unbind()
        buffers: list[Tensor] = []

        def buffer(tensor: Tensor) -> Tensor:
            buffers.append(_buffer(tensor))
            return buffers[-1]

        fixed = rebuilt(given, buffer)
        names: list[str] = []

        def work() -> list[Tensor]:
            losses = self._computed(compute, fixed)
            names[:] = losses.terms
            return [losses.total, *losses.terms.values()]

        try:
            repeat = self.recorder.record(work)
        except RuntimeError as error:  # the update is computed eagerly instead
            self.why = f"it could not be recorded: {first_line(error)}"
            return False
        finally:
            gradients = [parameter.grad for parameter in self.trained]
            for parameter in self.trained:
                parameter.grad = None
        self.recordings[kind] = Recording(buffers, repeat, tuple(names), gradients)
        return True

    def _computed(self, compute: Callable[..., Losses], given: tuple[Any, ...]) -> Losses:
        """Compute losses and gradients; autocast's copies of the weights are made here anew."""
        with self.numerics.autocast():
            losses = compute(*given)
        check_gradient(losses.total)
        losses.total.backward()
        return Losses(losses.total.detach(), losses.terms)


def _declared(method: Method) -> str:
    """Return why a method says that it cannot be recorded; "" if it can."""
    if not method.captures:
        return f"{type(method).__name__} declares captures = False"
    if type(method).forward is not Method.forward:
        return f"{type(method).__name__} has a forward of its own"
    return ""


def _unrecordable(given: Any) -> Iterator[str]:
    """Yield what of the arguments of `compute` a recording could not be given anew."""
    if isinstance(given, Tensor):
        if given.requires_grad:
            yield "what is prepared for it depends on trained weights"
    elif isinstance(given, dict):
        yield from _unrecordable(tuple(given.values()))
    elif isinstance(given, tuple | list):
        for each in given:
            yield from _unrecordable(each)
    elif not isinstance(given, CONSTANTS):
        yield f"a {type(given).__name__} is prepared for it"


def taken_apart(given: Any, tensors: list[Tensor]) -> Hashable:
    """Append all tensors of `given` to `tensors`, and return the rest: their layouts and constants.

    `given` is a tensor, a constant, or a tuple, list or mapping of such.
    """
    if isinstance(given, Tensor):
        tensors.append(given)
        return given.shape, given.stride(), given.dtype
    if isinstance(given, dict):
        return tuple((name, taken_apart(each, tensors)) for name, each in given.items())
    if isinstance(given, tuple | list):
        return tuple(taken_apart(each, tensors) for each in given)
    rest: Any = given if isinstance(given, CONSTANTS) else type(given)
    return rest


def rebuilt(given: Any, instead: Callable[[Tensor], Tensor]) -> Any:
    """Return `given` with another tensor instead of each, in the order of `taken_apart`."""
    if isinstance(given, Tensor):
        return instead(given)
    if isinstance(given, dict):
        return {name: rebuilt(each, instead) for name, each in given.items()}
    if isinstance(given, tuple | list):
        items = [rebuilt(each, instead) for each in given]
        return type(given)(*items) if hasattr(given, "_fields") else type(given)(items)
    return given


def _buffer(tensor: Tensor) -> Tensor:
    """Return memory for values of this layout; an expanded tensor's has a place for each value."""
    return torch.empty_like(tensor, memory_format=torch.preserve_format).copy_(tensor)


def _host_randomness(numerics: Numerics) -> tuple[Any, ...]:
    """Return the state of the generators of the host that a recording would not ask again."""
    words: Any = np.random.get_state()  # noqa: NPY002, what others use is looked at
    states: tuple[Any, ...] = random.getstate(), words[1].tobytes(), words[2]
    if torch.device(numerics.device).type == "cpu":
        return states
    return *states, torch.default_generator.get_state().numpy().tobytes()
