"""Torch's optimiser from a recipe, its learning rates, and the limit of the gradient."""

from typing import Any

import torch

from adautomix.methods import Method
from adautomix.recipes.base import SGD, AdamW, Cosine


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


def set_learning_rates(
    optimiser: torch.optim.Optimizer, schedule: Cosine, step: int, total: int
) -> None:
    """Set the learning rate of every network to that of `step`, from 0, of `total`."""
    for group in optimiser.param_groups:
        group["lr"] = schedule.factor(step, total, group["network"]) * group["peak"]


def restore(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser of the same networks; what each group is of stays.

    torch takes the options of the groups from the state, and states written earlier name the
    networks otherwise.
    """
    networks = [group["network"] for group in optimiser.param_groups]
    optimiser.load_state_dict(state)
    for group, network in zip(optimiser.param_groups, networks, strict=True):
        group.pop("player", None)  # the key in earlier states
        group["network"] = network


def clip_gradients(optimiser: torch.optim.Optimizer, clip: float) -> None:
    """Scale the gradient of all networks together to the length `clip`, where it is longer."""
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, clip)
