"""The corruptions make the same pixels as their first, slow formulation, to the last bit."""

import corruption_oracle
import numpy as np
import pytest
import torch
from corruption_oracle import canny as slow_canny
from corruption_oracle import chamfer as slow_chamfer
from corruption_oracle import equalise as slow_equalise
from numpy.random import SeedSequence, default_rng

from adautomix.data import corrupted as module
from adautomix.data import photodigits
from adautomix.data.corrupted import corrupted
from adautomix.data.corruptions import KINDS, SEVERITIES, Dice, kind
from adautomix.data.corruptions.liquid import canny, chamfer, equalise
from adautomix.data.corruptions.seeding import generators, seeds
from adautomix.rng import StepRNG

CHANGED = [name for name in KINDS if hasattr(corruption_oracle, name)]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Photographs with digits, noise, single colours and two levels, (s, 32, 32, 3)."""
    rng = default_rng(0)
    noise = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    colours = np.array([[0, 0, 0], [255, 255, 255], [128, 128, 128], [250, 3, 77]], np.uint8)
    flat = np.broadcast_to(colours[:, None, None], (4, 32, 32, 3))
    sharp = (noise > 127) * np.uint8(255)
    return np.concatenate([photodigits.read("test").images[::39][:20], noise, flat, sharp])


def by_oracle(images: np.ndarray, name: str, severity: int, seed: int) -> np.ndarray:
    way = len(SEVERITIES) * list(KINDS).index(name) + severity - 1
    dice = Dice([StepRNG(seed, i, way, "corrupt").numpy for i in range(len(images))])
    level = kind(name).levels[severity - 1]
    values = getattr(corruption_oracle, name)(images, level, dice)
    return np.clip(values, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_pixels_are_those_of_the_first_formulation(images, name, severity, monkeypatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 11)  # of several threads and an odd last part
    assert np.array_equal(
        corrupted(images, name, severity, 3), by_oracle(images, name, severity, 3)
    )


@pytest.mark.parametrize("name", [name for name in KINDS if name != "frost"])
def test_the_pixels_do_not_depend_on_the_number_of_threads(images, name, monkeypatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        found.append(corrupted(images, name, 4, 3))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_the_oracle_has_all_that_were_made_faster() -> None:
    same = {"defocus_blur", "gaussian_blur", "frost"}
    assert set(CHANGED) == set(KINDS) - same


def test_edges_of_drops_are_those_found_pixel_by_pixel(images) -> None:
    layers = np.concatenate([images[..., 1], images[..., 0] // 4 * 4])
    assert np.array_equal(canny(layers), slow_canny(layers))


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 3, 5), (4,)])
def test_bits_are_the_integers_of_numpy(shape) -> None:
    def dice() -> Dice:
        return Dice([default_rng(i) for i in range(5)])

    rolls = dice()
    wanted = [g.integers(-1, 1, shape) + 1 for g in dice().generators]
    assert np.array_equal(rolls.bits(shape), wanted)
    again = dice()
    for g in again.generators:
        g.integers(-1, 1, shape)
    assert np.array_equal(rolls.bits((8,)), [g.integers(0, 2, 8) for g in again.generators])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.5])
def test_distances_to_edges_are_the_shortest_paths(share) -> None:
    edges = default_rng(1).random((30, 19, 23)) < share
    assert np.array_equal(chamfer(edges), slow_chamfer(edges))


def test_the_histograms_of_many_images_are_evened_out_at_once() -> None:
    rng = default_rng(2)
    images = np.minimum(rng.integers(0, 256, (9, 8, 8)), rng.integers(0, 256, (9, 1, 1)))
    images = images.astype(np.uint8)
    assert (images == images[:, :1, :1]).all(axis=(1, 2)).sum() < 9
    images[-1] = 7
    assert np.array_equal(equalise(images), slow_equalise(images))


def test_many_seeds_are_those_of_numpy_one_by_one() -> None:
    keys = default_rng(3).integers(0, 2**32, (50, 4), dtype=np.uint32)
    keys[0], keys[1, 1:] = 0, 0
    wanted = [SeedSequence(key.tolist()).generate_state(4, np.uint64) for key in keys]
    assert np.array_equal(seeds(keys), wanted)
    made = [generator.random() for generator in generators(keys)]
    assert made == [default_rng(SeedSequence(key.tolist())).random() for key in keys]


def test_a_seed_beyond_32_bits_has_the_numbers_of_its_step(images) -> None:
    found = corrupted(images[:3], "gaussian_noise", 2, seed=2**40)
    assert np.array_equal(found, by_oracle(images[:3], "gaussian_noise", 2, 2**40))
