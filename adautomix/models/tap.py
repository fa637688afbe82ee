"""Features of any network by the name of one of its modules, and logits among what it returns."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.errors import InputError, unknown

Shape = tuple[int, ...]


class ModuleTap:
    """The output of one module during a forward pass, by a forward hook.

    The hook stays registered and does nothing between calls, because a hook that is added and
    removed cannot be compiled. A deep copy of the network and its tap belong together as well.

    Args:
        model: the network.
        name: of the module, as in `model.named_modules()`.

    Raises:
        InputError: the network has no such module, or it is compiled.
    """

    def __init__(self, model: nn.Module, name: str):
        known = {known: module for known, module in model.named_modules() if known}
        if name not in known:
            children = ", ".join(known for known, _ in model.named_children())
            raise unknown("module to tap", name, known, children)
        if hasattr(known[name], "_orig_mod"):
            raise InputError(
                f"the module {name} is compiled, which hides its output: tap it before it is "
                "compiled, or let how=How(numerics=decide(compile=True)) compile the step."
            )
        self.name, self.wanted, self.seen = name, False, None
        known[name].register_forward_hook(self)

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Keep the output; this is the hook."""
        if self.wanted:
            self.seen = output

    def forward(self, model: nn.Module, images: Tensor) -> tuple[Any, Tensor]:
        """Return what the model returns, and the map "b d h w" of the module.

        Raises InputError if the module gives no map.
        """
        self.wanted = True
        try:
            given = model(images)
            seen = self.seen
        finally:
            self.wanted, self.seen = False, None
        map_ = as_map(seen, images.shape)
        if map_ is None:
            raise InputError(
                f"the module {self.name} gives {shape_of(seen)}, not a map of shape (batch, "
                "channels, height, width): tap one of the modules that do, e.g. of "
                f"{', '.join(names_of_maps(model, images)) or 'another model'}."
            )
        return given, map_


def as_map(output: object, images: Shape) -> Float[Tensor, "b d h w"] | None:
    """Return a module's output as "b d h w"; None if it is none.

    Channels come last, "b h w d" as in torchvision's Swin, if axes 1 and 2, and not 2 and 3, have
    the proportions of the images.
    """
    if not isinstance(output, Tensor) or output.ndim != 4:
        return None
    height, width = images[-2:]
    _, first, second, third = output.shape
    if second * width != third * height and first * width == second * height:
        return output.movedim(-1, 1)
    return output


@torch.no_grad()
def names_of_maps(model: nn.Module, images: Tensor) -> list[str]:
    """Return the outermost modules whose output is a map of more than one pixel, at most 8."""
    seen: dict[str, object] = {}

    def keep(name: str) -> Any:
        return lambda module, inputs, output: seen.__setitem__(name, output)

    outer = [(name, module) for name, module in model.named_modules() if name.count(".") < 2]
    hooks = [module.register_forward_hook(keep(name)) for name, module in outer if name]
    try:
        model(images)
    except Exception:  # only a hint inside another error
        return []
    finally:
        for hook in hooks:
            hook.remove()
    maps = {name: as_map(output, images.shape) for name, output in seen.items()}
    found = [name for name, map_ in maps.items() if map_ is not None and map_[0, 0].numel() > 1]
    depth = min((name.count(".") for name in found), default=0)
    return [name for name in found if name.count(".") == depth][-8:]


def logits_of(given: Any, output: int | str | None, name: str) -> Float[Tensor, "b k"]:
    """Return the logits among what a model returns.

    Args:
        given: what the model returned.
        output: their key or position, if it is not a tensor.
        name: the model, for messages.

    Raises:
        InputError: several tensors and no word on which, no such part, or one that is not "b k".
    """
    if not isinstance(given, Tensor):
        parts = _parts(given)
        if output is None or output not in parts:
            raise InputError(
                f"the model {name} returns {shape_of(given)}"
                f"{'' if output is None else f', without {output!r}'}: name its logits, e.g. "
                f"Backbone(model, output={next(iter(parts), 0)!r})."
            )
        given = parts[output]
    if not isinstance(given, Tensor) or given.ndim != 2:
        raise InputError(
            f"the model {name} gives {shape_of(given)}, not logits of shape (batch, classes): give "
            "one with a head that classifies images."
        )
    return given


def shape_of(output: object) -> str:
    """Return a description of what a module returned, for messages."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    parts = _parts(output)
    listed = f" of {', '.join(map(repr, list(parts)[:6]))}" if parts else ""
    return f"a {type(output).__name__}{listed}"


def _parts(given: Any) -> dict[int | str, Any]:
    """Return the parts of a mapping by key, of a sequence by position, a named tuple by both."""
    if hasattr(given, "keys"):
        return {key: given[key] for key in given.keys()}  # noqa: SIM118, a ModelOutput of transformers
    if isinstance(given, list | tuple):
        names: Iterable[str] = getattr(given, "_fields", ())
        return {**dict(zip(names, given, strict=False)), **dict(enumerate(given))}
    return {}
