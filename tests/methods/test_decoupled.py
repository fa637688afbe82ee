"""Decoupled Mixup against its formula in probabilities, and where they vanish."""

import math

import pytest
import torch

from adautomix.errors import InputError
from adautomix.methods import DecoupledMixup
from adautomix.methods.decoupled import decoupled_ce
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
PAIRS = torch.stack([torch.arange(BATCH), torch.arange(BATCH).roll(1)], dim=1)


def by_probabilities(logits, labels, partners):
    """−log(p_a / (1 − p_b)) − log(p_b / (1 − p_a)) as it is written; 0 for sets of one class."""
    p = logits.double().softmax(1)
    sums = []
    for i, (first, second) in enumerate(partners.tolist()):
        a, b = labels[first], labels[second]
        shares = p[i, a] / (1 - p[i, b]) * (p[i, b] / (1 - p[i, a]))
        sums.append(-shares.log() if a != b else torch.zeros(()).double())
    return torch.stack(sums).mean()


@pytest.fixture
def logits():
    return 3 * torch.randn(BATCH, CLASSES, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 0], [0, 0, 2, 2, 4, 4], [1] * 6])
def test_it_is_the_formula_and_so_is_its_gradient(logits, labels):
    labels = torch.tensor(labels)
    found, expected = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    mine = decoupled_ce(found, labels, PAIRS)
    theirs = by_probabilities(expected, labels, PAIRS)
    torch.testing.assert_close(mine, theirs)
    (mine + 0 * found.sum()).backward()
    (theirs + 0 * expected.sum()).backward()
    torch.testing.assert_close(found.grad, expected.grad)


def test_an_undecided_network_has_twice_the_log_of_one_class_less():
    labels = torch.tensor([0, 1, 2, 3, 4, 1])  # no two neighbours alike
    found = decoupled_ce(torch.zeros(BATCH, CLASSES), labels, PAIRS)
    torch.testing.assert_close(found, torch.tensor(2 * math.log(CLASSES - 1)))


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 0], [0, 0, 2, 2, 4, 4]])
def test_one_hot_labels_have_the_loss_and_gradient_of_their_classes(logits, labels):
    labels = torch.tensor(labels)
    rows = torch.nn.functional.one_hot(labels, CLASSES).double()
    found, expected = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    mine, theirs = decoupled_ce(found, rows, PAIRS), decoupled_ce(expected, labels, PAIRS)
    torch.testing.assert_close(mine, theirs)
    mine.backward()
    theirs.backward()
    torch.testing.assert_close(found.grad, expected.grad)


def test_soft_labels_are_a_mean_over_classes_drawn_from_them(logits):
    rows = torch.rand(BATCH, CLASSES, generator=torch.Generator().manual_seed(1)).double()
    rows = rows / rows.sum(1, keepdim=True)
    p, expected = logits.softmax(1), 0.0
    for i, (first, second) in enumerate(PAIRS.tolist()):
        for a in range(CLASSES):
            for b in range(CLASSES):
                share = rows[first, a] * rows[second, b] if a != b else 0.0
                both = p[i, a] / (1 - p[i, b]) * p[i, b] / (1 - p[i, a])
                expected = expected - share * both.log() / BATCH
    torch.testing.assert_close(decoupled_ce(logits, rows, PAIRS), expected)


def test_where_a_probability_is_1_the_loss_is_finite():
    """p_a = 1 in float32, where the formula divides by 0; class b wins without a, against four."""
    logits = torch.full((2, CLASSES), -200.0)
    logits[:, 0] = 200.0
    found = decoupled_ce(logits, torch.tensor([0, 1]), torch.tensor([[0, 1], [1, 0]]))
    torch.testing.assert_close(found, torch.tensor(math.log(CLASSES - 1)))


def test_half_precision_is_computed_in_float32(logits):
    half, labels = logits.bfloat16(), torch.arange(BATCH) % CLASSES
    found = decoupled_ce(half, labels, PAIRS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, decoupled_ce(half.float(), labels, PAIRS))


@pytest.mark.parametrize("eta", [0.0, 0.1, 2.0])
def test_the_step_adds_it_with_weight_eta(eta):
    torch.manual_seed(0)
    network = Net("resnet18", width=8).build(CLASSES, seed=0)
    method = DecoupledMixup(eta=eta).build(network, SIDE).double().train()
    images, labels = torch.randn(BATCH, 3, SIDE, SIDE).double(), torch.arange(BATCH) % CLASSES
    found = method(images, labels, rng_for(0, 1))
    mixed = method.mixed(images, rng_for(0, 1))
    logits = method.classifier(mixed.images)
    picked = logits.log_softmax(1).gather(1, labels[mixed.partners])
    expected = -(mixed.ratios * picked).sum(1).mean()
    expected = expected + eta * by_probabilities(logits, labels, mixed.partners)
    torch.testing.assert_close(found.total, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("field", "value"), [("alpha", 0.0), ("eta", -0.1)])
def test_a_value_that_it_cannot_have_is_one_sentence(field, value):
    with pytest.raises(InputError, match=f"{field} must be .*, not {value}"):
        DecoupledMixup(**{field: value})
