"""AlignMix: Sinkhorn against a slow loop in numpy, the step against one written by hand."""

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from scipy import stats
from scipy.special import logsumexp
from torch import nn

from adautomix.errors import InputError
from adautomix.methods import AlignMix, Fixed, ManifoldMix
from adautomix.methods.align import mix_aligned, sinkhorn
from adautomix.mix import Mixup
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5
SWIN = {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": (1,) * 3, "num_heads": (1,) * 3}


class Tiny(nn.Module):
    """Two convolutions, no BatchNorm; a map of 4 × 4 positions at the end."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8 * 16, CLASSES)

    def forward_intermediates(self, x, indices, output_fmt):
        first = torch.tanh(self.first(x))
        second = self.second(first)
        return second, [[first, second][i] for i in indices]

    def forward_features(self, x):
        return self.forward_intermediates(x, [-1], "NCHW")[0]

    def forward_head(self, x):
        return self.head(torch.tanh(x).flatten(1))  # positions matter, unlike after a mean

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Backbone(Tiny()).double()


def batch_of(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=generator).to(dtype)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


def features_of(count=4, positions=9, channels=5, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(2, count, positions, channels))


def slow_plans(own, other, epsilon, iterations, tolerance):
    """Sinkhorn in the log domain with u and v in units of the cost, for one image after another."""
    cost = np.array(
        [[[((x - y) ** 2).sum() for y in b] for x in a] for a, b in zip(own, other, strict=True)]
    )
    length = own.shape[1]
    u, v = np.zeros(own.shape[:2]), np.zeros(own.shape[:2])
    for _ in range(iterations):
        before = u.copy()
        for b in range(len(own)):
            for i in range(length):
                u[b, i] = -epsilon * (np.log(length) + logsumexp((v[b] - cost[b, i]) / epsilon))
            for j in range(length):
                v[b, j] = -epsilon * (np.log(length) + logsumexp((u[b] - cost[b, :, j]) / epsilon))
        if np.abs(u - before).sum(axis=1).mean() < tolerance:
            break
    return np.exp((u[:, :, None] + v[:, None, :] - cost) / epsilon)


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
@pytest.mark.parametrize(("iterations", "tolerance"), [(1, 0.0), (20, 0.0), (60, 0.1)])
def test_the_plan_is_that_of_a_slow_loop(epsilon, iterations, tolerance):
    own, other = features_of()
    expected = slow_plans(own, other, epsilon, iterations, tolerance)
    found = sinkhorn(torch.from_numpy(own), torch.from_numpy(other), epsilon, iterations, tolerance)
    np.testing.assert_allclose(found.exp(), expected, rtol=1e-9, atol=1e-12)


def test_the_iteration_stands_still_at_the_tolerance():
    own, other = map(torch.from_numpy, features_of())
    stopped = sinkhorn(own, other, 0.1, 60, 0.1)
    went_on = sinkhorn(own, other, 0.1, 60, 0.0)
    assert torch.equal(stopped, sinkhorn(own, other, 0.1, 200, 0.1))
    assert not torch.allclose(stopped, went_on)


def test_the_marginals_are_uniform_and_the_plan_beats_the_independent_one():
    own, other = map(torch.from_numpy, features_of(positions=16))
    plan = sinkhorn(own, other, 0.1, 3000).exp()
    for axis in (1, 2):
        torch.testing.assert_close(plan.sum(axis), torch.full((4, 16), 1 / 16).double())
    cost = torch.cdist(own, other).square()
    assert ((plan * cost).sum((1, 2)) < 0.7 * cost.mean((1, 2))).all()


def test_identical_features_stay_where_they_are():
    own = torch.from_numpy(features_of(positions=16, channels=64, scale=1.0)[0])
    plan = sinkhorn(own, own)
    torch.testing.assert_close(plan.exp() * 16, torch.eye(16).double().expand(4, 16, 16))
    ratios = torch.tensor([[0.3, 0.7]]).double().expand(4, 2)
    for how in ("onto own", "onto partner"):
        torch.testing.assert_close(mix_aligned(own, own, plan, ratios, how), own)


def test_shuffled_positions_are_found_again():
    own = torch.from_numpy(features_of(positions=16, channels=64, scale=1.0)[0])
    order = torch.from_numpy(np.random.default_rng(1).permutation(16))
    other = own[:, order]
    plan = sinkhorn(own, other)
    ratios = torch.tensor([[0.3, 0.7]]).double().expand(4, 2)
    torch.testing.assert_close(mix_aligned(own, other, plan, ratios, "onto own"), own)
    torch.testing.assert_close(mix_aligned(own, other, plan, ratios, "onto partner"), other)


def test_exact_marginals_hold_where_the_iteration_has_not_converged():
    own, other = map(torch.from_numpy, features_of(positions=16, channels=64, scale=1.0))
    plan = sinkhorn(own, other, 0.1, 100)
    assert (plan.exp().sum(2) * 16 - 1).abs().max() > 0.5
    ones, ratios = torch.ones_like(own), torch.tensor([[0.0, 1.0]]).double().expand(4, 2)
    torch.testing.assert_close(mix_aligned(own, ones, plan, ratios, "onto own"), ones)
    torch.testing.assert_close(mix_aligned(ones, own, plan, 1 - ratios, "onto partner"), ones)
    published = mix_aligned(own, ones, plan, ratios, "onto own", exact=False)
    assert not torch.allclose(published, ones, atol=0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_features_get_a_plan_in_full_precision(dtype):
    own, other = (torch.from_numpy(f).to(dtype) for f in features_of())
    found = sinkhorn(own, other).exp()
    assert found.dtype == torch.float32
    expected = sinkhorn(own.double(), other.double()).exp()
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("marginals", ["exact", "published"])
@pytest.mark.parametrize("how", ["onto own", "onto partner"])
def test_loss_and_gradients_are_those_of_a_step_by_hand(tiny, how, marginals):
    images, labels = batch_of()
    rng = rng_for(0, 1)
    partners, ratios = rng.partners(BATCH, 2), rng.ratios(BATCH, 2).double()
    method = AlignMix(iterations=5, marginals=marginals).build(tiny, SIDE)
    losses = method.compute(images, labels, partners, ratios, how)
    losses.total.backward()

    model, terms = tiny.model, []
    maps = model.forward_features(images)
    a, b = (maps[partners[:, n]].detach().flatten(2).mT.numpy() for n in (0, 1))
    plans = torch.from_numpy(slow_plans(a, b, 0.1, 5, 0.1))
    if marginals == "exact":
        plans = plans / (16 * plans.sum(2 if how == "onto own" else 1, keepdim=True))
    for i in range(BATCH):
        own, other = maps[partners[i, 0]].flatten(1), maps[partners[i, 1]].flatten(1)
        if how == "onto own":
            other = torch.stack([16 * (plans[i, p] * other).sum(1) for p in range(16)], dim=1)
        else:
            own = torch.stack([16 * (plans[i, :, p] * own).sum(1) for p in range(16)], dim=1)
        mixed = (ratios[i, 0] * own + ratios[i, 1] * other).reshape(1, 8, 4, 4)
        logits = model.forward_head(mixed)
        terms += [
            ratios[i, n] * F.cross_entropy(logits, labels[partners[i, n]][None]) for n in (0, 1)
        ]
    expected = sum(terms) / BATCH
    torch.testing.assert_close(losses.total, expected)
    parameters = list(tiny.parameters())
    for parameter, by_hand in zip(
        parameters, torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(parameter.grad, by_hand)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "test_convnext", "test_resnet"])
def test_with_a_partner_of_ratio_0_the_step_is_a_clean_forward(name):
    torch.manual_seed(0)
    sizes = SWIN if "swin" in name else {}
    backbone = Backbone(timm.create_model(name, num_classes=CLASSES, **sizes)).eval()
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    partners = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]])
    ratios = torch.tensor([[1.0, 0.0]]).expand(4, 2)
    method = AlignMix().build(backbone, 32)
    found = method.compute(images, labels, partners, ratios, "onto own").total
    torch.testing.assert_close(found, F.cross_entropy(backbone(images), labels))


def test_channels_last_features_are_aligned_as_channels_first_ones(tiny):
    images, _ = batch_of()
    final = tiny.model.forward_features(images)
    partners = rng_for(0, 1).partners(BATCH, 2)
    ratios = rng_for(0, 1).ratios(BATCH, 2).double()
    method = AlignMix().build(tiny, SIDE)
    first = method._align(final, partners, ratios, "onto partner")
    tiny.model.output_fmt = "NHWC"
    last = method._align(final.movedim(1, -1), partners, ratios, "onto partner")
    assert torch.equal(last.movedim(-1, 1), first)


@pytest.mark.parametrize("step", range(3))
def test_without_alignment_a_step_is_mixups_step_bit_by_bit(step):
    images, labels = batch_of(torch.float32)
    totals = [
        config.build(Net("resnet18", width=8).build(CLASSES), SIDE)(
            images, labels, rng_for(0, step)
        ).total
        for config in (AlignMix(aligned=0.0), Fixed(Mixup(alpha=2.0)))
    ]
    assert torch.equal(*totals)


def test_otherwise_manifold_mixes_the_same_layers_as_manifoldmix():
    images, labels = batch_of(torch.float32)
    rng = rng_for(0, 1)
    sets = rng.partners(BATCH, 2), rng.ratios(BATCH, 2)
    align, manifold = (
        config.build(Net("resnet18", width=8).build(CLASSES), SIDE)
        for config in (AlignMix(otherwise="manifold"), ManifoldMix())
    )
    for layer in (1, 2):
        totals = [
            method.compute(images, labels, *sets, layer).total for method in (align, manifold)
        ]
        assert torch.equal(*totals)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (AlignMix(), {"onto own": 0.25, "onto partner": 0.25, 0: 0.5}),
        (AlignMix(aligned=1.0), {"onto own": 0.5, "onto partner": 0.5}),
        (
            AlignMix(aligned=0.25, otherwise="manifold"),
            {"onto own": 0.125, "onto partner": 0.125, 0: 0.25, 1: 0.25, 2: 0.25},
        ),
    ],
)
def test_what_is_mixed_is_drawn_with_the_right_probabilities(config, expected):
    method = config.build(Net("resnet18", width=8).build(CLASSES), SIDE)
    seen = [method._how(rng_for(0, step)) for step in range(800)]
    assert set(seen) == set(expected)
    counts = [seen.count(how) for how in expected]
    shares = [800 * share for share in expected.values()]
    assert stats.chisquare(counts, shares).pvalue > 0.01


def test_tokens_have_no_positions_to_align():
    model = timm.create_model("test_vit", num_classes=CLASSES, img_size=32)
    method = AlignMix(aligned=1.0).build(model, 32)
    with pytest.raises(InputError, match=r"features of shape \(4, 5, 64\): use a convolutional"):
        method(torch.randn(4, 3, 32, 32), torch.arange(4), rng_for(0, 1))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"aligned": 1.5}, "aligned is a probability, not 1.5"),
        ({"otherwise": "manifld"}, "did you mean 'manifold'"),
        ({"marginals": "exactt"}, "did you mean 'exact'"),
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"iterations": 0}, "iterations must be 1 or more"),
    ],
)
def test_impossible_hyper_parameters_are_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        AlignMix(**change)


def test_a_model_without_forward_features_is_one_sentence(tiny, monkeypatch):
    monkeypatch.delattr(Tiny, "forward_features")
    with pytest.raises(InputError, match="the model Tiny has no forward_features"):
        AlignMix().build(tiny, SIDE)
