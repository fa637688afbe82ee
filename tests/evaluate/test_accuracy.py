"""Accuracy by counts: the same over any split into batches, and as others count it."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from adautomix.errors import NotFiniteError
from adautomix.evaluate import Accuracy, accuracy, evaluating

COUNT = 60


def scores(classes=9, count=COUNT):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(count, classes)), rng.integers(0, classes, count)
    return torch.tensor(logits), torch.tensor(labels)


def batches(logits, labels, size):
    """The logits themselves stand for the images."""
    return zip(logits.split(size), labels.split(size), strict=True)


def identity(images):
    return images


@pytest.mark.parametrize("classes", [2, 4, 5, 9])
def test_accuracy_is_that_of_a_slow_loop(classes):
    logits, labels = scores(classes)
    top1 = top5 = loss = 0.0
    for row, label in zip(logits.numpy(), labels.tolist(), strict=True):
        above = sum(value > row[label] for value in row)
        top1 += above < 1
        top5 += above < 5
        loss += math.log(sum(math.exp(value - row[label]) for value in row))
    found = accuracy(identity, batches(logits, labels, 7))
    assert found.top1 == top1 / COUNT
    assert found.top5 == top5 / COUNT
    assert found.loss == pytest.approx(loss / COUNT, rel=1e-5)
    assert found.n == COUNT


@pytest.mark.slow  # importing scikit-learn
def test_accuracy_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = scores()
    found = accuracy(identity, batches(logits, labels, 7))
    for k, value in ((1, found.top1), (5, found.top5)):
        assert value == pytest.approx(metrics.top_k_accuracy_score(labels, logits, k=k))
    loss = metrics.log_loss(labels, logits.softmax(1), labels=range(9))
    assert found.loss == pytest.approx(loss, rel=1e-5)


def test_any_split_into_batches_gives_the_same():
    logits, labels = scores()
    whole = accuracy(identity, batches(logits, labels, COUNT))
    for size in (1, 7, 59):
        found = accuracy(identity, batches(logits, labels, size))
        assert (found.top1, found.top5, found.n) == (whole.top1, whole.top5, whole.n)
        assert found.loss == pytest.approx(whole.loss, rel=1e-6)


def test_an_oracle_is_always_right_and_its_opposite_never():
    _, labels = scores()
    right = 50 * nn.functional.one_hot(labels, 9).double()
    assert accuracy(identity, batches(right, labels, 8)) == pytest.approx((1, 1, 0, COUNT, 0))
    assert accuracy(identity, batches(-right, labels, 8)).top1 == 0


def test_with_fewer_than_five_classes_the_truth_is_always_among_the_first_five():
    logits, labels = scores(3)
    found = accuracy(identity, batches(logits, labels, 8))
    assert found.top5 == 1 > found.top1


def test_nothing_to_evaluate_gives_no_number():
    found = accuracy(identity, [])
    assert isinstance(found, Accuracy)
    assert found.n == 0
    assert all(math.isnan(value) for value in found[:3])


def test_results_are_plain_numbers():
    found = accuracy(identity, batches(*scores(), 8))
    assert [type(value) for value in found] == [float, float, float, int, int]


class Dropping(nn.Module):
    """Logits that survive only in evaluation mode."""

    def forward(self, images):
        assert not torch.is_grad_enabled()
        return images * (not self.training)


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_evaluated_in_evaluation_mode_and_gets_its_mode_back(training):
    logits, labels = scores()
    module = nn.Sequential(Dropping()).train(training)
    expected = accuracy(identity, batches(logits, labels, 8))
    assert accuracy(module, batches(logits, labels, 8)) == expected
    assert module.training == module[0].training == training


def test_the_mode_comes_back_after_an_error():
    module, seen = nn.Linear(2, 2).train(), []

    def broken():
        with evaluating(module):
            seen.append(module.training)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert seen == [False]
    assert module.training


def with_a_gap():
    """Scores of which the two processes below leave out one and three labels."""
    logits, labels = scores()
    labels[[2, 20, 33, 59]] = -100
    return logits, labels


def _one_of_two(rank, folder):
    """Counts its own rows; each process has another number of them. Then one is told infinities."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    logits, labels = with_a_gap()
    mine = slice(0, 17) if rank == 0 else slice(17, None)
    found = accuracy(identity, batches(logits[mine], labels[mine], 7))
    once = iter([rank * math.inf if rank else 0.0])
    with pytest.raises(NotFiniteError) as raised:
        accuracy(lambda rows: rows + next(once, 0.0), batches(logits[mine], labels[mine], 7))
    torch.save((*found, str(raised.value)), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_count_the_images_of_both(tmp_path):
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
    alone = accuracy(identity, batches(*with_a_gap(), 7))
    assert (alone.n, alone.left_out) == (COUNT - 4, 4)
    for rank in range(2):
        *found, sentence = torch.load(tmp_path / f"{rank}.pt")
        assert found == pytest.approx(tuple(alone), rel=1e-6)
        found = Accuracy(*found)
        assert (found.top1, found.n, found.left_out) == (alone.top1, alone.n, alone.left_out)
        assert sentence.startswith("7 of 60 answers hold logits that are not finite")


def test_a_part_that_was_frozen_stays_frozen():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)).train()
    module[0].eval()
    with evaluating(module) as same:
        assert same is module
        assert not module[1].training
    assert [each.training for each in module.modules()] == [True, False, True]
