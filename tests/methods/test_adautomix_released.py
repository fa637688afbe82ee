"""The released game: both players against autograd, then each deviation from the paper alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from adautomix.errors import InputError
from adautomix.methods import AdAutoMixReleased, Plain
from adautomix.methods.adautomix_released import RectifiedGenerator, Sets, beyond_margin
from adautomix.methods.openmixup import OwnStatistics, waiting_momentum_at
from adautomix.mix import blend
from adautomix.models import Net, Teacher
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
CONFIG = AdAutoMixReleased(init=0.5, lam_margin=0.0)
EVEN, ODD = 4, 7  # steps


def batch_of():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64, generator=generator)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


def sets_of(n, rng):
    """(partners, λ) of the generator and of the classifier, in the order of a step's draws."""
    own = rng.beta(1.0, (n,))
    if n == 2:
        found = []
        for ratio in own:
            pair = torch.stack([torch.arange(BATCH), rng.permutation(BATCH)], dim=1)
            found.append((pair, torch.stack([ratio, 1 - ratio]).double().expand(BATCH, 2)))
        return found
    ratios = (own / own.sum()).double().expand(BATCH, n)
    both = [torch.stack([rng.permutation(BATCH) for _ in range(n)], dim=1) for _ in range(2)]
    return [(partners, ratios) for partners in both]


def soft_ce(logits, labels, partners, ratios):
    soft = (F.one_hot(labels, CLASSES)[partners] * ratios[..., None]).sum(1)
    return -(soft * logits.log_softmax(1)).sum(1).mean()


def mixed_by(method, images, partners, ratios):
    features = method.teacher.network.forward_with_features(images).features.detach()
    masks = method.generator(features, partners, ratios, (SIDE, SIDE))
    return sum(masks[:, i, None] * images[partners[:, i]] for i in range(partners.shape[1]))


def head_two(network, images):
    return network.forward_mixed_with_features(images).logits


def teacher_terms(method, images, labels, partners, ratios):
    view = head_two(method.teacher.network, mixed_by(method, images, partners, ratios))
    similar = sum(
        ratios[:, i]
        * F.cosine_similarity(view, head_two(method.teacher.network, images[partners[:, i]]))
        for i in range(partners.shape[1])
    )
    return soft_ce(view, labels, partners, ratios), similar.mean()


def assert_close(parameters, expected):
    assert len(parameters) == len(expected) > 0
    for parameter, b in zip(parameters, expected, strict=True):
        assert (parameter.grad - b).norm() <= 1e-9 * b.norm()
        assert b.norm() > 0


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("step", [EVEN, ODD])
def test_the_classifier_descends_on_its_own_losses_with_two_heads(tiny_method, n, step):
    method, (images, labels) = tiny_method(replace(CONFIG, n=n, alpha=0.4)), batch_of()
    method(images, labels, rng_for(0, step)).total.backward()

    _, mine = sets_of(n, rng_for(0, step))
    mixed = mixed_by(method, images, *mine).detach()
    loss = soft_ce(head_two(method.classifier, mixed), labels, *mine)
    clean = F.cross_entropy(method.classifier(images), labels)
    if n == 2:
        loss = loss + clean
    else:
        straight = sum(mine[1][:, i, None, None, None] * images[mine[0][:, i]] for i in range(n))
        mce = soft_ce(head_two(method.classifier, straight), labels, *mine)
        loss = loss + 0.4 * mce + 0.6 * clean
    parameters = method.param_groups()["classifier"]
    assert_close(parameters, torch.autograd.grad(loss, parameters))


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("step", [EVEN, ODD])
def test_the_generator_descends_on_the_teachers_terms_alone(tiny_method, n, step):
    method, (images, labels) = tiny_method(replace(CONFIG, n=n)), batch_of()
    method(images, labels, rng_for(0, step)).total.backward()
    theirs, _ = sets_of(n, rng_for(0, step))
    amce, cosine = teacher_terms(method, images, labels, *theirs)
    loss = -0.3 * amce + 0.7 * cosine if step == EVEN else amce
    parameters = method.param_groups()["generator"]
    assert_close(parameters, torch.autograd.grad(loss, parameters))


@pytest.mark.parametrize("step", [EVEN, ODD])
def test_the_signs_of_the_paper_and_an_adversary_can_be_put_back(tiny_method, step):
    config = replace(CONFIG, signs="paper", adversary=0.5)
    method, (images, labels) = tiny_method(config), batch_of()
    method(images, labels, rng_for(0, step)).total.backward()
    theirs, mine = sets_of(3, rng_for(0, step))
    amce, cosine = teacher_terms(method, images, labels, *theirs)
    seen = head_two(method.classifier, mixed_by(method, images, *mine))
    eq15 = 0.5 * soft_ce(seen, labels, *mine) - 0.3 * amce + 0.7 * cosine
    parameters = method.param_groups()["generator"]
    assert_close(parameters, torch.autograd.grad(-eq15, parameters))


@pytest.mark.parametrize("step", [EVEN, ODD])
def test_a_teacher_that_is_blind_leaves_the_generator_without_a_gradient(tiny_method, step):
    method, batch = tiny_method(CONFIG), batch_of()
    torch.nn.init.zeros_(method.teacher.network.mixing_head.weight)
    method(*batch, rng_for(0, step)).total.backward()
    assert all(p.grad.abs().max() < 1e-12 for p in method.param_groups()["generator"])
    assert all(p.grad.norm() > 0 for p in method.param_groups()["classifier"])


def test_no_gradient_reaches_the_teacher(tiny_method):
    method, batch = tiny_method(CONFIG), batch_of()
    method(*batch, rng_for(0, EVEN)).total.backward()
    assert all(p.grad is None and not p.requires_grad for p in method.teacher.parameters())


def test_the_sign_alternates_with_the_step_number_whatever_came_before(tiny_method):
    method, batch = tiny_method(CONFIG), batch_of()
    for step in (0, 1, 2, 3, 3, 0):
        losses = method(*batch, rng_for(0, step))
        t = losses.terms
        mine = t["amce"] + 0.5 * t["mce"] + 0.5 * t["ce"]
        theirs = -0.3 * t["teacher_amce"] + 0.7 * t["cosine"]
        expected = mine + (theirs if step % 2 == 0 else t["teacher_amce"])
        torch.testing.assert_close(losses.total.detach(), expected)


def test_the_total_of_the_first_steps_is_that_of_the_authors_log(tiny_method):
    """11.18 is the mean of the first 50 in the log of 800 epochs; 100 classes, logits near 0."""
    method = tiny_method(AdAutoMixReleased(), classes=100)
    images, labels = batch_of()
    for network in (method.classifier, method.teacher.network):
        for head in (network.model.head, network.mixing_head):
            torch.nn.init.zeros_(head.weight)
            torch.nn.init.normal_(head.bias, std=1e-3)  # every logit vector the same: cosine 1
    log100 = math.log(100)
    totals = [float(method(images, labels, rng_for(0, step)).total.detach()) for step in (0, 1)]
    assert totals[0] == pytest.approx(2 * log100 - 0.3 * log100 + 0.7, abs=0.01)
    assert totals[1] == pytest.approx(2 * log100 + log100, abs=0.01)
    assert sum(totals) / 2 == pytest.approx(11.17, abs=0.01)


def test_momentum_waits_a_tenth_and_jumps():
    assert {waiting_momentum_at(p) for p in (0.0, 0.05, 0.0999)} == {0.999}
    assert waiting_momentum_at(0.1) == pytest.approx(0.9990244, abs=5e-8)
    assert waiting_momentum_at(0.5) == pytest.approx((0.999 + 0.999999) / 2)
    assert waiting_momentum_at(1.0) == 0.999999
    assert waiting_momentum_at(1.0, 0.9, 1.0) == 1.0
    path = [waiting_momentum_at(p / 50) for p in range(51)]
    assert path == sorted(path)


def resnet_method(**changes):
    net = Net("resnet18", width=8).build(CLASSES)
    return AdAutoMixReleased(**changes).build(net, SIDE).train()


def small_batch():
    return torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(0, CLASSES, (BATCH,))


def test_the_teacher_follows_in_its_parameters_alone():
    method = resnet_method(momentum=0.9)
    with torch.no_grad():
        for tensor in (*method.classifier.parameters(), *method.classifier.buffers()):
            tensor += 1
    before = {name: t.clone() for name, t in method.teacher.network.state_dict().items()}
    method.after_step(0.2)
    share = 1 - waiting_momentum_at(0.2, 0.9)
    parameters = dict(method.teacher.network.named_parameters())
    for name, found in method.teacher.network.state_dict().items():
        moved = share if name in parameters else 0
        torch.testing.assert_close(found, before[name] + moved)


@pytest.mark.parametrize("n", [2, 3])
def test_its_running_statistics_are_those_of_n_plus_2_passes(n):
    """Clean, mixed, then the clean images N times, as in the released code."""
    method, (images, labels) = resnet_method(n=n, init=0.5, lam_margin=0.0), small_batch()
    other = resnet_method(n=n, init=0.5, lam_margin=0.0)
    other.load_state_dict(method.state_dict())
    method(images, labels, rng_for(0, 0))

    (partners, ratios), _ = sets_of(n, rng_for(0, 0))
    network = other.teacher.network
    with torch.no_grad():
        features = network.forward_mixed_with_features(images).features
        masks = other.generator(features, partners, ratios.float(), (SIDE, SIDE))
        network(blend(images, partners, masks))
        for i in range(n):
            network(images[partners[:, i]])
    norms = 0
    found = dict(method.teacher.network.named_buffers())
    for name, expected in network.named_buffers():
        if expected.is_floating_point():
            torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5)
            norms += 1
    assert norms == 40  # mean and variance of 20 layers
    assert all(m.momentum == 0.1 for m in method.modules() if hasattr(m, "running_mean"))


@pytest.mark.parametrize("n", [2, 3])
def test_the_classifiers_running_statistics_are_those_of_the_released_order(n):
    """Clean, interpolated (for N > 2), mixed: what comes last weighs most."""
    method, (images, labels) = resnet_method(n=n, init=0.5, lam_margin=0.0), small_batch()
    other = resnet_method(n=n, init=0.5, lam_margin=0.0)
    other.load_state_dict(method.state_dict())
    method(images, labels, rng_for(0, 0))

    _, (partners, ratios) = sets_of(n, rng_for(0, 0))
    ratios, network = ratios.float(), other.classifier
    with torch.no_grad():
        features = other.teacher.network.forward_mixed_with_features(images).features
        masks = other.generator(features, partners, ratios, (SIDE, SIDE))
        flat = ratios[:, :, None, None].expand_as(masks)
        network(images)
        for shown in (masks,) if n == 2 else (flat, masks):
            network(sum(shown[:, i, None] * images[partners[:, i]] for i in range(n)))
    found = dict(method.classifier.named_buffers())
    for name, expected in network.named_buffers():
        torch.testing.assert_close(found[name], expected, rtol=1e-6, atol=1e-6)
    assert len(found) == 60  # mean, variance and count of 20 layers


def test_averaged_statistics_are_the_papers_teacher():
    method, batch = resnet_method(statistics="averaged"), small_batch()
    assert type(method.teacher) is Teacher
    before = {name: b.clone() for name, b in method.teacher.named_buffers()}
    method(*batch, rng_for(0, 0))
    assert all(torch.equal(b, before[name]) for name, b in method.teacher.named_buffers())


def test_while_training_the_teacher_normalises_with_the_batch_and_when_evaluated_it_does_not():
    method, (images, _) = resnet_method(), small_batch()
    assert isinstance(method.teacher, OwnStatistics)
    seen = []
    for mode in (True, False):
        method.train(mode)
        assert all(module.training is mode for module in method.teacher.modules())
        with torch.no_grad():
            seen.append(torch.equal(method.teacher(images)[:2], method.teacher(images[:2])))
    assert seen[0] is False
    torch.testing.assert_close(method.teacher(images)[:2], method.teacher(images[:2]))


def test_the_first_head_is_evaluated_and_the_second_sees_mixed_images():
    method, (images, _) = resnet_method(), small_batch()
    method.eval()
    for predictor in method.predictors().values():
        network = getattr(predictor, "network", predictor)
        torch.testing.assert_close(predictor(images), network.model(images))
        assert not torch.allclose(
            predictor(images), network.forward_mixed_with_features(images).logits
        )
        assert network.mixing_head.weight.std().item() == pytest.approx(0.01, rel=0.3)
        assert (network.mixing_head.bias == 0).all()


def test_looking_at_the_mixed_images_leaves_no_trace():
    method, (images, _) = resnet_method(), small_batch()
    before = {name: t.clone() for name, t in method.state_dict().items()}
    seen = method.mixed(images, rng_for(0, 0))
    assert all(torch.equal(t, before[name]) for name, t in method.state_dict().items())
    torch.testing.assert_close(seen.images, blend(images, seen.partners, seen.masks))


def test_partners_are_oneself_and_another_for_two_and_any_permutations_for_more(tiny_method):
    for n in (2, 3):
        method, (images, _) = tiny_method(replace(CONFIG, n=n)), batch_of()
        rows = [method._sets(images, rng_for(0, step)) for step in range(20)]
        for theirs, mine in rows:
            for column in (*theirs.partners.T, *mine.partners.T):
                assert sorted(column.tolist()) == list(range(BATCH))
            assert (theirs.ratios == theirs.ratios[0]).all()
            torch.testing.assert_close(mine.ratios.sum(1), torch.ones(BATCH))
            assert torch.equal(theirs.ratios, mine.ratios) == (n == 3)
        assert any(not torch.equal(a.partners, b.partners) for a, b in rows)
        own_first = [torch.equal(mine.partners[:, 0], torch.arange(BATCH)) for _, mine in rows]
        assert all(own_first) == (n == 2)
        met_itself = any((m.partners[:, 0] == m.partners[:, 1]).any() for _, m in rows)
        assert met_itself


def test_ratios_of_three_are_nearer_to_a_third_than_on_the_uniform_simplex(tiny_method):
    method, (images, _) = tiny_method(CONFIG), batch_of()
    first = [float(method._sets(images, rng_for(0, s))[0].ratios[0, 0]) for s in range(4000)]
    assert np.mean(first) == pytest.approx(1 / 3, abs=0.01)
    assert np.std(first) == pytest.approx(0.180, abs=0.006)  # Dirichlet(1, 1, 1): 0.236


def test_the_margin_swaps_three_per_cent_and_its_inverted_form_nearly_all():
    rng = np.random.default_rng(0)
    drawn = rng.beta(1.0, 1.0, (20000, 3))
    ratios = torch.tensor(drawn / drawn.sum(1, keepdims=True))
    right = float(beyond_margin(ratios, 0.03).double().mean())
    inverted = float(beyond_margin(ratios, 0.03, "openmixup").double().mean())
    assert right == pytest.approx(0.03, abs=0.005)
    assert 0.999 < inverted < 1
    pairs = torch.tensor([[0.02, 0.98], [0.03, 0.97], [0.5, 0.5], [0.98, 0.02]]).double()
    for test in ("released", "openmixup"):
        assert beyond_margin(pairs, 0.03, test).tolist() == [True, True, False, True]


def test_beyond_the_margin_the_classifier_sees_constants(tiny_method):
    for n, whole in ((2, True), (3, True), (4, False)):
        method, (images, _) = tiny_method(replace(CONFIG, n=n, lam_margin=1.0)), batch_of()
        seen = method.mixed(images, rng_for(0, 1))
        flat = seen.ratios[:, :, None, None].expand_as(seen.masks).double()
        torch.testing.assert_close(seen.masks[:, :3], flat[:, :3])
        assert torch.allclose(seen.masks, flat) == whole
        assert torch.allclose(seen.masks.sum(1), torch.ones(1).double()) == whole


def test_the_port_to_the_toolbox_trains_the_classifier_on_plain_interpolation(tiny_method):
    method = tiny_method(replace(CONFIG, lam_margin=0.03, margin_test="openmixup"))
    terms = method(*batch_of(), rng_for(0, 1)).terms
    torch.testing.assert_close(terms["amce"], terms["mce"])


def test_the_generator_has_a_relu_on_q_and_k_and_is_blind_to_the_ratios():
    torch.manual_seed(0)
    made = RectifiedGenerator(6, embed_ratio=False, order="upsample-softmax", init=0.7).double()
    features = torch.randn(4, 6, 2, 3, dtype=torch.float64)
    partners = torch.tensor([[0, 1, 2], [3, 3, 0], [1, 0, 3], [2, 1, 0]])
    ratios = torch.full((4, 3), 1 / 3).double()
    weight, bias = made.qkv.weight.detach()[:, :, 0, 0], made.qkv.bias.detach()
    logits = made.logits(features, partners, ratios).detach()
    for b in range(4):
        q, k, v = zip(
            *(
                (weight @ features[i].flatten(1) + bias[:, None]).split([3, 3, 1])
                for i in partners[b]
            ),
            strict=True,
        )
        for i in range(3):
            products = sum(q[i].clamp(min=0).T @ k[j].clamp(min=0) for j in range(3) if j != i)
            expected = (products / 3**0.5).softmax(dim=1) @ v[i][0]
            torch.testing.assert_close(logits[b, i].flatten(), expected)
    other = made(features, partners, ratios.roll(1) * 0.5, (4, 6))
    assert torch.equal(made(features, partners, ratios, (4, 6)), other)


def test_n_can_be_drawn_for_each_step(tiny_method):
    method, (images, labels) = tiny_method(replace(CONFIG, n=4, random_n=True)), batch_of()
    drawn = {method._sets(images, rng_for(0, s))[0].partners.shape[1] for s in range(20)}
    assert drawn == {2, 3, 4}
    for step in range(6):
        assert torch.isfinite(method(images, labels, rng_for(0, step)).total)


@pytest.mark.parametrize(("n", "units"), [(2, 3.0), (3, 4.0)])
def test_a_step_costs_nine_or_twelve_units_to_the_three_of_plain_training(n, units):
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    counts = []
    for config in (Plain(), AdAutoMixReleased(n=n)):
        method = config.build(Net("resnet18", width=16).build(CLASSES), 32).train()
        with FlopCounterMode(display=False) as counter:
            method(images, labels, rng_for(0, 0)).total.backward()
        counts.append(counter.get_total_flops())
    assert counts[1] / counts[0] == pytest.approx(units, abs=0.12)


def test_sets_are_partners_and_ratios(tiny_method):
    theirs, mine = tiny_method(CONFIG)._sets(batch_of()[0], rng_for(0, 0))
    assert isinstance(theirs, Sets)
    expected = sets_of(3, rng_for(0, 0))
    for found, (partners, ratios) in zip((theirs, mine), expected, strict=True):
        assert torch.equal(found.partners, partners)
        torch.testing.assert_close(found.ratios.double(), ratios)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n": 1}, "n = 2 or more images, not 1"),
        ({"momentum": 1.5}, r"momentum must lie in .* not be 1\.5: the teacher takes part"),
        ({"alpha": 1.5}, r"alpha must lie in \[0, 1\], not 1.5"),
        ({"momentum_end": 2.0}, "momentum_end must lie in"),
        ({"adversary": float("inf")}, "adversary must be a finite number, not inf"),
        ({"concentration": -1.0}, "concentration must be positive"),
        ({"signs": "pape"}, "unknown signs 'pape': did you mean 'paper'"),
        ({"margin_test": "x"}, "unknown margin_test 'x'"),
        ({"statistics": "x"}, "unknown statistics 'x'"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        AdAutoMixReleased(**change)
