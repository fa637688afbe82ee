"""`eager_grad`, which back-propagates one loss of a step at once to save memory.

Losses without shared activations are back-propagated one at a time, so only one graph is in memory.
Of AdAutoMix's three passes through the classifier only the adversarial one shares activations with
the teacher's pass. For the other two only the gradient is kept until the backward pass; it is as
large as the weights, while activations grow with the batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from adautomix.errors import InputError


def check_gradient(loss: Tensor) -> None:
    """Raise InputError if gradients are wanted and the loss has none."""
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise InputError(
            "the loss depends on no weight that is trained: take torch.no_grad() and detach() out "
            "of the model's forward."
        )


def eager_grad(compute: Callable[[], Tensor], parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return the scalar `compute()`; compute its gradient for `parameters` and free its graph now.

    A later `backward` adds this gradient to the parameters, scaled as usual. No other tensor gets a
    gradient, so `compute` must not depend on any other that requires one. If gradients are
    disabled, or while torch compiles the step (the compiler plans memory itself), or in half
    precision (float16), where a `GradScaler` has to scale the loss before its gradient is computed,
    this is only `compute()`.
    """
    wanted = [p for p in parameters if p.requires_grad]
    if not torch.is_grad_enabled() or torch.compiler.is_compiling() or not wanted:
        return compute()
    device = wanted[0].device.type
    if torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16:
        return compute()
    return _EagerGrad.apply(compute, *wanted)


class _EagerGrad(torch.autograd.Function):
    """The loss in the forward pass; its stored gradient times the incoming one in the backward."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[[], Tensor], *parameters: Tensor) -> Tensor:
        with torch.enable_grad():
            loss = compute()
            check_gradient(loss)
            ctx.gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return loss.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        kept, ctx.gradients = ctx.gradients, None
        if kept is None:
            raise RuntimeError("the gradient of this step was taken already: compute it anew.")
        return None, *_scaled(kept, arriving)


def _scaled(gradients: Sequence[Tensor | None], factor: Tensor) -> Iterator[Tensor | None]:
    """Yield the gradients times `factor`, in place, as allocation would take ten times as long.

    Gradients that share their memory with another one, or are expanded views, are multiplied into
    new memory.
    """
    stored = [None if g is None else g.untyped_storage() for g in gradients]
    uses = Counter(s.data_ptr() for s in stored if s is not None)
    for g, s in zip(gradients, stored, strict=True):
        if g is None or s is None:
            yield None
        elif uses[s.data_ptr()] == 1 and s.nbytes() == g.nbytes:
            yield g.mul_(factor.to(g.dtype))
        else:
            yield g * factor.to(g.dtype)
