"""The energy of PuzzleMix by looking at the picture, its solvers and transport by trying all."""

import itertools
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy import stats

from adautomix.mix.puzzle import (
    SOLVERS,
    Energy,
    Terms,
    assign,
    carry,
    graphcut,
    puzzle_energy,
    relaxed,
    total,
)
from adautomix.mix.puzzle.energy import log_binomial
from adautomix.rng import rng_for

needs_maxflow = pytest.mark.skipif(find_spec("maxflow") is None, reason="needs PyMaxflow")


def random_energy(batch, rows, columns, labels, stiff, seed=0):
    rng = np.random.default_rng(seed)
    return Energy(
        torch.tensor(rng.normal(size=(batch, rows, columns, labels))),
        torch.tensor(stiff * rng.random((batch, rows - 1, columns))),
        torch.tensor(stiff * rng.random((batch, rows, columns - 1))),
    )


def labellings(rows, columns, labels):
    """Every labelling of the grid."""
    every = itertools.product(range(labels), repeat=rows * columns)
    return torch.tensor(list(every)).view(-1, rows, columns)


def of_each(energy, every, which=0):
    """The energy of every labelling for one image."""
    one = (
        term[which : which + 1].expand(len(every), *term.shape[1:])
        for term in (energy.unary, energy.down, energy.across)
    )
    return total(Energy(*one), every)


def batch_of(side=32, batch=6, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.tensor(rng.normal(size=(batch, 3, side // 4, side // 4))).float()
    smooth = torch.nn.functional.interpolate(images, size=side, mode="bilinear")
    return smooth, torch.tensor(rng.random((batch, side, side)) ** 4).float()


# The energy.


def slow_seam(picture, square, grid):
    """Mean differences across all borders of the blocks of one picture, summed over the borders."""
    height, width = picture.shape[1:]
    (down, across), (rows, columns) = square, grid
    block = height // rows, width // columns
    found = 0.0
    for row, column in np.ndindex(grid):
        top, left = row * block[0], column * block[1]
        if row:
            above, below = picture[:, top - down : top], picture[:, top : top + down]
            steps = [slice(x, x + across) for x in range(left, left + block[1], across)]
            pairs = [(above[:, :, s], below[:, :, s]) for s in steps]
            found += np.mean([abs(a.mean((1, 2)) - b.mean((1, 2))).mean() for a, b in pairs])
        if column:
            before, after = picture[:, :, left - across : left], picture[:, :, left : left + across]
            steps = [slice(y, y + down) for y in range(top, top + block[0], down)]
            pairs = [(before[:, s], after[:, s]) for s in steps]
            found += np.mean([abs(a.mean((1, 2)) - b.mean((1, 2))).mean() for a, b in pairs])
    return found


def slow_energy(own, other, saliency, ratio, terms, labels):
    """E by looking at the picture that results, for labels that are 0 or m."""
    rows, columns = labels.shape
    z = labels / (terms.labels - 1)
    shown = np.kron(z, np.ones((own.shape[1] // rows, own.shape[2] // columns)))
    lost = (z * saliency[1] + (1 - z) * saliency[0]).sum()
    unequal = (np.diff(z, axis=0) ** 2).sum() + (np.diff(z, axis=1) ** 2).sum()
    seams = slow_seam(shown * own + (1 - shown) * other, (4, 2), labels.shape)
    prior = stats.binom(terms.labels - 1, ratio).logpmf(labels).sum() / labels.size
    return lost + terms.beta * (unequal + terms.gamma * seams) - terms.eta * prior


@pytest.mark.parametrize("ratio", [0.3, 0.9])
def test_the_energy_is_that_of_the_picture_but_for_a_constant(ratio):
    rng, terms = np.random.default_rng(0), Terms(beta=0.7, gamma=0.6, eta=0.4, neighbour=4)
    images = rng.normal(size=(2, 3, 16, 12)) * np.array([1.0, 3.0, 0.2])[:, None, None]
    saliency = rng.dirichlet(np.ones(4), 2).reshape(2, 2, 2)
    partners = torch.tensor([[0, 1], [1, 0]])
    energy = puzzle_energy(
        torch.tensor(images),
        torch.tensor(saliency),
        partners,
        torch.full((2,), ratio, dtype=torch.float64),
        terms,
    )
    span = images.max((0, 2, 3)) - images.min((0, 2, 3))  # blocks of 8 × 6: squares of 4 × 2
    own, other = images / span[:, None, None]
    every = 2 * labellings(2, 2, 2)
    slow = [slow_energy(own, other, saliency, ratio, terms, z.numpy()) for z in every]
    difference = of_each(energy, every).numpy() - slow
    np.testing.assert_allclose(difference, difference[0], atol=1e-7)
    assert np.std(slow) > 0.1


@pytest.mark.parametrize("labels", [2, 3, 4])
def test_the_prior_is_binomial(labels):
    ratios = torch.tensor([0.1, 0.5, 0.8])
    expected = [stats.binom(labels - 1, r).logpmf(range(labels)) for r in ratios.tolist()]
    np.testing.assert_allclose(log_binomial(ratios, labels), expected, rtol=1e-6)
    assert torch.isfinite(log_binomial(torch.tensor([0.0, 1.0]), labels)).all()


def test_half_a_share_costs_the_mean_of_all_and_nothing_less_a_quarter_of_the_ties():
    energy = random_energy(1, 3, 3, 3, 1.0)
    unary = energy.unary.clone()
    unary[..., 1] = (unary[..., 0] + unary[..., 2]) / 2
    labels = torch.tensor([[[0, 2, 0], [2, 1, 2], [0, 0, 2]]])
    low, high = labels.clone(), labels.clone()
    low[0, 1, 1], high[0, 1, 1] = 0, 2
    energy = replace(energy, unary=unary)
    ties = energy.down[0, :, 1].sum() + energy.across[0, 1].sum()
    between = (total(energy, low) + total(energy, high)) / 2 - ties / 4
    torch.testing.assert_close(total(energy, labels), between)


def test_pairs_of_blocks_never_prefer_to_differ():
    images, maps = batch_of()
    saliency = torch.nn.functional.avg_pool2d(maps, 4)
    partners = rng_for(0, 1).partners(6, 2)
    energy = puzzle_energy(images, saliency, partners, torch.rand(6), Terms(1.0, 1.0, 0.2))
    assert min(energy.down.min(), energy.across.min()) >= 0


# The solvers.


@needs_maxflow
@pytest.mark.parametrize("stiff", [0.0, 0.5, 2.0, 8.0])
@pytest.mark.parametrize(("rows", "columns", "labels"), [(3, 3, 3), (3, 4, 2), (2, 3, 4)])
def test_the_graph_cut_finds_the_least_energy_of_all_labellings(rows, columns, labels, stiff):
    energy = random_energy(4, rows, columns, labels, stiff)
    every = labellings(rows, columns, labels)
    found = total(energy, graphcut(energy))
    for b in range(4):
        torch.testing.assert_close(found[b], of_each(energy, every, b).min())


@pytest.mark.parametrize("stiff", [0.0, 0.5, 2.0, 8.0])
def test_the_relaxed_labels_are_near_the_least_energy_and_no_single_change_lowers_it(stiff):
    energy = random_energy(8, 3, 3, 3, stiff)
    every, labels = labellings(3, 3, 3), relaxed(energy)
    found = total(energy, labels)
    energies = [of_each(energy, every, b) for b in range(8)]
    least, middle = (torch.stack([f(e) for e in energies]) for f in (torch.min, torch.median))
    gap = (found - least) / (middle - least)
    assert (gap >= -1e-9).all()
    assert gap.max() < 0.1
    assert gap.mean() < 0.02
    for row, column, label in itertools.product(range(3), repeat=3):
        changed = labels.clone()
        changed[:, row, column] = label
        assert (total(energy, changed) >= found - 1e-12).all()


@needs_maxflow
@pytest.mark.parametrize("blocks", [4, 8])
def test_the_gap_of_the_relaxed_labels_on_images_is_small(blocks):
    images, maps = batch_of(batch=40)
    pooled = torch.nn.functional.avg_pool2d(maps, 32 // blocks)
    saliency = pooled / pooled.sum(dim=(1, 2), keepdim=True)
    partners, ratios = rng_for(0, 1).partners(40, 2), rng_for(0, 2).beta(1.0, (40,))
    energy = puzzle_energy(images, saliency, partners, ratios, Terms(1.2 / 16 / blocks, 0.5, 0.2))
    least = total(energy, graphcut(energy))
    gap = (total(energy, relaxed(energy)) - least) / least
    assert gap.min() >= -1e-9
    assert gap.mean() < 0.005
    assert gap.max() < 0.05


@pytest.mark.parametrize("solver", [pytest.param("graphcut", marks=needs_maxflow), "relaxed"])
def test_an_image_is_solved_alone_as_in_a_batch(solver):
    energy = random_energy(5, 4, 6, 3, 1.0)
    together = SOLVERS[solver](energy)
    for b in range(5):
        terms = (term[b : b + 1] for term in (energy.unary, energy.down, energy.across))
        alone = SOLVERS[solver](Energy(*terms))
        assert torch.equal(alone[0], together[b])


# The transport.


def slow_cost(saliency, shown, distance, plan):
    """Of putting patch plan[j] at place j."""
    rows, columns = saliency.shape
    found = 0.0
    for j, i in enumerate(plan):
        here, there = divmod(j, columns), divmod(i, columns)
        far = sum(
            ((a - b) / (n - 1)) ** 2 for a, b, n in zip(here, there, (rows, columns), strict=True)
        )
        found += distance * far - saliency.flat[i] * shown.flat[j]
    return found


@pytest.mark.parametrize("distance", [0.0, 0.05, 0.8])
def test_the_plan_is_the_best_of_all_permutations(distance):
    rng = np.random.default_rng(0)
    saliency = rng.dirichlet(np.ones(6), 3).reshape(3, 2, 3)
    shown = rng.random((3, 2, 3)) < 0.5
    plans = assign(torch.tensor(saliency), torch.tensor(shown), distance)
    moved = 0
    for b in range(3):
        assert sorted(plans[b].tolist()) == list(range(6))
        every = itertools.permutations(range(6))
        best = min(slow_cost(saliency[b], shown[b], distance, plan) for plan in every)
        found = slow_cost(saliency[b], shown[b], distance, plans[b].tolist())
        assert found == pytest.approx(best)
        moved += plans[b].tolist() != list(range(6))
    assert (moved > 0) == (distance < 0.8)


def test_patches_are_carried_as_by_a_slow_loop():
    images = torch.arange(2 * 3 * 6 * 8).view(2, 3, 6, 8).float()
    plan = torch.tensor([[5, 3, 1, 0, 2, 4], [0, 1, 2, 3, 5, 4]])
    found, expected = carry(images, plan, (3, 2)), torch.zeros_like(images)
    for b, j in itertools.product(range(2), range(6)):
        (row, column), (there, across) = divmod(j, 2), divmod(int(plan[b, j]), 2)
        patch = images[b, :, 2 * there : 2 * there + 2, 4 * across : 4 * across + 4]
        expected[b, :, 2 * row : 2 * row + 2, 4 * column : 4 * column + 4] = patch
    assert torch.equal(found, expected)
