"""Algorithm 1 (A.11) in plain PyTorch, a statement for each of its lines, for the page on it.

`algorithm_1` uses the networks and the losses of the package, but neither its step nor its training
loop. `compare` runs both from the same weights and returns by how much they differ.
"""

import copy
import inspect
import re
from collections.abc import Iterable, Mapping

import pandas as pd
import torch
from torch import Tensor, nn

from adautomix import data
from adautomix.data.loaders import Batch, DeviceBatches
from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.figures import Table
from adautomix.losses import ace, amce, cosine, mce
from adautomix.methods.adautomix import AdAutoMix, AdAutoMixMethod
from adautomix.mix import blend, interpolate
from adautomix.models import Backbone, Net, momentum_at
from adautomix.pages.notebook import holds
from adautomix.recipes.base import SGD, Cosine
from adautomix.rng import rng_for
from adautomix.train import Plan, Training

CONSTANT = Cosine(final_fraction=1.0)
"""A learning rate that stays at its peak."""

SAME = 1e-9
"""Largest difference, as a fraction of how far a network moved, that counts as rounding."""

IN_THE_PACKAGE = {
    1: "models.ema.Teacher",
    2: "train.loop.train",
    3: "methods.adautomix.AdAutoMixMethod._mix",
    4: "methods.adautomix.AdAutoMixMethod._mix",
    5: "methods.adautomix.AdAutoMixMethod._classifier_terms",
    6: "methods.adautomix.AdAutoMixMethod._teacher_terms",
    8: "methods.adautomix.AdAutoMixMethod.compute",
    11: "methods.adautomix.reverse",
    14: "models.ema.Teacher.follow",
}
"""Lines of Algorithm 1 that do something (13 announces 14) → where the package does it."""


def algorithm_1(
    method: AdAutoMixMethod, batches: Iterable[Batch], optim: SGD, seed: int, steps: int
) -> None:
    """Train the networks of `method` in place, as Algorithm 1 says, with T1 = T2 = 1.

    The numbers at the ends of the lines are those of Algorithm 1. Line 5 stands for all terms of
    Eq. 14. The losses are computed once, and both gradients taken before either network moves.

    Args:
        method: the networks; line 1 has been done, the teacher is a copy of the classifier.
        batches: images and labels.
        optim: rates of the updates; the learning rate is constant.
        seed: of the partners and λ.
        steps: of the whole run, for ξ.
    """
    psi, g, c = method.classifier, method.generator, method.config
    teacher = copy.deepcopy(psi).eval()  # 1
    w, theta = list(psi.parameters()), list(g.parameters())
    descent, ascent = (_optimiser(parameters, optim) for parameters in (w, theta))
    for t, (x, y) in enumerate(batches):  # 2
        draw = rng_for(seed, t)
        partners = draw.partners(len(x), c.n)
        lam = draw.ratios(len(x), c.n, c.concentration)
        sets = y, partners, lam
        clean, z = _of(teacher, x)  # 3
        masks = g(z, partners, lam, x.shape[-2:])  # 4
        x_mix = blend(x, partners, masks)  # 4
        l_amce = amce(psi(x_mix), *sets)  # 5
        l_mce = mce(psi(interpolate(x, partners, lam)), *sets)  # 5
        l_ace = ace(psi(x), *sets)  # 5
        seen = teacher(x_mix)  # 6
        l_teacher, l_cosine = amce(seen, *sets), cosine(seen, clean, partners, lam)  # 6
        eq_14 = l_amce + c.alpha * l_mce + (1 - c.alpha) * l_ace  # 8
        eq_15 = c.adversary * l_amce - c.beta * l_teacher + (1 - c.beta) * l_cosine  # 11
        for_w = torch.autograd.grad(eq_14, w, retain_graph=True)  # 8
        for_theta = torch.autograd.grad(-eq_15, theta)  # 11
        _update(descent, w, for_w)  # 8
        _update(ascent, theta, for_theta)  # 11
        _average(teacher, psi, momentum_at((t + 1) / steps, c.momentum))  # 14
    method.teacher.network.load_state_dict(teacher.state_dict())


@torch.no_grad()
def _of(network: Backbone, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and the features of the tap."""
    found = network.forward_with_features(images)
    return found.logits, found.features


def _optimiser(parameters: list[nn.Parameter], optim: SGD) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters, lr=optim.lr, momentum=optim.momentum, weight_decay=optim.weight_decay
    )


def _update(
    optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], gradients: Iterable[Tensor]
) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimiser.step()


@torch.no_grad()
def _average(teacher: nn.Module, network: nn.Module, xi: float) -> None:
    """ŵ ← ξ ŵ + (1 − ξ) w for parameters and floating-point buffers; counters are copied."""
    theirs = network.state_dict()
    for name, value in teacher.state_dict().items():
        floating = value.is_floating_point()
        value.copy_(xi * value + (1 - xi) * theirs[name] if floating else theirs[name])


def listing() -> Table:
    """Return the table: line of the algorithm, what runs here, where the package does it."""
    lines: dict[int, list[str]] = {number: [] for number in IN_THE_PACKAGE}
    for line in inspect.getsource(algorithm_1).splitlines():
        if found := re.fullmatch(r"\s*(.+?)  # (\d+)", line):
            lines[int(found[2])].append(f"`{found[1]}`")
    frame = pd.DataFrame(
        {
            "line": [str(number) for number in IN_THE_PACKAGE],
            "what runs here": ["; ".join(lines[number]) for number in IN_THE_PACKAGE],
            "in the package": [f"`{where}`" for where in IN_THE_PACKAGE.values()],
        }
    )
    return Table(frame, "Algorithm 1, line by line.", "tab:algorithm")


def headline(found: Mapping[str, float | int]) -> dict[str, float | int | str]:
    """Return the result of `compare` for prose, numbers in text as "4.7e-15", and "verdict"."""
    networks = ("classifier", "teacher", "generator")
    same = [found[name] <= SAME * found[f"{name}_moved"] for name in networks]
    words = {n: f"{v:.2g}" if v > SAME else f"{v:.1e}" for n, v in found.items() if n != "steps"}
    return {**words, "steps": found["steps"], "verdict": holds(*same)}


def compare(steps: int = 8, seed: int = 0, batch: int = 20) -> dict[str, float | int]:
    """Run Algorithm 1 and the package's training loop from the same weights; return differences.

    Both train a thin ResNet-18 on PhotoDigits in float64, at a constant learning rate.

    Args:
        steps: number of steps of each.
        seed: of weights, data order, partners and λ.
        batch: images of a step.

    Returns:
        Largest absolute difference of the weights of "classifier", "teacher" and "generator", and
        how far each moved at most from its start as "<network>_moved"; "steps".
    """
    train = data.load("photodigits", "train")
    if not 1 <= steps <= len(train) // batch:
        raise InputError(f"steps must be 1 to {len(train) // batch}, one epoch, not {steps}.")
    source, optim = DeviceBatches(train, batch, seed=seed), SGD(lr=0.1)
    batches = [Batch(b.images.double(), b.labels) for b in source.epoch(0)][:steps]
    start = _networks(train.info.classes, train.info.side, seed)
    plain, package = copy.deepcopy(start), copy.deepcopy(start)
    algorithm_1(plain.train(), batches, optim, seed, steps)
    training = Training(
        package,
        Plan(1, optim, CONSTANT),
        steps,
        numerics=decide("cpu", channels_last=False),
        seed=seed,
    )
    for each in batches:
        training.update(each)
    found: dict[str, float | int] = {"steps": steps}
    for name in ("classifier", "teacher", "generator"):
        weights = [getattr(m, name).state_dict().values() for m in (plain, package, start)]
        pairs = [(a, b, c) for a, b, c in zip(*weights, strict=True) if a.is_floating_point()]
        found[name] = max(float((a - b).abs().max()) for a, b, _ in pairs)
        found[f"{name}_moved"] = max(float((b - c).abs().max()) for _, b, c in pairs)
    return found


def _networks(classes: int, side: int, seed: int) -> AdAutoMixMethod:
    """Return AdAutoMix on a thin ResNet-18, in float64."""
    net = Net("resnet18", stem="cifar", width=8)
    return AdAutoMix().build(net.build(classes), side, seed=seed).double()
