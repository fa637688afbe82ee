"""Calibration errors: known answers, slow loops, other people's libraries, the released defect."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from adautomix.errors import InputError
from adautomix.evaluate import Calibration, calibration, scaled, scaled_across, temperature
from adautomix.evaluate.predict import Predictions

COUNT, CLASSES = 300, 7


@pytest.fixture
def found() -> Predictions:
    """Labels drawn from the softmax itself: by chance too sure in some bins, not sure in others."""
    rng = np.random.default_rng(0)
    logits = torch.tensor(2 * rng.normal(size=(COUNT, CLASSES))).float()
    spread = logits.softmax(1).numpy().cumsum(1)
    labels = (rng.random((COUNT, 1)) > spread).sum(1).clip(max=CLASSES - 1)
    return Predictions(logits, torch.tensor(labels))


def answers_of(confidence, right, classes=10) -> Predictions:
    """Class 0 always comes first, with the wanted confidence, and is true where `right`."""
    confidence = torch.as_tensor(np.asarray(confidence, float))
    rest = ((1 - confidence) / (classes - 1))[:, None].expand(-1, classes - 1)
    logits = torch.cat([confidence[:, None], rest], dim=1).log().float()
    return Predictions(logits, torch.where(torch.as_tensor(np.asarray(right, bool)), 0, 1))


def tops(predictions: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, top-1 confidence and whether it is right, from numpy alone."""
    powers = np.exp(predictions.logits.double().numpy())
    p = powers / powers.sum(axis=1, keepdims=True)
    return p, p.max(axis=1), p.argmax(axis=1) == predictions.labels.numpy()


def slow_gaps(confidence, right, bins) -> list[tuple[int, float]]:
    """(count, gap) of the bins (m / bins, (m + 1) / bins] by one comparison after the other."""
    gaps = []
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        if inside:
            gap = abs(
                np.mean([right[i] for i in inside]) - np.mean([confidence[i] for i in inside])
            )
            gaps.append((len(inside), gap))
    return gaps


def mean_gap(gaps: list[tuple[int, float]]) -> float:
    return sum(count * gap for count, gap in gaps) / sum(count for count, _ in gaps)


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
def test_every_error_is_that_of_a_slow_loop(found, bins) -> None:
    result = calibration(found, bins)
    p, confidence, right = tops(found)
    labels = found.labels.numpy()
    gaps = slow_gaps(confidence, right, bins)
    assert result.ece == pytest.approx(mean_gap(gaps))
    assert result.mce == pytest.approx(max(gap for _, gap in gaps))
    per_class = [mean_gap(slow_gaps(p[:, k], labels == k, bins)) for k in range(CLASSES)]
    assert result.classwise_ece == pytest.approx(np.mean(per_class))
    assert result.nll == pytest.approx(np.mean([-np.log(p[i, y]) for i, y in enumerate(labels)]))
    brier = [sum((p[i, k] - (k == y)) ** 2 for k in range(CLASSES)) for i, y in enumerate(labels)]
    assert result.brier == pytest.approx(np.mean(brier))
    assert (result.accuracy, result.n) == (right.mean(), COUNT)
    assert result.confidence == pytest.approx(confidence.mean())


@pytest.mark.parametrize("bins", [1, 7, 15, COUNT, 2 * COUNT])
def test_the_adaptive_error_is_that_of_a_slow_loop_over_bins_of_equal_size(found, bins) -> None:
    _, confidence, right = tops(found)
    parts = [part for part in np.array_split(np.argsort(confidence), bins) if len(part)]
    gaps = [(len(part), abs(right[part].mean() - confidence[part].mean())) for part in parts]
    assert calibration(found, bins).adaptive_ece == pytest.approx(mean_gap(gaps))
    signed = confidence.mean() - right.mean()
    assert bins == 1 or mean_gap(gaps) > 1.1 * abs(signed), "else any bins would give the same"


@pytest.mark.slow  # importing torchmetrics
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bins", [10, 15])
def test_ece_and_mce_are_those_of_torchmetrics(found, bins) -> None:
    metrics = pytest.importorskip("torchmetrics.functional.classification")
    for norm, value in (
        ("l1", calibration(found, bins).ece),
        ("max", calibration(found, bins).mce),
    ):
        theirs = metrics.multiclass_calibration_error(
            found.logits.softmax(1), found.labels, CLASSES, n_bins=bins, norm=norm
        )
        assert value == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.slow  # importing scikit-learn
def test_nll_and_brier_are_those_of_scikit_learn(found) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    p, result = tops(found)[0], calibration(found)
    labels = found.labels.numpy()
    assert result.nll == pytest.approx(metrics.log_loss(labels, p, labels=range(CLASSES)))
    theirs = metrics.brier_score_loss(labels, p, labels=range(CLASSES), scale_by_half=False)
    assert result.brier == pytest.approx(theirs)


def test_an_oracle_that_is_sure_has_no_error() -> None:
    labels = torch.arange(20) % 5
    result = calibration(Predictions(200.0 * F.one_hot(labels, 5), labels))
    assert result[:6] == pytest.approx((0, 0, 0, 0, 0, 0), abs=1e-12)
    assert (result.accuracy, result.confidence) == (1, 1)


def test_a_constant_overconfident_answer_is_off_by_confidence_less_accuracy() -> None:
    result = calibration(answers_of([0.9] * 10, [True] * 6 + [False] * 4))
    for value in (result.ece, result.mce, result.adaptive_ece):
        assert value == pytest.approx(0.3, abs=1e-6)
    # p(0) = 0.9 against 6 of 10, p(1) = 0.1 / 9 against 4 of 10, eight classes 0.1 / 9 against none
    assert result.classwise_ece == pytest.approx((0.3 + (0.4 - 0.1 / 9) + 8 * 0.1 / 9) / 10)
    assert result.nll == pytest.approx(-0.6 * np.log(0.9) - 0.4 * np.log(0.1 / 9), rel=1e-6)
    assert result.bins.count.tolist() == [0] * 13 + [10, 0]


def test_labels_drawn_from_the_network_s_own_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    logits = torch.tensor(2 * rng.normal(size=(20_000, 4)))
    p = logits.softmax(1).numpy()
    labels = torch.tensor((rng.random((20_000, 1)) > p.cumsum(1)).sum(1).clip(max=3))
    result = calibration(Predictions(logits.float(), labels))
    assert max(result.ece, result.adaptive_ece, result.classwise_ece) < 0.012
    sharper = calibration(Predictions(2 * logits.float(), labels))
    assert sharper.ece > 5 * result.ece
    assert sharper.nll > result.nll
    assert sharper.brier > result.brier


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    four = Predictions(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64))
    assert calibration(four, 4).bins.count.tolist() == [3, 0, 0, 0]
    sure = Predictions(torch.tensor([[300.0, 0.0]]), torch.tensor([0]))
    assert calibration(sure, 4).bins.count.tolist() == [0, 0, 0, 1]


def half_saturated() -> Predictions:
    """Of 20 answers, 10 are sure to the last bit, 6 of them right; 10 are 95 % sure, all right."""
    sure = torch.zeros(10, 4)
    sure[:, 0] = 300.0
    rest = answers_of([0.95] * 10, [True] * 10, classes=4)
    labels = torch.cat([torch.tensor([0] * 6 + [1] * 4), rest.labels])
    return Predictions(torch.cat([sure, rest.logits]), labels)


def test_saturated_answers_share_the_last_bin_with_those_just_below() -> None:
    result = calibration(half_saturated())
    assert result.bins.count.tolist() == [0] * 14 + [20]
    assert result.bins.accuracy[-1] == 16 / 20
    assert result.ece == pytest.approx((10 * 1 + 10 * 0.95) / 20 - 16 / 20)
    _, confidence, right = tops(half_saturated())
    assert result.ece == pytest.approx(mean_gap(slow_gaps(confidence, right, 15)))
    assert result.adaptive_ece == pytest.approx((10 * (1 - 0.6) + 10 * (1 - 0.95)) / 20)


@pytest.mark.slow  # importing torchmetrics
@pytest.mark.filterwarnings("ignore")
def test_torchmetrics_gives_saturated_answers_a_bin_of_their_own() -> None:
    metrics = pytest.importorskip("torchmetrics.functional.classification")
    found = half_saturated()
    theirs = metrics.multiclass_calibration_error(
        found.logits.softmax(1), found.labels, 4, n_bins=15
    )
    assert float(theirs) == pytest.approx((10 * (1 - 0.6) + 10 * (1 - 0.95)) / 20)
    assert float(theirs) > calibration(half_saturated()).ece


def test_bins_hold_every_answer_once_and_no_mean_where_there_is_none(found) -> None:
    result = calibration(found)
    bins, (_, confidence, right) = result.bins, tops(found)
    assert bins.low.tolist() == [m / 15 for m in range(15)]
    assert bins.high.tolist() == [(m + 1) / 15 for m in range(15)]
    assert bins.count.sum() == COUNT
    empty = bins.count == 0
    assert empty.any()
    assert (np.isnan(bins.accuracy) == empty).all()
    assert (np.isnan(bins.confidence) == empty).all()
    recorded_entry = ~empty
    assert ((bins.confidence > bins.low) & (bins.confidence <= bins.high))[recorded_entry].all()
    assert np.average(
        bins.accuracy[recorded_entry], weights=bins.count[recorded_entry]
    ) == pytest.approx(right.mean())
    assert bins.error == result.ece >= abs(confidence.mean() - right.mean())


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter_even_among_equal_confidences(random) -> None:
    confidence = np.repeat([0.3, 0.5, 0.8, 0.8, 0.95], 8)
    right = np.arange(40) % 3 == 0
    order = list(range(40))
    random.shuffle(order)
    one, other = (
        calibration(answers_of(confidence[places], right[places])) for places in (range(40), order)
    )
    assert one[:9] == pytest.approx(other[:9], abs=1e-12)


def test_a_record_holds_numbers_and_none_where_a_bin_is_empty(found) -> None:
    result = calibration(found)
    values = json.loads(json.dumps(result.values(), allow_nan=False))
    assert values["ece"] == result.ece
    assert values == calibration(found).values(), "the same answers give the same record"
    assert len(values["bin_accuracy"]) == 15
    empty = [i for i, count in enumerate(values["bin_count"]) if count == 0]
    assert [i for i, value in enumerate(values["bin_accuracy"]) if value is None] == empty
    assert sum(values["bin_count"]) == values["n"] == COUNT


def slow_released(confidence, right, bins=10) -> float:
    """What the released script does: bins as zeros where empty, two sorts, the counts in place."""
    counts, shares, means = [], [], []
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        counts.append(len(inside))
        shares.append(sum(right[i] for i in inside) / max(len(inside), 1))
        means.append(sum(confidence[i] for i in inside) / max(len(inside), 1))
    pairs = zip(counts, sorted(shares), sorted(means), strict=True)
    return sum(count * abs(share - mean) for count, share, mean in pairs) / sum(counts)


def test_the_released_pairing_hides_seventy_percent_behind_two_and_a_half() -> None:
    """Half the answers 25 % sure and 90 % right, half 95 % sure and 20 % right."""
    confidence = np.repeat([0.25, 0.95], 100)
    right = np.concatenate([np.arange(100) < 90, np.arange(100) < 20])
    predictions = answers_of(confidence, right)
    assert calibration(predictions, 10).ece == pytest.approx(0.7, abs=1e-6)
    released = calibration(predictions, binning="released")
    assert released.ece == pytest.approx(0.025, abs=1e-6)
    assert released.bins.count.tolist() == [0, 0, 100, 0, 0, 0, 0, 0, 0, 100]
    assert released.bins.accuracy == pytest.approx([0] * 8 + [0.2, 0.9])


def test_the_released_pairing_is_that_of_a_slow_loop_and_changes_nothing_else(found) -> None:
    guesses = Predictions(
        2 * found.logits, found.labels.roll(1)
    )  # accuracy does not rise with the bin
    released, proper = calibration(guesses, binning="released"), calibration(guesses, 10)
    assert released.ece == pytest.approx(slow_released(*tops(guesses)[1:]))
    assert released.ece != pytest.approx(proper.ece, abs=1e-3)
    assert released[2:9] == proper[2:9]


def test_the_released_pairing_is_right_where_accuracy_rises_and_no_bin_is_empty_above() -> None:
    confidence = np.repeat([0.65, 0.75, 0.85, 0.95], 20)
    right = np.concatenate([np.arange(20) < 20 * share for share in (0.4, 0.5, 0.7, 0.9)])
    predictions = answers_of(confidence, right)
    assert calibration(predictions, binning="released").ece == pytest.approx(
        calibration(predictions).ece
    )


def test_the_temperature_that_spoilt_calibrated_logits_is_found_again() -> None:
    rng = np.random.default_rng(2)
    logits = torch.tensor(2 * rng.normal(size=(20_000, 4)))
    p = logits.softmax(1).numpy()
    labels = torch.tensor((rng.random((20_000, 1)) > p.cumsum(1)).sum(1).clip(max=3))
    spoilt = Predictions(2.5 * logits, labels)
    t = temperature(spoilt)
    assert t == pytest.approx(2.5, rel=0.03)
    assert calibration(scaled(spoilt, t)).ece < 0.012 < calibration(spoilt).ece


def test_the_temperature_minimises_the_nll_on_a_grid_and_scales_with_the_logits(found) -> None:
    t = temperature(found)
    best = calibration(scaled(found, t)).nll
    grid = t * np.exp(np.linspace(-3, 3, 61))
    assert min(calibration(scaled(found, float(other))).nll for other in grid) >= best - 1e-12
    assert temperature(Predictions(1000 * found.logits, found.labels)) == pytest.approx(1000 * t)
    assert temperature(scaled(found, t)) == pytest.approx(1)


def test_a_temperature_changes_no_ranking_and_not_the_answers_themselves(found) -> None:
    before = found.logits.clone()
    warm = scaled(found, 3.0)
    assert torch.equal(warm.logits.argsort(1), found.logits.argsort(1))
    assert torch.equal(found.logits, before)
    assert calibration(warm).accuracy == calibration(found).accuracy
    assert calibration(warm).confidence < calibration(found).confidence


def test_extreme_logits_give_finite_errors() -> None:
    logits = torch.tensor([[1e6, 0.0, -1e6], [0.0, 1e6, -1e6]])
    result = calibration(Predictions(logits, torch.tensor([0, 2])))
    assert np.isfinite(result[:8]).all()
    assert result.nll == pytest.approx(1e6)
    assert (result.ece, result.brier) == (0.5, 1.0)


def test_one_answer_and_half_precision_can_be_counted() -> None:
    result = calibration(Predictions(torch.tensor([[2.0, 0.0]]).bfloat16(), torch.tensor([1])))
    assert isinstance(result, Calibration)
    assert result.ece == result.mce == result.adaptive_ece == result.confidence
    assert [type(value) for value in result[:9]] == [float] * 8 + [int]


def test_answers_that_cannot_be_counted_are_refused_in_a_sentence(found) -> None:
    with pytest.raises(InputError, match="unknown binning 'releasd': did you mean 'released'"):
        calibration(found, binning="releasd")
    with pytest.raises(InputError, match="bins must be 1 or more, not 0"):
        calibration(found, 0)
    with pytest.raises(InputError, match="the temperature must be positive, not 0"):
        scaled(found, 0.0)


@pytest.mark.parametrize(
    "asked", [calibration, temperature, scaled_across, lambda predictions: scaled(predictions, 2.0)]
)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, y: (x[:0], y[:0]), "there are no answers to calibrate: the split is empty"),
        (lambda x, y: (x, 0 * y - 100), "no answers to calibrate: all labels are −100"),
        (lambda x, y: (x / 0, y), "300 of 300 answers hold logits that are not finite numbers"),
        (lambda x, y: (x.where(x > -3, -np.inf), y), r"^\d+ of 300 answers hold logits that are n"),
        (lambda x, y: (x, y.where(y != 3, 9)), r"labels run from 0 to 9, .* 7 classes \(0 to 6\)"),
        (lambda x, y: (x, y + 0.7), "labels are torch.float32, but class numbers are integers"),
        (lambda x, y: (x, 0.9 * F.one_hot(y)), "some rows of the labels are not one-hot"),
        (lambda x, y: (x, y[1:]), "300 images came with 299 labels"),
        (lambda x, y: (x[:, 0], y), r"logits must be .*, not torch.float32 of shape \(300,\) for"),
        (lambda x, y: (x.numpy(), y), "logits must be .*, not a ndarray for 300 images"),
    ],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_wrong_answers_are_refused_by_all_that_take_them(found, asked, change, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        asked(Predictions(*change(found.logits, found.labels)))


@pytest.mark.parametrize(
    "asked", [calibration, temperature, scaled_across, lambda logits: scaled(logits, 2.0)]
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_logits_alone_are_refused(found, asked) -> None:
    with pytest.raises(InputError, match=r"must be Predictions\(logits, labels\), not a Tensor: "):
        asked(found.logits)


@pytest.mark.usefixtures("annotations_unchecked")
def test_labels_in_the_place_of_the_bins_are_refused(found) -> None:
    with pytest.raises(InputError, match="bins must be a whole number"):
        calibration(found, found.labels)


@pytest.mark.parametrize("kind", [lambda y: y.int(), lambda y: y[:, None], F.one_hot])
@pytest.mark.usefixtures("annotations_unchecked")
def test_labels_of_any_kind_calibrate_alike(found, kind) -> None:
    predictions = Predictions(found.logits, kind(found.labels))
    assert calibration(predictions).values() == calibration(found).values()
    assert scaled_across(predictions)[1] == scaled_across(found)[1]


def test_a_temperature_that_does_not_exist_is_refused_in_a_sentence(found) -> None:
    with pytest.raises(InputError, match="every answer is right"):
        temperature(Predictions(found.logits, found.logits.argmax(1)))
    with pytest.raises(InputError, match="say nothing of the labels"):
        temperature(Predictions(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64)))
    with pytest.raises(InputError, match="say nothing of the labels"):
        temperature(Predictions(-found.logits, found.labels))


def test_each_half_is_scaled_by_the_temperature_of_the_other():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 2, (400, 5)))
    labels = torch.distributions.Categorical(logits=logits).sample()
    predictions = Predictions(logits, labels)
    found, (even, odd) = scaled_across(predictions)
    halves = [Predictions(logits[i::2], labels[i::2]) for i in (0, 1)]
    assert (even, odd) == (temperature(halves[1]), temperature(halves[0]))
    assert torch.equal(found.logits[0::2], logits[0::2] / even)
    assert torch.equal(found.logits[1::2], logits[1::2] / odd)
    assert torch.equal(found.labels, labels)


def test_a_half_without_a_minimum_leaves_the_other_as_it_is():
    logits = torch.tensor([[2.0, 0], [0.5, 0], [3, 0], [0.1, 0], [2, 0], [1, 0]])
    labels = torch.tensor([0, 0, 0, 1, 0, 0])  # the even ones are all right
    found, (even, odd) = scaled_across(Predictions(logits, labels))
    assert odd == 1.0
    assert even != 1.0
    assert torch.equal(found.logits[1::2], logits[1::2])
