"""The random numbers of a step: the same for the same key, distributed as they should be."""

import itertools
import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from adautomix.errors import InputError
from adautomix.rng import STREAMS, StepRNG, own_randomness, rng_for, seed_layers

KINDS = {
    "uniform": lambda rng: rng.uniform(-1.0, 1.0, (8,)),
    "normal": lambda rng: rng.normal((8,)),
    "integers": lambda rng: rng.integers(0, 1000, (8,)),
    "permutation": lambda rng: rng.permutation(64),
    "beta": lambda rng: rng.beta(0.5, (8,)),
    "ratios": lambda rng: rng.ratios(4, 3),
    "partners": lambda rng: rng.partners(32, 3),
}
each_kind = pytest.mark.parametrize("take", KINDS.values(), ids=KINDS)


@each_kind
def test_same_key_same_numbers(take):
    assert torch.equal(take(StepRNG(3, 5, 1, "augment")), take(rng_for(3, 5, 1, "augment")))


@each_kind
@pytest.mark.parametrize(
    "other",
    [
        StepRNG(4, 5, 1, "mix"),
        StepRNG(3, 6, 1, "mix"),
        StepRNG(3, 5, 2, "mix"),
        StepRNG(3, 5, 1, "order"),
    ],
    ids=["seed", "step", "rank", "stream"],
)
def test_any_change_of_the_key_gives_other_numbers(take, other):
    assert not torch.equal(take(StepRNG(3, 5, 1, "mix")), take(other))


@each_kind
def test_a_second_call_goes_on_in_the_stream(take):
    rng = StepRNG(0)
    assert not torch.equal(take(rng), take(rng))


def test_swapped_parts_of_the_key_do_not_collide():
    keys = itertools.product(range(12), range(12), range(6), STREAMS)
    entropies = [StepRNG(*key).entropy() for key in keys]
    assert len(set(entropies)) == len(entropies) == 12 * 12 * 6 * len(STREAMS)
    assert all(0 <= entropy < 2**63 for entropy in entropies)


def test_entropy_does_not_depend_on_what_was_drawn_before():
    rng = StepRNG(2, 9)
    before = rng.entropy()
    rng.normal((5,))
    assert rng.entropy() == before == StepRNG(2, 9).entropy()


def test_numbers_are_those_of_the_first_version():
    """A change of numpy's stream, of the seeding or of the order of draws would show here."""
    assert StepRNG(0).entropy() == 7896617691693857887
    assert StepRNG(7, 4711, 3, "augment").entropy() == 8987118735727725537
    assert StepRNG(0).numpy.bit_generator.random_raw(2).tolist() == [
        11749869230777074271,
        4976686463289251617,
    ]
    assert StepRNG(1).integers(0, 100, (5,)).tolist() == [47, 51, 75, 95, 3]
    assert StepRNG(1).permutation(8).tolist() == [5, 0, 1, 4, 2, 6, 3, 7]
    assert StepRNG(7, 4711).partners(6, 3).tolist() == [
        [0, 5, 3],
        [1, 4, 2],
        [2, 1, 4],
        [3, 0, 5],
        [4, 2, 1],
        [5, 3, 0],
    ]
    floats = [
        (StepRNG(1).normal((2,)), [0.3455841839, 0.8216181397]),
        (StepRNG(7, 4711).ratios(1, 3)[0], [0.1598847210, 0.3806143999, 0.4595009089]),
        (StepRNG(7, 4711).beta(0.2, (2,)), [0.0012276139, 0.0655119941]),
        (StepRNG(7, 4711, 3, "augment").uniform(0.0, 1.0, (2,)), [0.4131018817, 0.2515355051]),
    ]
    for found, expected in floats:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_pickling_keeps_the_draw():
    rng = StepRNG(3, 5, 1, "layers")
    copy = pickle.loads(pickle.dumps(rng))
    assert copy.key == rng.key
    assert torch.equal(copy.normal((4,)), rng.normal((4,)))
    assert repr(copy) == "StepRNG(seed=3, step=5, rank=1, stream='layers')"


def test_streams_keep_their_places():
    """The place is part of the seed: recorded runs hang on it."""
    assert STREAMS[:6] == ("mix", "augment", "order", "init", "layers", "evaluate")


def test_dtypes():
    rng = StepRNG(0)
    for kind in ("uniform", "normal", "beta", "ratios"):
        assert KINDS[kind](rng).dtype == torch.float32
    for kind in ("integers", "permutation", "partners"):
        assert KINDS[kind](rng).dtype == torch.int64


@pytest.mark.parametrize("concentration", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_ratios_are_dirichlet(n, concentration):
    ratios = StepRNG(0).ratios(20_000, n, concentration).double()
    assert (ratios >= 0).all()
    torch.testing.assert_close(ratios.sum(1), torch.ones(20_000).double(), atol=1e-6, rtol=0)
    variance = (1 / n) * (1 - 1 / n) / (n * concentration + 1)
    covariance = -1 / n**2 / (n * concentration + 1)
    expected = np.full((n, n), covariance) + np.eye(n) * (variance - covariance)
    np.testing.assert_allclose(ratios.mean(0), 1 / n, atol=5 * (variance / 20_000) ** 0.5)
    np.testing.assert_allclose(np.cov(ratios.T), expected, atol=0.05 * variance)


@pytest.mark.parametrize("concentration", [0.2, 1.0, 4.0])
def test_two_ratios_are_those_of_beta(concentration):
    law = stats.beta(concentration, concentration).cdf
    assert stats.kstest(StepRNG(0).ratios(5000, 2, concentration)[:, 0].double(), law).pvalue > 0.01
    assert stats.kstest(StepRNG(1).beta(concentration, (5000,)).double(), law).pvalue > 0.01
    other = stats.beta(1.2 * concentration, 1.2 * concentration).cdf
    assert stats.kstest(StepRNG(1).beta(concentration, (5000,)).double(), other).pvalue < 0.01


@given(
    st.integers(2, 40).flatmap(lambda b: st.tuples(st.just(b), st.integers(2, b))), st.integers(0)
)
def test_partners_are_oneself_first_then_others_and_each_serves_equally_often(sizes, seed):
    batch, n = sizes
    partners = StepRNG(seed).partners(batch, n).numpy()
    assert partners.shape == (batch, n)
    assert (partners[:, 0] == np.arange(batch)).all()
    assert all(len(set(row)) == n for row in partners)
    for place in partners.T:
        assert sorted(place) == list(range(batch))


def test_everybody_meets_everybody_equally_often():
    batch, n, steps = 6, 3, 3000
    met = np.zeros((batch, batch), int)
    for step in range(steps):
        for own, *others in StepRNG(0, step).partners(batch, n).tolist():
            met[own, others] += 1
    pairs = met[~np.eye(batch, dtype=bool)]
    assert met.trace() == 0
    assert pairs.sum() == steps * batch * (n - 1)
    expected = steps * (n - 1) / (batch - 1)
    assert abs(pairs - expected).max() < 6 * expected**0.5


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_set_may_be_the_whole_batch(size):
    partners = StepRNG(0).partners(size, size)
    assert partners.sort(1).values.tolist() == [list(range(size))] * size


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: StepRNG(0).partners(4, 1), "mixing needs n = 2 or more images, not 1."),
        (lambda: StepRNG(0).partners(4, 0), "mixing needs n = 2 or more images, not 0."),
        (
            lambda: StepRNG(0).partners(4, 5),
            "n = 5 different images from a batch of 4: .* smaller n",
        ),
        (
            lambda: StepRNG(0).partners(1, 2),
            "n = 2 different images from a batch of 1: .* at least 2",
        ),
        (lambda: StepRNG(0).beta(0.0, (1,)), "concentration .* must be positive, not 0.0"),
        (lambda: StepRNG(0).ratios(2, 3, -1.0), "concentration .* must be positive, not -1.0"),
        (
            lambda: StepRNG(0).ratios(2, 3, float("nan")),
            "concentration .* must be a finite number, not nan",
        ),
        (lambda: StepRNG(0, stream="mixx"), "unknown stream .* 'mixx': did you mean 'mix'"),
        (lambda: StepRNG(-1), r"seed, step and rank must be 0 or more, not \(-1, 0, 0\)"),
        (lambda: StepRNG(0, -2), r"not \(0, -2, 0\)"),
        (lambda: StepRNG(0, 0, -3), r"not \(0, 0, -3\)"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        wrong()


@pytest.mark.usefixtures("annotations_unchecked")
@pytest.mark.parametrize("number", [np.int64(3), np.uint8(3), np.array([3])[0]])
def test_whole_numbers_of_numpy_are_numbers(number):
    assert repr(StepRNG(number, number, number)) == repr(StepRNG(3, 3, 3))
    assert StepRNG(number).entropy() == StepRNG(3).entropy()


def test_a_seed_may_be_as_large_as_it_likes():
    assert StepRNG(2**70).entropy() != StepRNG(2**70 + 2**64).entropy()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_layers_draw_what_they_draw_after_seeding_all_devices(device):
    with own_randomness():
        torch.manual_seed(2**62 + 1)
        expected = [torch.rand(3, device=where) for where in ("cpu", device)]
        seed_layers(2**62 + 1, device)
        for where, numbers in zip(("cpu", device), expected, strict=True):
            assert torch.equal(torch.rand(3, device=where), numbers)


@pytest.mark.gpu
@each_kind
def test_a_gpu_gets_the_same_numbers(take):
    class OnGpu(StepRNG):
        """Draws with device="cuda" wherever a test leaves the device out."""

    for name in KINDS:
        method = getattr(StepRNG, name)
        setattr(OnGpu, name, lambda self, *args, m=method: m(self, *args, device="cuda"))
    found = take(OnGpu(0, 3))
    assert found.is_cuda
    assert torch.equal(found.cpu(), take(StepRNG(0, 3)))


def test_the_generators_of_gpus_in_use_are_kept_too(monkeypatch):
    kept = []

    def noted(devices):
        kept.append(devices)
        return nullcontext()

    monkeypatch.setattr(torch.random, "fork_rng", noted)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with own_randomness():
        pass
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    with own_randomness():
        pass
    assert kept == [[0, 1], []]


def test_a_single_number_has_no_axis():
    rng = StepRNG(0)
    for number in (rng.uniform(0.0, 1.0, ()), rng.integers(2, 4, ()), rng.beta(1.0, ())):
        assert number.shape == ()
