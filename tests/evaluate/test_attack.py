"""Attacks: closed forms, another library, the ball and the pixels kept, no trace left behind."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adautomix.errors import InputError
from adautomix.evaluate import AttackedError, attacked_error, fgsm, fgsm_released, pgd
from adautomix.evaluate.attack import EPSILON
from adautomix.evaluate.predict import NormalizedModel
from adautomix.rng import rng_for

BATCH, CLASSES, SIDE = 12, 4, 6


def images(low=0.0, high=1.0, seed=0):
    rng = rng_for(seed, 0)
    pixels = rng.uniform(low, high, (BATCH, 3, SIDE, SIDE))
    return pixels, rng.integers(0, CLASSES, (BATCH,))


@pytest.fixture
def net() -> NormalizedModel:
    """A small network with batch normalisation, in training mode, and normalisation inside."""
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.Flatten(), nn.LazyLinear(CLASSES)
    )
    body(torch.zeros(2, 3, SIDE, SIDE))
    body[1].running_var.fill_(0.5)
    return NormalizedModel(body, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)).train()


def losses(predict, pixels, labels):
    predict.eval()
    with torch.no_grad():
        return F.cross_entropy(predict(pixels), labels, reduction="none")


def test_the_attack_on_two_linear_scores_is_epsilon_times_the_sign_of_their_difference() -> None:
    weight = rng_for(1, 0).normal((2, 3 * SIDE * SIDE))
    pixels, _ = images(0.2, 0.8)
    labels = torch.arange(BATCH) % 2
    # CE falls with (w_y − w_other)·x, so uphill is towards w_other − w_y
    away = (weight[1] - weight[0]) * (1 - 2 * labels)[:, None]
    expected = pixels + 0.1 * away.sign().view_as(pixels)

    def predict(x):
        return x.flatten(1) @ weight.T

    torch.testing.assert_close(fgsm(predict, pixels, labels, 0.1), expected)
    # the gradient's sign is the same everywhere, so PGD walks to the same corner of the ball
    torch.testing.assert_close(pgd(predict, pixels, labels, 0.1, 0.03, 5), expected)


@pytest.mark.slow  # importing captum
@pytest.mark.filterwarnings("ignore")
def test_fgsm_is_that_of_captum(net) -> None:
    robust = pytest.importorskip("captum.robust")
    pixels, labels = images()
    loss = nn.CrossEntropyLoss(reduction="none")
    theirs = robust.FGSM(net.eval(), loss, 0.0, 1.0).perturb(pixels.clone(), EPSILON, labels)
    torch.testing.assert_close(fgsm(net, pixels, labels), theirs.detach())


def test_every_pixel_stays_in_range_and_moves_by_epsilon_unless_clamped(net) -> None:
    pixels, labels = images()
    pixels[:, :, 0], pixels[:, :, 1] = 0.0, 1.0
    found = fgsm(net, pixels, labels, 0.05)
    assert found.min() == 0
    assert found.max() == 1
    moved = (found - pixels).abs()
    inner = (pixels > 0.05) & (pixels < 0.95)
    torch.testing.assert_close(moved[inner], torch.full_like(moved[inner], 0.05))
    assert moved.max() <= 0.05 + 1e-6
    assert len({row.numpy().tobytes() for row in (found - pixels).sign()}) == BATCH


@pytest.mark.parametrize("attack", [fgsm, pgd, partial(pgd, start=rng_for(0, 0))])
def test_no_budget_leaves_the_images_as_they_were(net, attack) -> None:
    pixels, labels = images()
    assert torch.equal(attack(net, pixels, labels, epsilon=0.0), pixels)


@pytest.mark.parametrize("start", [None, 0])
def test_pgd_stays_in_the_ball_and_in_range_and_beats_fgsm(net, start) -> None:
    pixels, labels = images()
    rng = None if start is None else rng_for(start, 0)
    found = pgd(net, pixels, labels, 0.1, 0.02, 20, rng)
    assert (found - pixels).abs().max() <= 0.1 + 1e-6
    assert 0 <= found.min() <= found.max() <= 1
    clean, once, often = (
        losses(net, x, labels) for x in (pixels, fgsm(net, pixels, labels, 0.1), found)
    )
    assert (once > clean).all()
    assert (often >= once - 1e-4).all()
    assert often.mean() > once.mean()


def test_one_step_of_pgd_as_large_as_the_ball_is_fgsm(net) -> None:
    pixels, labels = images()
    one = pgd(net, pixels, labels, epsilon=0.05, step=0.05, steps=1)
    torch.testing.assert_close(one, fgsm(net, pixels, labels, 0.05))


def test_a_random_start_is_a_function_of_the_draw_and_fills_the_ball() -> None:
    def indifferent(x):
        return torch.stack([0 * x.flatten(1).sum(1), torch.ones(len(x))], dim=1)

    pixels = torch.full((BATCH, 3, SIDE, SIDE), 0.5)
    labels = torch.zeros(BATCH, dtype=torch.int64)
    one, same, other = (
        pgd(indifferent, pixels, labels, 0.1, start=rng_for(seed, 0)) - pixels for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.min() < -0.099
    assert one.max() > 0.099
    assert float(one.mean()) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("attack", [fgsm, pgd, fgsm_released])
@pytest.mark.parametrize("training", [True, False])
def test_an_attack_leaves_no_trace(net, attack, training) -> None:
    net.train(training)
    pixels, labels = images()
    before, state = pixels.clone(), {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():  # as an evaluation would call it
        found = attack(net, pixels, labels)
    assert not found.requires_grad
    assert not pixels.requires_grad
    assert torch.equal(pixels, before)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert net.training == net.network[1].training == training


@pytest.mark.parametrize("attack", [fgsm, pgd, fgsm_released])
def test_each_image_is_attacked_alone_whatever_the_batch(net, attack) -> None:
    pixels, labels = images()
    whole = attack(net, pixels, labels)
    for size in (1, 5):
        pairs = zip(pixels.split(size), labels.split(size), strict=True)
        parts = [attack(net, x, y) for x, y in pairs]
        torch.testing.assert_close(torch.cat(parts), whole)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_images_keep_their_type(net, dtype) -> None:
    pixels, labels = images()
    for attack in (fgsm, partial(pgd, start=rng_for(0, 0))):
        assert attack(net.to(dtype), pixels.to(dtype), labels).dtype == dtype


def test_the_budget_is_in_pixels_whatever_the_normalisation_inside(net) -> None:
    pixels, labels = images(0.2, 0.8)
    moved = (fgsm(net, pixels, labels) - pixels).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 8 / 255))


def test_the_released_attack_mostly_moves_images_by_its_clamp(net) -> None:
    rng = rng_for(3, 0)
    normalised = rng.normal((200, 3, SIDE, SIDE))
    labels = rng.integers(0, CLASSES, (200,))
    found = fgsm_released(net.network, normalised, labels)
    assert (found.min(), found.max()) == (0, 1)
    far = ((found - normalised).abs() > EPSILON + 1e-6).float().mean()
    assert float(far) == pytest.approx(0.63, abs=0.01)
    nothing = fgsm_released(net.network, normalised, labels, epsilon=0.0)
    assert torch.equal(nothing, normalised.clamp(0, 1))
    inner = (normalised > EPSILON) & (normalised < 1 - EPSILON)
    assert ((found - normalised)[inner].abs() - EPSILON).abs().max() < 1e-6


def test_the_released_attack_goes_uphill_where_it_does_not_clamp(net) -> None:
    pixels, labels = images(0.2, 0.8)
    torch.testing.assert_close(
        fgsm_released(net.network, pixels, labels), fgsm(net.network, pixels, labels)
    )


def test_the_error_is_counted_over_any_batches_clean_and_attacked(net) -> None:
    pixels, labels = images()
    attack = partial(fgsm, epsilon=0.1)
    changed = attack(net, pixels, labels)
    net.eval()
    clean, attacked = (
        sum(int(net(x[None]).argmax()) != int(y) for x, y in zip(batch, labels, strict=True))
        / BATCH
        for batch in (pixels, changed)
    )
    net.train()
    for size in (1, 5, BATCH):
        batches = zip(pixels.split(size), labels.split(size), strict=True)
        assert attacked_error(net, batches, attack) == (attacked, clean, BATCH, 0)
    assert attacked > clean
    assert net.training


def test_results_are_plain_numbers_and_no_budget_gives_the_clean_error(net) -> None:
    found = attacked_error(net, [images()], partial(fgsm, epsilon=0.0))
    assert isinstance(found, AttackedError)
    assert [type(value) for value in found] == [float, float, int, int]
    assert found.error == found.clean_error


def test_wrong_images_and_budgets_are_refused_in_a_sentence(net) -> None:
    pixels, labels = images()
    for attack in (fgsm, pgd):
        with pytest.raises(InputError, match=r"run from -3\.\S* .* network in NormalizedModel"):
            attack(net, 6 * pixels - 3.1, labels)
        with pytest.raises(InputError, match=r"epsilon must lie in \[0, 1\], not be -0\.1"):
            attack(net, pixels, labels, epsilon=-0.1)
    with pytest.raises(InputError, match=r"steps 1 or more, not 0\.1 and 0"):
        pgd(net, pixels, labels, step=0.1, steps=0)
    with pytest.raises(InputError, match="step must be positive"):
        pgd(net, pixels, labels, step=0.0)
    for attack in (fgsm, pgd, fgsm_released):
        with pytest.raises(InputError, match="no images to attack: the batch is empty"):
            attack(net, pixels[:0], labels[:0])
    with pytest.raises(InputError, match="no images to attack"):
        attacked_error(net, [])
