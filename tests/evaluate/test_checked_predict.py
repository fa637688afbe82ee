"""Every evaluation takes the same labels, refuses the same things, and knows one order of logits.

A new evaluation gets all of it by a line in `EVALUATIONS`.
"""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adautomix.data.labels import LEFT_OUT
from adautomix.errors import InputError, NotFiniteError
from adautomix.evaluate import (
    PatchDrop,
    accuracy,
    attacked_error,
    calibration,
    fgsm,
    fgsm_released,
    grad_cam,
    occlusion,
    pgd,
    predictions,
    scaled_across,
    temperature,
)
from adautomix.evaluate.checked_predict import ranks
from adautomix.evaluate.predict import Predictions
from adautomix.models import Backbone

COUNT, CLASSES, SIDE = 24, 5, 4


def single(attack):
    """An attack on each batch: the images that it makes."""
    return lambda predict, batches: torch.cat([attack(predict, *pair) for pair in batches]).tolist()


EVALUATIONS = {
    "accuracy": accuracy,
    "predictions": lambda *given: [part.tolist() for part in vars(predictions(*given)).values()],
    "calibration": lambda *given: calibration(predictions(*given))[:9],
    "temperature": lambda *given: temperature(predictions(*given)),
    "scaled_across": lambda *given: scaled_across(predictions(*given))[1],
    "fgsm, error": attacked_error,
    "pgd, error": lambda *given: attacked_error(*given, attack=pgd),
    "released, error": lambda *given: attacked_error(*given, attack=fgsm_released),
    "fgsm": single(fgsm),
    "pgd": single(pgd),
    "released": single(fgsm_released),
    "occlusion": lambda *given: occlusion(*given, PatchDrop(4, shared=True), shares=(0.0, 0.5)),
    "grad_cam": single(grad_cam),
}
COUNTED = ("accuracy", "fgsm, error", "pgd, error", "released, error", "occlusion")
"""They tell how many images counted, and how many were left out."""
OF_ONE_BATCH = ("fgsm", "pgd", "released", "grad_cam")
"""They take images and labels, not batches of them; Grad-CAM moreover takes a backbone."""
each = pytest.mark.parametrize("name", EVALUATIONS)
each_of_batches = pytest.mark.parametrize("name", [n for n in EVALUATIONS if n not in OF_ONE_BATCH])
each_of_a_function = pytest.mark.parametrize("name", [n for n in EVALUATIONS if n != "grad_cam"])


class Linear(nn.Module):
    """Class k is mostly the brightness of pixel k; with the parts of a timm model."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * SIDE * SIDE, CLASSES)
        with torch.no_grad():
            self.fc.weight.add_(3 * torch.eye(CLASSES, 3 * SIDE * SIDE))

    def forward_intermediates(self, images, indices, output_fmt):
        return images, [images for _ in indices]

    def forward_head(self, features):
        return self.fc(features.flatten(1))

    def forward(self, images):
        return self.forward_head(images)


@pytest.fixture
def network() -> Backbone:
    torch.manual_seed(0)
    return Backbone(Linear(), tap=0)


def split():
    """Images of pixels in [0, 1], of which a label's own is lit in three of four; all labels."""
    pixels = torch.tensor(np.random.default_rng(0).random((COUNT, 3, SIDE, SIDE))).float()
    labels = torch.arange(COUNT) % CLASSES
    lit = torch.arange(COUNT) % 4 > 0
    pixels.flatten(1)[lit, labels[lit]] = 1.0
    return pixels, labels


def batched(images, labels, size=10):
    return list(zip(images.split(size), labels.split(size), strict=True))


ONE_HOT = F.one_hot(split()[1], CLASSES)
TAKEN = {
    "uint8": split()[1].byte(),
    "int32": split()[1].int(),
    "(b, 1)": split()[1][:, None],
    "(b, 1) int16": split()[1].short()[:, None],
    "one-hot": ONE_HOT,
    "one-hot floats": ONE_HOT.float(),
    "one-hot booleans": ONE_HOT.bool(),
}
REFUSED = {
    "floats": (split()[1].float(), "labels are torch.float32, but class numbers are integers"),
    "fractions": (split()[1] + 0.7, "labels are torch.float32"),
    "smoothed": (0.9 * ONE_HOT + 0.1 / CLASSES, r"some rows of the labels are not one-hot"),
    "of other classes": (F.one_hot(split()[1], 9), r"labels of shape \(\d+, 9\) are neither"),
    "too large": (split()[1] + 1, r"run from 1 to 5, but the model has 5 classes \(0 to 4\)"),
    "negative": (split()[1] - 1, "run from -1 to 3, but the model has 5 classes"),
}


@each
@pytest.mark.parametrize("kind", TAKEN)
def test_labels_of_any_kind_give_the_same(network, name, kind):
    images, labels = split()
    found = EVALUATIONS[name](network, batched(images, TAKEN[kind]))
    assert found == EVALUATIONS[name](network, batched(images, labels))


@each
@pytest.mark.parametrize("kind", REFUSED)
def test_labels_that_name_no_class_are_refused(network, name, kind):
    labels, sentence = REFUSED[kind]
    with pytest.raises(InputError, match=sentence) as raised:
        EVALUATIONS[name](network, batched(split()[0], labels, COUNT))
    assert re.fullmatch(r"[^\n]*\.", str(raised.value))


@each
def test_a_label_too_few_is_refused(network, name):
    images, labels = split()
    with pytest.raises(InputError, match="24 images came with 23 labels: give one label an image"):
        EVALUATIONS[name](network, [(images, labels[:-1])])


GONE = torch.arange(COUNT) % 8 == 3


def gapped():
    images, labels = split()
    return images, labels.where(~GONE, LEFT_OUT)


@pytest.mark.parametrize("name", [*COUNTED, "calibration", "temperature"])
def test_an_image_of_label_minus_100_counts_nowhere(network, name):
    images, labels = split()
    found = EVALUATIONS[name](network, [gapped()])
    expected = EVALUATIONS[name](network, [(images[~GONE], labels[~GONE])])
    if name in COUNTED:
        assert (found.n, found.left_out, expected.left_out) == (COUNT - 3, 3, 0)
        found = found._replace(left_out=0)
    assert flat(found) == pytest.approx(flat(expected), rel=1e-6)
    assert flat(found) != pytest.approx(flat(EVALUATIONS[name](network, [(images, labels)])))


def flat(found):
    """All numbers of a result, in a row."""
    return np.hstack(found) if isinstance(found, tuple) else found


def test_answers_keep_the_place_of_what_counts_nowhere(network):
    found = predictions(network, batched(*gapped()))
    logits, labels = found.logits, found.labels
    assert torch.equal(logits, predictions(network, batched(*split())).logits)
    assert torch.equal(labels, gapped()[1])
    halves = [Predictions(logits[half & ~GONE], labels[half & ~GONE]) for half in halves_of(COUNT)]
    assert scaled_across(Predictions(logits, labels))[1] == tuple(map(temperature, halves[::-1]))
    assert calibration(Predictions(logits, labels)).left_out == 3


def halves_of(count):
    """Even and odd places."""
    return [torch.arange(count) % 2 == i for i in (0, 1)]


@pytest.mark.parametrize("name", ["fgsm", "pgd", "released"])
def test_an_attack_leaves_an_image_without_label_alone(network, name):
    images, _ = split()
    found = torch.tensor(EVALUATIONS[name](network, [gapped()]))
    assert torch.equal(found[GONE], images[GONE])
    assert (found != images).flatten(1).any(dim=1).equal(~GONE)


@each_of_batches
def test_where_all_labels_are_minus_100_there_is_no_number(network, name):
    batches = [(split()[0], torch.full((COUNT,), LEFT_OUT))]
    if name == "accuracy":
        found = accuracy(network, batches)
        assert (found.n, found.left_out) == (0, COUNT)
        assert all(math.isnan(value) for value in found[:3])
    elif name != "predictions" and name != "scaled_across":
        with pytest.raises(InputError, match=r"there are no \w+ to .* all labels are −100"):
            EVALUATIONS[name](network, batches)


def test_grad_cam_asks_about_no_label_of_minus_100(network):
    with pytest.raises(InputError, match="labels run from -100 to 4"):
        grad_cam(network, *gapped())


NOT_BATCHES = {
    "a pair": (lambda x, y: (x, y), "and got a Tensor: give a loader of pairs, or [(images, lab"),
    "a pair as a list": (lambda x, y: [x, y], "and got a Tensor"),
    "images alone": (lambda x, y: x, "and got a Tensor"),
    "a mapping": (lambda x, y: {"images": x, "labels": y}, "and got a dict"),
    "a list of mappings": (lambda x, y: [{"images": x, "labels": y}], "and got a dict"),
    "triples": (lambda x, y: [(x, y, y)], "and got 3 things at once"),
    "numpy images": (lambda x, y: [(x.numpy(), y)], "images must be a tensor, not a ndarray"),
    "numpy labels": (lambda x, y: [(x, y.numpy())], "labels must be a tensor of class numbers"),
    "labels as a list": (lambda x, y: [(x, y.tolist())], "labels must be a tensor of class num"),
    "a vector": (lambda x, y: [(y.float(), y)], "and got images of shape (24,)"),
}


@each_of_batches
@pytest.mark.parametrize("kind", NOT_BATCHES)
def test_what_is_no_loader_of_pairs_is_refused(network, name, kind):
    make, sentence = NOT_BATCHES[kind]
    with pytest.raises(InputError, match=re.escape(sentence)):
        EVALUATIONS[name](network, make(*split()))


NO_LOGITS = {
    "a tuple": (lambda logits: (logits, logits), "not a tuple for 24 images"),
    "a mapping": (lambda logits: {"logits": logits}, "not a dict for 24 images"),
    "an array": (lambda logits: logits.detach().numpy(), "not a ndarray for 24 images"),
    "classes": (lambda logits: logits.argmax(1), "not torch.int64 of shape (24,) for 24 images"),
    "one logit": (lambda logits: logits[:, :1], "not torch.float32 of shape (24, 1)"),
    "one number": (lambda logits: logits[:, 0], "not torch.float32 of shape (24,)"),
    "integers": (lambda logits: logits.int(), "not torch.int32 of shape (24, 5)"),
    "a map of logits": (lambda logits: logits[..., None], "not torch.float32 of shape (24, 5, 1)"),
    "a row too few": (lambda logits: logits[1:], "not torch.float32 of shape (23, 5)"),
}


@each_of_a_function
@pytest.mark.parametrize("kind", NO_LOGITS)
def test_what_is_no_logits_is_refused(network, name, kind):
    spoil, sentence = NO_LOGITS[kind]
    with pytest.raises(InputError, match=re.escape(sentence)):
        EVALUATIONS[name](lambda images: spoil(network(images)), [split()])


def test_logits_too_large_for_float32_are_not_finite(network):
    with pytest.raises(NotFiniteError, match="24 of 24 answers"):
        accuracy(lambda images: 1e300 * network(images).double(), [split()])


def test_logits_of_other_classes_from_batch_to_batch_are_refused(network):
    images, labels = split()
    classes = iter((5, 4))
    with pytest.raises(InputError, match="gave 5 logits an image, and then 4"):
        predictions(lambda x: network(x)[:, : next(classes)], batched(images, labels % 4, 12))


@each
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_refused_and_counted(network, name, value):
    with torch.no_grad():
        network.model.fc.bias[2] = value
    with pytest.raises(NotFiniteError, match=r"^(\d+) of \1 answers hold logits that are not fin"):
        EVALUATIONS[name](network, [split()])


@each
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_images_that_are_not_finite_are_refused_whatever_is_said_of_them(network, name, value):
    images, labels = split()
    images[[3, 20], 0, 1, 1] = value
    network.model.register_forward_pre_hook(lambda _, given: given[0].nan_to_num(0.5, 0.5))
    with pytest.raises(InputError, match=r"^2 of 24 images hold a NaN or an infinity"):
        EVALUATIONS[name](network, [(images, labels)])


def tied(dtype=torch.float32):
    """Logits of few values, so that in most rows several are largest."""
    rng = np.random.default_rng(1)
    logits = torch.tensor(rng.integers(0, 3, (200, 9))).to(dtype)
    return logits, torch.tensor(rng.integers(0, 9, 200))


def order(row):
    """The classes from the largest logit down, of equal ones the lower first."""
    return sorted(range(len(row)), key=lambda k: (-row[k], k))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_of_equal_logits_the_lowest_class_comes_first(dtype):
    logits, labels = tied(dtype)
    places = [
        order(row).index(label) for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    assert ranks(Predictions(logits, labels)).tolist() == places
    found = accuracy(lambda x: x, batched(logits, labels, 70))
    assert (
        found.top1 == np.mean(np.equal(places, 0)) == (logits.argmax(1) == labels).double().mean()
    )
    assert found.top5 == np.mean(np.less(places, 5))


@pytest.mark.parametrize("seen", ["all equal", "few values", "bfloat16"])
def test_all_evaluations_count_the_same_answers_right(seen):
    """The images are pictures of the logits: 9 classes, 3 × 3 pixels."""
    logits, labels = tied()
    if seen == "all equal":
        logits = torch.full_like(logits, 0.25)
    elif seen == "bfloat16":
        logits = torch.randn(200, 9, generator=torch.Generator().manual_seed(0)).bfloat16().float()
    pixels = logits.sigmoid().expand(3, -1, -1).movedim(0, 1).unflatten(2, (3, 3))

    def predict(images):
        return images[:, 0].flatten(1).logit().bfloat16()

    batches = batched(pixels, labels, 70)
    right = accuracy(predict, batches).top1
    assert calibration(predictions(predict, batches)).accuracy == right
    assert occlusion(predict, batches, shares=(0.0,)).accuracies == (right,)
    assert attacked_error(predict, batches, lambda predict, x, y: x)[:2] == (1 - right, 1 - right)


def test_a_label_that_is_left_out_has_no_rank():
    logits, _ = tied()
    assert (ranks(Predictions(logits[:, :3], torch.full((200,), LEFT_OUT))) > 9).all()
