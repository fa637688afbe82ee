"""Groups and learning rates, against the formulas and torch's own schedulers."""

import math

import pytest
import torch

from adautomix.methods import AdAutoMix, Plain
from adautomix.recipes import SGD, AdamW, Cosine
from adautomix.train import train


def test_a_cosine_without_floor_falls_from_one_to_nearly_nothing():
    assert Cosine().factor(0, 100) == 1
    assert Cosine().factor(50, 100) == pytest.approx(0.5)
    assert Cosine().factor(99, 100) == pytest.approx((1 - math.cos(math.pi / 100)) / 2)


def test_a_floor_is_what_is_left_at_the_end():
    assert Cosine(final_fraction=0.5).factor(0, 100) == 1
    assert Cosine(final_fraction=0.5).factor(50, 100) == pytest.approx(0.75)
    assert Cosine(final_fraction=0.5).factor(100, 100) == pytest.approx(0.5)


def test_warm_up_rises_linearly_and_the_cosine_follows():
    schedule = Cosine(warmup=10)
    assert [schedule.factor(step, 100) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1])
    assert schedule.factor(10, 100) == 1
    assert schedule.factor(55, 100) == pytest.approx(0.5)
    assert Cosine(warmup=3).factor(2, 3) == 1  # nothing but warm-up


def test_the_schedule_is_that_of_torch():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40, eta_min=0.02)
    for step in range(40):
        assert 0.1 * Cosine(final_fraction=0.2).factor(step, 40) == pytest.approx(
            torchs.get_last_lr()[0]
        )
        optimiser.step()
        torchs.step()


@pytest.mark.parametrize(
    "optim", [SGD(lr=0.2, generator_lr=0.05), AdamW(lr=0.2, generator_lr=0.05)]
)
def test_each_player_has_its_group_and_its_own_rate(make, batches, optim):
    training = make(AdAutoMix(), epochs=1, optim=optim, schedule=Cosine(final_fraction=0.5))
    method, groups = training.method, training.optimiser.param_groups
    held = {group["network"]: {id(p) for p in group["params"]} for group in groups}
    assert held == {
        "classifier": {id(p) for p in method.classifier.parameters()},
        "generator": {id(p) for p in method.generator.parameters()},
    }
    seen = []
    for _ in train(training, batches()):
        seen.append([group["lr"] for group in groups])
    factors = [0.5 + 0.5 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert seen[:4] == [pytest.approx([0.2 * f, 0.05 * f]) for f in factors]


def test_the_generator_shares_the_rate_where_none_is_given(make):
    training = make(AdAutoMix(), optim=SGD(lr=0.3))
    assert [group["peak"] for group in training.optimiser.param_groups] == [0.3, 0.3]


def test_a_recipe_s_values_reach_torch(make):
    sgd = make(Plain(), optim=SGD(lr=0.3, momentum=0.8, weight_decay=0.02)).optimiser
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.8, 0.02)
    adamw = make(Plain(), optim=AdamW(betas=(0.8, 0.9), weight_decay=0.02)).optimiser
    assert isinstance(adamw, torch.optim.AdamW)
    assert (adamw.defaults["betas"], adamw.defaults["weight_decay"]) == ((0.8, 0.9), 0.02)
