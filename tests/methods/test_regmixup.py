"""RegMixup against its objective written down in float64, and against its parts."""

import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from adautomix.errors import InputError
from adautomix.methods import RegMixup
from adautomix.methods.fixed import Fixed
from adautomix.mix import Mixup
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(BATCH, 3, SIDE, SIDE).double(), torch.randint(0, CLASSES, (BATCH,))


def built(config):
    return config.build(Net("resnet18", width=8).build(CLASSES, seed=0), SIDE).double().train()


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_losses_and_gradients_are_those_of_the_sum(batch, eta):
    images, labels = batch
    method, other = built(RegMixup(eta=eta)), built(RegMixup(eta=eta)).classifier
    losses = method(images, labels, rng_for(0, 1))
    losses.total.backward()
    mixed = method.mixed(images, rng_for(0, 1))
    lam, partner = mixed.ratios[0, 0].double(), mixed.partners[:, 1]
    soft = lam * F.one_hot(labels, CLASSES) + (1 - lam) * F.one_hot(labels[partner], CLASSES)
    clean = F.cross_entropy(other(images), labels)
    of_mixed = -(soft * other(lam * images + (1 - lam) * images[partner]).log_softmax(1)).sum(1)
    expected = clean + eta * of_mixed.mean()
    expected.backward()
    torch.testing.assert_close(losses.total, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(losses.terms["ce"], clean.detach())
    for mine, theirs in zip(method.classifier.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-9)


def test_its_second_loss_alone_is_mixup(batch):
    found = built(RegMixup(alpha=1.0))(*batch, rng_for(0, 1)).terms["mixed_ce"]
    mixup = built(Fixed(Mixup(alpha=1.0)))
    mixup.classifier(batch[0])  # BatchNorm in training mode has no memory, so nothing changes
    assert found == mixup(*batch, rng_for(0, 1)).total.detach()


def test_one_ratio_of_a_batch_is_near_a_half():
    method, images = built(RegMixup()), torch.zeros(BATCH, 3, SIDE, SIDE)
    ratios = torch.stack([method.mixed(images, rng_for(0, s)).ratios[:, 0] for s in range(400)])
    assert (ratios == ratios[:, :1]).all()
    assert stats.kstest(ratios[:, 0].numpy(), stats.beta(20, 20).cdf).pvalue > 0.01


@pytest.mark.parametrize(("field", "value"), [("alpha", 0.0), ("eta", -0.1)])
def test_a_value_that_it_cannot_have_is_one_sentence(field, value):
    with pytest.raises(InputError, match=f"{field} must be .*, not {value}"):
        RegMixup(**{field: value})
