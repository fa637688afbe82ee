"""Groups and learning rates, against the formulas and torch's own schedulers."""

import math

import pytest
import torch

from adautomix.errors import InputError
from adautomix.methods import AdAutoMix, Plain
from adautomix.recipes import SGD, AdamW, Cosine
from adautomix.train import loop, train
from adautomix.train.optimiser import clip_gradients, restore, set_learning_rates


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


def test_a_warm_up_in_epochs_is_that_many_epochs_of_steps():
    schedule = Cosine(warmup=1, warmup_epochs=2).in_steps(5)
    assert schedule == Cosine(warmup=11)
    assert Cosine(0.5, 3).in_steps(5) == Cosine(0.5, 3)


def test_a_run_warms_up_by_epochs(make, batches):
    training = make(Plain(), epochs=2, optim=SGD(lr=0.4), schedule=Cosine(warmup_epochs=1))
    seen = []
    for _ in train(training, batches()):
        seen.append(training.optimiser.param_groups[0]["lr"])
    assert seen[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_the_generator_falls_to_a_fraction_of_its_own():
    schedule = Cosine(final_fraction=0.5, generator_final_fraction=0.01)
    assert schedule.factor(100, 100) == pytest.approx(0.5)
    assert schedule.factor(100, 100, "generator") == pytest.approx(0.01)
    assert Cosine(0.5).factor(100, 100, "generator") == pytest.approx(0.5)
    optimiser = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "peak": 0.2, "network": network}
         for network in ("classifier", "generator")], lr=0.2)  # fmt: skip
    set_learning_rates(optimiser, schedule, 100, 100)
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.1, 0.002])


@pytest.mark.parametrize("optim", [SGD, AdamW])
def test_a_gradient_longer_than_the_limit_is_scaled_to_it(make, batches, monkeypatch, optim):
    lengths = []

    def note(optimiser, clip):
        clip_gradients(optimiser, clip)
        held = [p.grad for group in optimiser.param_groups for p in group["params"]]
        lengths.append(torch.cat([g.flatten() for g in held if g is not None]).norm().item())

    monkeypatch.setattr(loop, "clip_gradients", note)
    for _ in train(make(AdAutoMix(), epochs=1, optim=optim(clip=1e-3)), batches()):
        pass
    assert lengths == pytest.approx([1e-3] * 4, rel=1e-3)
    for _ in train(make(AdAutoMix(), epochs=1, optim=optim()), batches()):
        pass
    assert len(lengths) == 4  # without a limit nothing is scaled


@pytest.mark.parametrize(
    ("make_it", "sentence"),
    [
        (lambda: SGD(clip=0.0), "clip must be positive, or null for no limit, not 0.0"),
        (lambda: AdamW(clip=-1.0), "clip must be positive"),
        (lambda: Cosine(warmup_epochs=-1), "warmup_epochs must be 0 or more, not -1"),
        (lambda: Cosine(generator_final_fraction=2.0), r"generator_final_fraction must lie in \[0"),
    ],
)
def test_a_schedule_that_cannot_be_is_one_sentence(make_it, sentence):
    with pytest.raises(InputError, match=sentence):
        make_it()


def test_a_state_that_names_its_networks_otherwise_is_read(make):
    training = make(AdAutoMix(), optim=SGD(generator_lr=0.01))
    state = training.optimiser.state_dict()
    for group in state["param_groups"]:
        group["player"] = group.pop("network")
    restore(training.optimiser, state)
    groups = training.optimiser.param_groups
    assert [group["network"] for group in groups] == ["classifier", "generator"]
    assert not any("player" in group for group in groups)
