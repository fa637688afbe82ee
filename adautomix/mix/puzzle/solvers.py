"""Two solvers that minimise the energy of PuzzleMix: an exact graph cut, a relaxation in torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from adautomix.errors import InputError
from adautomix.mix.puzzle.energy import Energy, total

ANNEAL, SETTLE, COLDEST = 40, 8, 1e-3
"""For `relaxed`: annealing sweeps, sweeps at temperature 0, last temperature over the first."""


def graphcut(energy: Energy) -> Int[Tensor, "b rows columns"]:
    """Return the labels of least energy, by one minimum cut for the whole batch, on the CPU.

    Labels are ordered and (z_p − z_q)² is convex, so the problem of any number of labels is one
    cut (Ishikawa, 2003): a node u_p^t for each block and level t = 1..m is 1 if label_p ≥ t, else
    0. Then unary_p = Σ_t u_p^t (unary_p(t) − unary_p(t−1)) + constant, and

        (label_p − label_q)²₊ = Σ_t u_p^t (1 − u_q^t) + 2 Σ_{s>t} u_p^s (1 − u_q^t).

    Raises:
        InputError: PyMaxflow is not installed.
    """
    try:
        import maxflow
    except ImportError:
        raise InputError(
            "the graph cut of PuzzleMix needs PyMaxflow: pip install 'adautomix[puzzlemix]', "
            "or take the approximate solver='relaxed', which needs nothing."
        ) from None
    unary = energy.unary.double().cpu().numpy()
    steps = np.diff(unary, axis=-1)  # "b rows columns m"
    graph = maxflow.GraphFloat(steps.size, 4 * steps.size * steps.shape[-1])
    nodes = graph.add_grid_nodes(steps.shape)
    graph.add_grid_tedges(nodes, np.maximum(steps, 0), np.maximum(-steps, 0))
    never = 1 + np.abs(steps).sum()
    for t in range(1, steps.shape[-1]):  # label ≥ t + 1 without label ≥ t
        _add(graph, nodes[..., t - 1], nodes[..., t], never, 0.0)
    for first, second, weight in _neighbours(nodes, energy):
        _add_quadratic(graph, first, second, weight / steps.shape[-1] ** 2)
    graph.maxflow()
    above = graph.get_grid_segments(nodes)
    return torch.from_numpy(above.sum(axis=-1)).to(energy.unary.device)


def _neighbours(nodes: np.ndarray, energy: Energy) -> Iterator[tuple[np.ndarray, ...]]:
    yield nodes[:, :-1], nodes[:, 1:], energy.down.double().cpu().numpy()
    yield nodes[:, :, :-1], nodes[:, :, 1:], energy.across.double().cpu().numpy()


def _add_quadratic(graph: Any, first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> None:
    """Add the edges of weight · (label_first − label_second)²; nodes are "b rows columns m"."""
    levels = first.shape[-1]
    for t in range(levels):
        _add(graph, first[..., t], second[..., t], weight, weight)
        for s in range(t + 1, levels):
            _add(graph, first[..., t], second[..., s], 2 * weight, 0.0)
            _add(graph, second[..., t], first[..., s], 2 * weight, 0.0)


def _add(
    graph: Any,
    tail: np.ndarray,
    head: np.ndarray,
    forth: np.ndarray | float,
    back: np.ndarray | float,
) -> None:
    """Add edges that cost `forth` if only the head is above its level, `back` if only the tail."""
    forth, back = (np.broadcast_to(np.float64(c), tail.shape).ravel() for c in (forth, back))
    graph.add_edges(tail.ravel(), head.ravel(), forth, back)


def relaxed(energy: Energy) -> Int[Tensor, "b rows columns"]:
    """Return labels of low energy by annealed mean field on a checkerboard, in torch on the device.

    Each block has a distribution over the labels. As the pair term is quadratic, a block's expected
    cost of label z is unary(z) + Σ_q w_pq (z² − 2 z E[z_q]), up to a constant. The blocks of one
    colour of the checkerboard are updated together, at a temperature that falls geometrically.
    Then, starting from the rounded means or from the best single label for the whole image, each
    block takes its best label given its neighbours (iterated conditional modes, `SETTLE` sweeps).
    The result is a local minimum in general, not the global one.
    """
    unary = energy.unary.double()
    z = torch.linspace(0, 1, unary.shape[-1], dtype=unary.dtype, device=unary.device)
    rows, columns = (torch.arange(n, device=unary.device) for n in unary.shape[1:3])
    even = (rows[:, None] + columns) % 2 == 0
    stiff = _from_neighbours(energy, torch.ones_like(unary[..., 0]))
    spread = unary.amax(dim=(1, 2, 3)) - unary.amin(dim=(1, 2, 3)) + stiff.amax(dim=(1, 2))
    hottest = 0.5 * spread.clamp(min=1e-300)[:, None, None, None]
    alone = unary + stiff[..., None] * z**2
    mean = torch.full_like(stiff, 0.5)
    for sweep in range(ANNEAL):
        for mine in (even, ~even):
            cost = alone - 2 * z * _from_neighbours(energy, mean)[..., None]
            belief = (-cost / (hottest * COLDEST ** (sweep / ANNEAL))).softmax(dim=-1)
            mean = torch.where(mine, belief @ z, mean)
    labels = _or_constant(energy, (mean * (len(z) - 1)).round().long())
    for _ in range(SETTLE):
        for mine in (even, ~even):
            cost = alone - 2 * z * _from_neighbours(energy, z[labels])[..., None]
            labels = torch.where(mine, cost.argmin(dim=-1), labels)
    return labels


def _or_constant(energy: Energy, labels: Tensor) -> Tensor:
    """Return `labels`, or one label for the whole image where that has less energy."""
    best = total(energy, labels)
    for label in range(energy.unary.shape[-1]):
        constant = torch.full_like(labels, label)
        cost = total(energy, constant)
        labels = torch.where((cost < best)[:, None, None], constant, labels)
        best = torch.minimum(cost, best)
    return labels


def _from_neighbours(energy: Energy, values: Tensor) -> Tensor:
    """Return Σ_q w_pq value_q over the neighbours q of each block p."""
    found = torch.zeros_like(values)
    found[:, :-1] += energy.down * values[:, 1:]
    found[:, 1:] += energy.down * values[:, :-1]
    found[:, :, :-1] += energy.across * values[:, :, 1:]
    found[:, :, 1:] += energy.across * values[:, :, :-1]
    return found


SOLVERS = {"graphcut": graphcut, "relaxed": relaxed}
