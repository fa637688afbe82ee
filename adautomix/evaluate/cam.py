"""Grad-CAM (Selvaraju et al., 2017): maps of a network's evidence for a class (Fig. 11)."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from adautomix.data.labels import class_numbers
from adautomix.errors import InputError, unknown
from adautomix.evaluate import checks
from adautomix.models import Backbone, evaluating


def grad_cam(
    network: Backbone,
    images: Float[Tensor, "b c h w"],
    classes: Tensor,
    *,
    layer: str = "final",
) -> Float[Tensor, "b h w"]:
    """Compute the Grad-CAM map of each image for its class, of the image's size.

    The map is ReLU(Σ_d α_d A_d) with α_d the mean over positions of the gradient of the class's
    logit with respect to feature map A_d (their Eq. 1 and 2), enlarged by bilinear interpolation
    and divided by its largest value, so in [0, 1]; all 0 if there is no evidence for the class.

    The network is run in evaluation mode, and its gradients, buffers and mode do not change. Its
    weights may be frozen. For the two images in a mixed one, call this function twice, e.g. with
    `labels[mixed.partners[:, 0]]` and `labels[mixed.partners[:, 1]]`.

    Args:
        network: a backbone; for a teacher, its `network`.
        images: normalised, on the network's device.
        classes: the class of each image's map: integers or one-hot rows.
        layer: "final", the features before the head; "tap", those that the mix generator uses,
            with more positions; or the name of a module, e.g. "layer3". The head of most vision
            transformers uses only the class token: choose "tap" there, "final" gives zeros.

    Raises:
        InputError: no such layer, features that are not one tensor or not on a grid, classes that
            the network does not have, or images or logits with NaN or infinite values.
    """
    checks.check_finite(images)
    with evaluating(network), torch.enable_grad():
        if layer == "final":
            features = network.final(images).requires_grad_()
            logits = network.model.forward_head(features)
        else:
            with _watching(_module(network, layer), layer) as watched:
                logits = network(images)
            if not watched:
                raise InputError(f"the layer {layer!r} takes no part in {network.name}'s logits.")
            features = watched[-1]
        evidence = _evidence(logits, images, classes)
        (gradient,) = torch.autograd.grad(evidence, features)
    return _map(network, features.detach().float(), gradient.float(), images.shape[2:])


def cam_share(maps: Float[Tensor, "b h w"], objects: Bool[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    """Return the share of a map's sum on the object's pixels; NaN for a map that is all zero.

    The chance level is that of a constant map, the object's share of the image's area:
    `cam_share(torch.ones_like(maps), objects)`. Raises InputError unless `objects` are bool of the
    shape of the maps.
    """
    checks.check_objects(objects, maps.shape)
    return (maps * objects).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))


@contextmanager
def _watching(module: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Collect the outputs of a module inside the block, as leaves at which gradients stop."""
    seen: list[Tensor] = []

    def look(_module: nn.Module, _inputs: tuple, output: object) -> Tensor:
        if not isinstance(output, Tensor):
            raise InputError(
                f"the layer {layer!r} gives a {type(output).__name__} of features, not one tensor: "
                "choose another layer."
            )
        seen.append(output.detach().requires_grad_())
        return seen[-1].clone()  # the next module may modify it in place

    handle = module.register_forward_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


def _module(network: Backbone, layer: str) -> nn.Module:
    """Return the module of that name; "tap" is the one whose output is tapped."""
    modules = dict(network.model.named_modules())
    if layer == "tap":
        infos = getattr(network.model, "feature_info", None)
        if not infos:
            raise InputError(
                f"the model {network.name} does not say which module its tap is: "
                f"name it, one of {', '.join(name for name in modules if name)}."
            )
        layer = list(infos)[network.tap]["module"]
    if layer not in modules or not layer:
        raise unknown(f"layer of {network.name}", layer, filter(None, modules))
    return modules[layer]


def _evidence(logits: Tensor, images: Tensor, classes: Tensor) -> Float[Tensor, ""]:
    """Return the sum of the classes' logits; images do not affect each other's gradients."""
    checks.check_logits(logits, images)
    checks.refuse_logits(int(checks.not_finite(logits.detach())), len(images))
    numbers = class_numbers(classes, logits.shape[1]).to(logits.device)
    checks.check_count(numbers, images)
    return logits.gather(1, numbers[:, None]).sum()


def _map(network: Backbone, features: Tensor, gradient: Tensor, size: torch.Size) -> Tensor:
    """Weigh channels by their mean gradient, apply ReLU, enlarge, and scale the maximum to 1."""
    channels_last = getattr(network.model, "output_fmt", "NCHW") == "NHWC"
    features, gradient = (_grid(network, x, channels_last) for x in (features, gradient))
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    small = (weights * features).sum(dim=1, keepdim=True).relu()
    maps = F.interpolate(small, size, mode="bilinear", align_corners=False)[:, 0]
    return maps / maps.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


def _grid(network: Backbone, features: Tensor, channels_last: bool) -> Tensor:
    """Return features as "b d h w", from that, from "b h w d" or from a ViT's tokens "b l d"."""
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if channels_last else features
    if features.ndim == 3:
        tokens = features[:, getattr(network.model, "num_prefix_tokens", 0) :]
        side = isqrt(tokens.shape[1])
        if side * side == tokens.shape[1]:
            return tokens.mT.unflatten(2, (side, side))
    raise InputError(
        f"features of shape {tuple(features.shape)} do not lie on a grid: choose another layer."
    )
