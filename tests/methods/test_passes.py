"""What a step costs: the passes that each configuration says, counted in multiply-adds."""

from dataclasses import replace

import pytest
import torch

from adautomix.bench.flops import Counting
from adautomix.methods import MEADA, METHODS, AdAutoMix, AdAutoMixReleased
from adautomix.methods.adautomix import TERMS
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 4, 16, 5
VARIANTS = METHODS | {
    "me_ada, 2 steps": MEADA(steps=2),
    "adautomix, N = 4": AdAutoMix(n=4),
    "adautomix, T1 = 3": AdAutoMix(classifier_updates=3),
    "adautomix, T2 = 3": AdAutoMix(generator_updates=3),
    "adautomix, base": AdAutoMix(without=TERMS),
    "adautomix, without ace": AdAutoMix(without=("ace",)),
    "adautomix, base, T1 = T2 = 2": AdAutoMix(
        without=TERMS, classifier_updates=2, generator_updates=2
    ),
    "adautomix_released, N = 2": AdAutoMixReleased(n=2),
    "automix, openmixup": replace(METHODS["automix"], pipeline="openmixup"),
}
LIBRARIES = {"saliencymix": "cv2.saliency", "puzzlemix": "maxflow"}


def flops(config, step=1):
    """Of one step of the trainer: every turn forward and back."""
    method = config.build(Net("resnet18", width=16).build(CLASSES), SIDE).train()
    images, labels = torch.randn(BATCH, 3, SIDE, SIDE), torch.arange(BATCH) % CLASSES
    with Counting() as counted:
        for update in method.updates:
            method(images, labels, rng_for(0, step), update).total.backward()
    return counted.flops


@pytest.fixture(scope="module")
def plain():
    return flops(METHODS["plain"])


@pytest.mark.parametrize("name", VARIANTS)
def test_a_step_costs_the_passes_it_says(name, plain):
    if library := LIBRARIES.get(name):
        pytest.importorskip(library)
    config = VARIANTS[name]
    assert 3 * flops(config) / plain == pytest.approx(config.passes, rel=0.03)


def test_a_random_number_of_images_costs_its_mean():
    config = AdAutoMixReleased(n=4, random_n=True)
    method = config.build(Net("resnet18", width=8).build(CLASSES), SIDE)
    images = torch.zeros(BATCH, 3, SIDE, SIDE)
    drawn = [method._sets(images, rng_for(0, step))[0].partners.shape[1] for step in range(600)]
    cost = {n: AdAutoMixReleased(n=n).passes for n in (2, 3, 4)}
    assert sum(cost[n] for n in drawn) / 600 == pytest.approx(config.passes, abs=0.15)
