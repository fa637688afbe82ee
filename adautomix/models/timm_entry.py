"""An entry of timm's registry for networks with the CIFAR stem, which timm itself cannot build.

After `import adautomix.models.timm_entry`, `timm.create_model` loads an exported run of such a
network like any other model.
"""

from typing import Any

from timm.models import load_pretrained, register_model
from torch import nn

from adautomix.models.net import Net

NAME = "adautomix_net"


@register_model
def adautomix_net(
    pretrained: bool = False,
    pretrained_cfg: Any = None,
    pretrained_cfg_overlay: Any = None,
    cache_dir: Any = None,
    *,
    base: str = "resnet18",
    stem: str = "cifar",
    width: int | None = None,
    num_classes: int | None = None,
    in_chans: int = 3,
    **unused: Any,
) -> nn.Module:
    """Return the timm model that `Net(base, stem, width)` builds.

    Args:
        pretrained: load the weights that `pretrained_cfg` names.
        pretrained_cfg: timm's description of the weights, as read from a `config.json`.
        pretrained_cfg_overlay, cache_dir, unused: what timm passes to its own models; not used.
        base: name of the timm model that is adapted.
        stem, width: see `Net`.
        num_classes: number of outputs; None for that of `pretrained_cfg`, else 1000.
        in_chans: number of channels of the images; 3 is the only one.

    Raises:
        InputError: a network that cannot be built.
    """
    known = getattr(pretrained_cfg, "to_dict", lambda: pretrained_cfg or {})()
    classes = num_classes or known.get("num_classes") or 1000
    model: Any = Net(base, stem=stem, width=width).build(classes).model
    model.pretrained_cfg = known
    if pretrained:
        load_pretrained(model, known, num_classes=classes, in_chans=in_chans)
    return model


__all__ = ["NAME", "adautomix_net"]
