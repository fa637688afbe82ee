"""Construction of torch's optimiser from a recipe, and setting of its learning rates."""

import torch

from adautomix.methods import Method
from adautomix.recipes.base import SGD, AdamW


def make_optimiser(
    method: Method, optim: SGD | AdamW, *, fused: bool = False
) -> torch.optim.Optimizer:
    """Return an optimiser with a parameter group for each network, at its peak learning rate."""
    groups = []
    for network, parameters in method.param_groups().items():
        own = optim.generator_lr if network == "generator" else None
        peak = optim.lr if own is None else own
        groups.append({"params": parameters, "lr": peak, "peak": peak, "network": network})
    if isinstance(optim, SGD):
        return torch.optim.SGD(
            groups, momentum=optim.momentum, weight_decay=optim.weight_decay, fused=fused or None
        )
    return torch.optim.AdamW(
        groups, betas=optim.betas, weight_decay=optim.weight_decay, fused=fused or None
    )


def set_learning_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to `factor` times its peak."""
    for group in optimiser.param_groups:
        group["lr"] = factor * group["peak"]
