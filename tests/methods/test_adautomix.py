"""The game of AdAutoMix against autograd on each player's own objective, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adautomix import losses as loss
from adautomix.errors import InputError
from adautomix.methods import AdAutoMix
from adautomix.methods.adautomix import TERMS
from adautomix.mix import blend, interpolate
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


class Tiny(nn.Module):
    """A small network with timm's two methods and no BatchNorm: oracles need no bookkeeping."""

    num_classes = CLASSES

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, CLASSES)

    def forward_intermediates(self, x, indices, output_fmt):
        first = F.gelu(self.first(x))
        second = F.gelu(self.second(first))
        return second, [[first, second][i] for i in indices]

    def forward_head(self, x):
        return self.head(x.mean(dim=(2, 3)))

    def forward(self, x):
        return self.forward_head(self.forward_intermediates(x, [-1], "NCHW")[0])


@pytest.fixture
def game():
    """A method in float64: its teacher has moved away, its generator is not near zero."""

    def make(**changes):
        torch.manual_seed(0)
        method = (
            AdAutoMix(**{"init": 0.5, **changes}).build(Backbone(Tiny(), tap=-2), SIDE).double()
        )
        for parameter in method.teacher.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        images = torch.randn(BATCH, 3, SIDE, SIDE, dtype=torch.float64)
        return method, images, torch.randint(0, CLASSES, (BATCH,))

    return make


def gradients(parameters):
    return [p.grad.clone() for p in parameters]


def assert_close(found, expected):
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= 1e-9 * b.norm()
        assert b.norm() > 0


def masks_of(method, images, rng):
    partners, ratios = rng.partners(BATCH, method.config.n), rng.ratios(BATCH, method.config.n)
    ratios = ratios.double()
    features = method.teacher.forward_with_features(images).features.detach()
    return method.generator(features, partners, ratios, (SIDE, SIDE)), partners, ratios


@pytest.mark.parametrize("n", [2, 3, 5])
def test_classifier_gradient_is_that_of_eq_14(game, n):
    method, images, labels = game(n=n)
    method(images, labels, rng_for(0, 1)).total.backward()
    found = gradients(method.classifier.parameters())

    masks, partners, ratios = masks_of(method, images, rng_for(0, 1))
    mixed, straight = blend(images, partners, masks).detach(), interpolate(images, partners, ratios)
    y_mix = (F.one_hot(labels, CLASSES)[partners] * ratios[..., None]).sum(1)
    psi = method.classifier
    amce = -(y_mix * psi(mixed).log_softmax(1)).sum(1).mean()
    mce = -(y_mix * psi(straight).log_softmax(1)).sum(1).mean()
    ace = sum(
        (
            ratios[:, i]
            * F.cross_entropy(psi(images[partners[:, i]]), labels[partners[:, i]], reduction="none")
        ).mean()
        for i in range(n)
    )
    eq14 = amce + 0.5 * mce + (1 - 0.5) * ace
    assert_close(found, torch.autograd.grad(eq14, list(psi.parameters())))


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("adversary", [1.0, 0.3])
def test_generator_gradient_is_that_of_eq_15_negated(game, n, adversary):
    method, images, labels = game(n=n, adversary=adversary)
    method(images, labels, rng_for(0, 1)).total.backward()
    found = gradients(method.generator.parameters())

    masks, partners, ratios = masks_of(method, images, rng_for(0, 1))
    mixed = sum(masks[:, i, None] * images[partners[:, i]] for i in range(n))
    y_mix = (F.one_hot(labels, CLASSES)[partners] * ratios[..., None]).sum(1)
    student = -(y_mix * method.classifier(mixed).log_softmax(1)).sum(1).mean()
    view = method.teacher(mixed)
    teacher = -(y_mix * view.log_softmax(1)).sum(1).mean()
    cosine = sum(
        (ratios[:, i] * F.cosine_similarity(view, method.teacher(images[partners[:, i]]))).mean()
        for i in range(n)
    )
    eq15 = adversary * student - 0.3 * teacher + (1 - 0.3) * cosine
    expected = torch.autograd.grad(-eq15, list(method.generator.parameters()))
    assert_close(found, expected)


@pytest.mark.parametrize(
    "without",
    [
        ("mce", "ace", "teacher_amce", "cosine"),
        ("mce", "teacher_amce", "cosine"),
        ("teacher_amce", "cosine"),
        ("cosine",),
        ("teacher_amce",),
        ("ace",),
    ],
)
def test_what_is_left_out_is_in_neither_players_objective(game, without):
    method, images, labels = game(without=without, alpha=0.4)
    losses = method(images, labels, rng_for(0, 1))
    losses.total.backward()
    found = [gradients(p) for p in method.param_groups().values()]
    kept = [term for term in TERMS if term not in without]
    assert list(losses.terms) == ["amce", *kept]

    masks, partners, ratios = masks_of(method, images, rng_for(0, 1))
    mixed, straight = blend(images, partners, masks), interpolate(images, partners, ratios)
    sets, psi, view = (labels, partners, ratios), method.classifier, method.teacher(mixed)
    clean = method.teacher(images).detach()
    ours = {"mce": 0.4 * loss.mce(psi(straight), *sets), "ace": 0.6 * loss.ace(psi(images), *sets)}
    theirs = {
        "teacher_amce": -0.3 * loss.amce(view, *sets),
        "cosine": 0.7 * loss.cosine(view, clean, partners, ratios),
    }
    amce = loss.amce(psi(mixed), *sets)
    eq14 = amce + sum(value for name, value in ours.items() if name in kept)
    eq15 = 0.3 * amce + sum(value for name, value in theirs.items() if name in kept)
    groups = (method.classifier, method.generator)
    for mine, objective, player in zip(found, (eq14, -eq15), groups, strict=True):
        parameters = list(player.parameters())
        assert_close(mine, torch.autograd.grad(objective, parameters, retain_graph=True))


def test_left_out_terms_have_turns_too(game):
    method, images, labels = game(without=TERMS)
    for update in ("classifier", "generator"):
        losses = method(images, labels, rng_for(0, 1), update)
        assert list(losses.terms) == ["amce"]
        losses.total.backward()
    assert all(p.grad is not None for ps in method.param_groups().values() for p in ps)


@pytest.mark.parametrize(
    ("without", "sentence"),
    [(("amce",), "term that can be left out"), (("mce", "mce"), "names a term twice: mce, mce")],
)
def test_a_term_that_cannot_be_left_out_is_one_sentence(without, sentence):
    with pytest.raises(InputError, match=sentence):
        AdAutoMix(without=without)


def test_no_gradient_reaches_the_teacher_and_its_forward_changes_nothing(game):
    method, images, labels = game()
    before = {k: v.clone() for k, v in method.teacher.state_dict().items()}
    method(images, labels, rng_for(0, 1)).total.backward()
    assert all(p.grad is None and not p.requires_grad for p in method.teacher.parameters())
    assert all(torch.equal(v, before[k]) for k, v in method.teacher.state_dict().items())


@pytest.mark.parametrize(
    ("update", "moves"), [("classifier", "classifier"), ("generator", "generator")]
)
def test_in_its_own_turn_a_player_alone_gets_a_gradient(game, update, moves):
    method, images, labels = game()
    method(images, labels, rng_for(0, 1), update).total.backward()
    for player, parameters in method.param_groups().items():
        assert all((p.grad is not None) == (player == moves) for p in parameters)


def test_the_turns_of_one_player_sum_to_the_turn_of_both(game):
    method, images, labels = game()
    method(images, labels, rng_for(0, 1)).total.backward()
    both = gradients(p for player in method.param_groups().values() for p in player)
    method.zero_grad(set_to_none=True)
    method(images, labels, rng_for(0, 1), "classifier").total.backward()
    method(images, labels, rng_for(0, 1), "generator").total.backward()
    assert_close(gradients(p for player in method.param_groups().values() for p in player), both)


def test_a_generator_step_raises_the_objective_of_eq_15_and_a_classifier_step_lowers_eq_14(game):
    method, images, labels = game()

    def objective(update):
        return method(images, labels, rng_for(0, 1), update).total

    for update in ("generator", "classifier"):
        parameters = method.param_groups()[update]
        method.zero_grad(set_to_none=True)
        before = objective(update)
        before.backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter -= 1e-3 * parameter.grad
        assert objective(update) < before  # a turn's total is what its player descends on


def test_the_adversary_alone_raises_the_classifiers_loss(game):
    """One step of the generator on its adversarial term alone makes the mix harder (Eq. 9)."""
    method, images, labels = game(adversary=1.0, beta=0.0)
    update = method(images, labels, rng_for(0, 1), "generator")
    parameters = list(method.generator.parameters())
    whole = torch.autograd.grad(update.total, parameters, retain_graph=False)
    without = game(adversary=0.0, beta=0.0)[0]
    rest = torch.autograd.grad(
        without(images, labels, rng_for(0, 1), "generator").total,
        list(without.generator.parameters()),
    )
    with torch.no_grad():
        for parameter, a, b in zip(parameters, whole, rest, strict=True):
            parameter -= 1e-3 * (a - b)
    after = method(images, labels, rng_for(0, 1), "generator").terms["amce"]
    assert after > update.terms["amce"]


@pytest.mark.parametrize(
    ("t1", "t2", "updates"),
    [
        (1, 1, "both"),
        (3, 1, "classifier classifier both"),
        (1, 2, "both generator"),
        (2, 2, "classifier both generator"),
    ],
)
def test_turns_of_algorithm_1(game, t1, t2, updates):
    method, *_ = game(classifier_updates=t1, generator_updates=t2)
    assert " ".join(method.updates) == updates


def test_the_generators_own_turn_leaves_batchnorm_alone():
    method = AdAutoMix().build(Net("resnet18", width=8).build(CLASSES), 32).train()
    images, labels = torch.randn(BATCH, 3, 32, 32), torch.randint(0, CLASSES, (BATCH,))
    before = {k: v.clone() for k, v in method.classifier.named_buffers()}
    method(images, labels, rng_for(0, 0), "generator").total.backward()
    assert all(torch.equal(v, before[k]) for k, v in method.classifier.named_buffers())
    method(images, labels, rng_for(0, 0)).total.backward()
    assert not all(torch.equal(v, before[k]) for k, v in method.classifier.named_buffers())


def test_mixed_shows_the_images_of_the_step(game):
    method, images, _ = game()
    seen = method.mixed(images, rng_for(0, 4))
    masks, partners, _ = masks_of(method, images, rng_for(0, 4))
    assert torch.equal(seen.partners, partners)
    assert torch.allclose(seen.images, blend(images, partners, masks))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"n": 1}, "n = 2"),
        ({"momentum": 1.5}, r"momentum must lie in .* not be 1\.5: the teacher takes part"),
        ({"alpha": 1.5}, "alpha"),
        ({"beta": -0.1}, "beta"),
        ({"classifier_updates": 0}, "classifier_updates"),
        ({"adversary": -1.0}, r"adversary must be 0 or more, not -1\.0"),
        ({"adversary": float("nan")}, "adversary must be a finite number, not nan"),
        ({"concentration": 0.0}, r"concentration must be positive, not 0\.0"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, word):
    with pytest.raises(InputError, match=word):
        AdAutoMix(**change)


def test_more_images_than_the_batch_holds_is_one_sentence(game):
    method, images, labels = game(n=7)
    with pytest.raises(InputError, match=r"n = 7 different images from a batch of 6"):
        method(images, labels, rng_for(0, 0))


def test_losses_are_those_of_the_equations(game):
    method, images, labels = game()
    masks, partners, ratios = masks_of(method, images, rng_for(0, 1))
    logits = method.classifier(blend(images, partners, masks))
    by_hand = (
        sum(
            ratios[b, i] * -logits[b].log_softmax(0)[labels[partners[b, i]]]
            for b in range(BATCH)
            for i in range(3)
        )
        / BATCH
    )
    assert torch.allclose(loss.amce(logits, labels, partners, ratios), by_hand)
