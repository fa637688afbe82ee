"""A loss whose gradient is taken at once: its activations need not wait for the backward pass.

The losses of a step that share no activations need not be in memory together: of AdAutoMix's three
passes through the classifier only the adversarial one has to wait for the teacher's. What waits for
the others is their gradient, as large as the weights and not as the batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def eager_grad(compute: Callable[[], Tensor], parameters: Iterable[nn.Parameter]) -> Tensor:
    """`compute()`, a scalar; its gradient for `parameters` is taken now, its graph is freed now.

    The gradient arrives at the parameters where `backward` would bring it, scaled as there, and at
    nothing else: `compute` may depend on nothing else that takes a gradient. Without gradients, and
    while torch compiles the step, which plans its memory itself, this is `compute()`.
    """
    wanted = [p for p in parameters if p.requires_grad]
    if not torch.is_grad_enabled() or torch.compiler.is_compiling() or not wanted:
        return compute()
    return _Early.apply(compute, *wanted)


class _Early(torch.autograd.Function):
    """The loss; backwards, its kept gradient times what arrives."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[[], Tensor], *parameters: Tensor) -> Tensor:
        with torch.enable_grad():
            loss = compute()
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
    """The gradients times `factor`, in place: new memory would cost ten times the product.

    Two parameters may have been given one gradient, or one may be spread over its shape; these are
    multiplied into new memory.
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
