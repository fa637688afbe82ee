"""The loop against one written out by hand, what it measures and when, and what stops it."""

import copy
import math
import time

import pytest
import torch
import torch.nn.functional as F

from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.errors import DivergenceError, InputError, NotFiniteError
from adautomix.methods import AdAutoMix, Fixed, Plain
from adautomix.mix import Mixup
from adautomix.recipes import SGD, Cosine
from adautomix.rng import rng_for
from adautomix.train import Epoch, Plan, Step, Training, train


def test_plain_training_equals_a_loop_written_by_hand(make, batches):
    training = make(Plain(momentum=0.9), optim=SGD(lr=0.1, momentum=0.9, weight_decay=1e-2))
    net = copy.deepcopy(training.method.classifier).train()
    velocity = [torch.zeros_like(p) for p in net.parameters()]
    for epoch in range(2):
        for i, (images, labels) in enumerate(batches().epoch(epoch)):
            lr = 0.1 * (1 + math.cos(math.pi * (4 * epoch + i) / 8)) / 2
            loss = F.cross_entropy(net(images), labels)
            gradients = torch.autograd.grad(loss, list(net.parameters()))
            with torch.no_grad():
                for p, v, g in zip(net.parameters(), velocity, gradients, strict=True):
                    v.mul_(0.9).add_(g.add(p, alpha=1e-2))
                    p.sub_(v, alpha=lr)
    list(train(training, batches()))
    found = training.method.classifier.state_dict()
    assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())


def test_the_teacher_follows_once_a_step_with_the_momentum_of_the_progress(make, batches):
    training = make(Plain(momentum=0.9), epochs=1)
    expected = [p.clone() for p in training.method.teacher.parameters()]
    for event in train(training, batches()):
        if isinstance(event, Step):
            xi = 1 - (1 - 0.9) * (1 + math.cos(math.pi * event.step / 4)) / 2
            now = list(training.method.classifier.parameters())
            expected = [xi * t + (1 - xi) * p for t, p in zip(expected, now, strict=True)]
    found = list(training.method.teacher.parameters())
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


class Slow:
    """A source that takes 0.2 s for every batch."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def epoch(self, number, skip=0):
        for batch in self.batches.epoch(number, skip):
            time.sleep(0.2)
            yield batch


def test_the_share_of_a_step_that_waits_for_its_batch_is_measured(make, batches):
    training = make(Plain(), epochs=1)
    assert training.waiting_share is None
    list(train(training, Slow(batches()), lambda method: time.sleep(0.3) or {}))
    assert 0.8 <= training.waiting < training.stepping <= training.seconds - 0.3
    assert training.waiting_share == training.waiting / training.stepping


def test_a_mixing_method_draws_by_seed_and_step(make, batches):
    training = make(Fixed(Mixup(), momentum=None), epochs=1)
    for step, (images, labels) in enumerate(batches().epoch(0)):
        net = copy.deepcopy(training.method.classifier)
        losses = training.update(Batch(images, labels))
        mixed = Mixup()(images, rng_for(seed=0, step=step))
        shares = F.one_hot(labels, 4)[mixed.partners].float()
        soft = torch.einsum("bn,bnk->bk", mixed.ratios, shares)
        torch.testing.assert_close(losses.total, F.cross_entropy(net(mixed.images), soft))


def test_dropout_is_a_function_of_the_step_not_of_the_global_numbers(make, batches):
    weights = []
    for disturbance in (1, 2):
        training = make(Plain(momentum=None), epochs=1, dropout=0.5)
        for _ in train(training, batches()):
            torch.manual_seed(disturbance)
        weights.append(training.method.classifier.model.fc.weight)
    assert torch.equal(*weights)
    dry = make(Plain(momentum=None), epochs=1)
    list(train(dry, batches()))
    assert not torch.equal(weights[0], dry.method.classifier.model.fc.weight)


def test_a_row_of_the_curve_holds_means_rate_and_measurements(make, batches):
    training = make(AdAutoMix(momentum=0.9))
    terms, rows = [], []
    for event in train(training, batches(), lambda method: {"classifier_top1": 0.25}):
        if isinstance(event, Epoch):
            rows.append(event.row)
        else:
            terms.append({name: float(value) for name, value in event.losses.terms.items()})
    assert rows == training.curve
    assert set(terms[0]) == {"amce", "mce", "ace", "teacher_amce", "cosine"}
    for epoch, row in enumerate(rows):
        assert (row["epoch"], row["step"]) == (epoch + 1, 4 * epoch + 4)
        assert row["classifier_top1"] == 0.25
        last = math.cos(math.pi * (4 * epoch + 3) / 8)
        assert row["lr"] == pytest.approx(0.1 * (1 + last) / 2)
        for name in terms[0]:
            mean = sum(term[name] for term in terms[4 * epoch : 4 * epoch + 4]) / 4
            assert row[f"train_{name}"] == pytest.approx(mean, rel=1e-6)
    assert 0 < rows[0]["seconds"] < rows[1]["seconds"]


def test_the_last_ten_epochs_are_always_evaluated():
    plan = Plan(40, evaluate_every=15)
    assert [e for e in range(1, 41) if plan.evaluates(e)] == [15, 30, *range(31, 41)]


def test_the_loop_evaluates_when_the_plan_says(make, batches):
    training, asked = make(Plain(), epochs=13, evaluate_every=2), []

    def measure(method) -> dict[str, float]:
        asked.append(training.epoch)
        return {"classifier_top1": 0.5}

    list(train(training, batches(), measure))
    assert asked == [2, *range(4, 14)]
    assert [row["epoch"] for row in training.curve if "classifier_top1" in row] == asked


def test_stopping_at_any_yield_and_going_on_loses_nothing(make, batches):
    straight = make(Plain())
    events = list(train(straight, batches()))
    assert len(events) == 10
    for stop in range(1, 10):
        training = make(Plain())
        for _, _event in zip(range(stop), train(training, batches()), strict=False):
            pass
        list(train(training, batches()))
        for row, expected in zip(training.curve, straight.curve, strict=True):
            assert row | {"seconds": 0} == expected | {"seconds": 0}


def test_turns_update_one_player_at_a_time(make, batches):
    config = AdAutoMix(momentum=0.9, classifier_updates=2, generator_updates=3)
    training = make(config, optim=SGD(lr=0.1, momentum=0.0, weight_decay=0.0))
    method, moved = training.method, []

    def state() -> tuple[dict, dict]:
        players = (method.classifier, method.generator)
        return tuple(copy.deepcopy(player.state_dict()) for player in players)

    former, update = state(), training.optimiser.step

    def step():
        nonlocal former
        update()
        now = state()
        moved.append(
            tuple(
                any(not torch.equal(a[k], b[k]) for k in a)
                for a, b in zip(former, now, strict=True)
            )
        )
        former = now

    training.optimiser.step = step
    (first, *_) = batches().epoch(0)
    losses = training.update(first)
    assert losses.terms.keys() == {"amce", "mce", "ace", "teacher_amce", "cosine"}
    assert training.sums.keys() == losses.terms.keys()
    assert moved == [(True, False), (True, True), (False, True), (False, True)]
    assert training.step == 1


def test_a_loss_that_is_not_a_number_names_term_step_and_remedy(make, batches):
    training, source = make(Plain()), batches()
    images, labels = next(source.epoch(0))
    bad = Batch(images * math.nan, labels)
    source.epoch = lambda number, skip=0: iter([*batches(3).epoch(0), bad])
    with pytest.raises(DivergenceError) as error:
        list(train(training, source))
    assert str(error.value) == (
        "training diverged by step 4 of 8, ce is not finite: lower the learning rate (now 0.1), or "
        "look for NaN or infinity in the images."
    )
    assert training.curve == []
    training.step = 5
    with pytest.raises(DivergenceError, match=r"mce, ace are not finite: .* \(now 0\.1\)\.$"):
        training.check_finite({"train_mce": math.nan, "train_ace": math.inf, "train_ce": 0.0})


def test_a_model_that_has_diverged_is_not_measured(make, batches):
    training, source = make(Plain()), batches()
    images, labels = next(source.epoch(0))
    bad = Batch(images * math.nan, labels)
    source.epoch = lambda number, skip=0: iter([*batches(3).epoch(0), bad])
    asked = []
    with pytest.raises(DivergenceError, match="diverged by step 4 of 8, ce is not finite"):
        list(train(training, source, asked.append))
    assert asked == []


def test_a_measured_loss_that_is_not_a_number_stops_the_run(make, batches):
    measured = {"classifier_top1": 0.1, "classifier_loss": math.nan}
    with pytest.raises(DivergenceError, match="step 4 of 8, classifier_loss is not finite"):
        list(train(make(Plain()), batches(), lambda method: measured))


@pytest.mark.parametrize(("spoilt", "named"), [(False, "a logit in the evaluation"), (True, "ce")])
def test_logits_that_are_not_numbers_stop_the_run_as_its_divergence(make, batches, spoilt, named):
    def measure(method):
        if spoilt:
            training.sums["ce"] = torch.tensor(math.nan)
        raise NotFiniteError("3 of 3 answers hold logits that are not finite numbers.")

    training = make(Plain())
    with pytest.raises(
        DivergenceError, match=f"by step 4 of 8, {named} is not finite: lower the l"
    ):
        list(train(training, batches(), measure))
    assert training.curve == []


@pytest.mark.parametrize("yields", [0, 3, 5, 8])
def test_a_loader_whose_length_is_wrong_is_refused(make, batches, yields):
    did = f"ended its epoch after {yields}" if yields < 4 else "went on after 4"
    with pytest.raises(InputError, match=f"the loader {did} of 4 batches: its length, or how"):
        list(train(make(Plain()), batches(4, yields)))


@pytest.mark.parametrize("warmup", [8, 9])
def test_a_warm_up_that_the_run_has_no_room_for_is_refused(make, warmup):
    if warmup == 8:  # as long as the run
        assert make(Plain(), schedule=Cosine(warmup=warmup)).total == 8
        return
    with pytest.raises(InputError, match="a warm-up of 9 steps is longer than the run of 8 steps"):
        make(Plain(), schedule=Cosine(warmup=warmup))


def test_lengths_that_make_no_step_are_refused(make):
    with pytest.raises(InputError, match="epochs must be 1 or more, not 0"):
        make(Plain(), epochs=0)
    with pytest.raises(InputError, match="length is 0"):
        Training(make(Plain()).method, Plan(1), 0, numerics=Numerics())


@pytest.mark.parametrize("parts", [2, 3])
def test_the_parts_of_a_batch_give_the_gradient_of_the_whole_where_nothing_is_shared(
    make, batches, parts
):
    """Without BatchNorm, plain training knows nothing of the other images of a batch."""
    found = []
    for number in (1, parts):
        training = make(Plain(momentum=None), epochs=1, parts=number)
        training.method.classifier.model.norm = torch.nn.Identity()
        losses = training.update(next(batches().epoch(0)))
        weights = [p.detach() for p in training.method.classifier.parameters()]
        found.append((losses.total, losses.terms["ce"], *weights))
    for whole, divided in zip(*found, strict=True):
        torch.testing.assert_close(divided, whole, rtol=1e-6, atol=1e-7)


def test_each_part_is_mixed_within_itself_by_random_numbers_of_its_own(make, batches, monkeypatch):
    training, seen = make(AdAutoMix(), epochs=1, parts=2), []
    forward = training.forward.forward

    def noted(images, labels, rng, update):
        seen.append((len(images), rng))
        return forward(images, labels, rng, update)

    monkeypatch.setattr(training, "forward", noted)
    training.update(next(batches().epoch(0)))
    (first, rng), (second, other) = seen
    assert (first, second, training.step) == (3, 3, 1)
    assert rng.key == rng_for(0, 0).key != other.key
