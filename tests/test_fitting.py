"""`fit` with models and loaders of one's own: it learns, and says what it cannot use."""

import math

import pytest
import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, Backbone, CutMix, Fixed, Mixup, Plain, fit
from adautomix.errors import DivergenceError, InputError
from adautomix.fitting import How
from adautomix.recipes import SGD
from adautomix.train import decide

CLASSES = 3
HOW = How(SGD(lr=0.05), numerics=decide("cpu"), progress=False)
Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def thin(classes: int = CLASSES) -> nn.Module:
    """timm's ResNet-18 with few channels, as timm makes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(
            "resnet18", num_classes=classes, channels=(8, 8, 8, 8), stem_type="deep", stem_width=4
        )


def coloured(count: int, seed: int = 0, side: int = 32) -> TensorDataset:
    """Images of noise; the class is the brighter colour."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    images = torch.randn(count, 3, side, side, generator=source)
    images[torch.arange(count), labels] += 2.0
    return TensorDataset(images, labels)


def batched(count: int = 48, size: int = 12, seed: int = 0) -> Pairs:
    return [tuple(pair) for pair in DataLoader(coloured(count, seed), size)]


@pytest.mark.parametrize(
    "method", [None, Fixed(Mixup()), Fixed(CutMix(), momentum=None), Plain()], ids=str
)
def test_a_separable_problem_is_learnt(method):
    source = torch.Generator().manual_seed(0)
    loader = DataLoader(coloured(96), 24, shuffle=True, generator=source)
    done = fit(thin(), loader, batched(48, seed=1), method=method, epochs=6, how=HOW)
    assert done.accuracy["classifier"] > 0.8  # chance is 0.33
    assert set(done.accuracy) == set(done.method.predictors())
    assert done.curve["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert done.curve["classifier_top1"].iloc[-1] == done.accuracy["classifier"]


def test_predictions_are_those_that_were_evaluated():
    test = batched(48, seed=1)
    done = fit(thin(), batched(), test, method=Plain(momentum=0.5), epochs=2, how=HOW)
    for predictor in ("classifier", "teacher"):
        right = [done.predict(x, predictor).argmax(dim=1) == y for x, y in test]
        assert float(torch.cat(right).float().mean()) == pytest.approx(done.accuracy[predictor])
    assert done.method.training
    with pytest.raises(InputError, match="unknown predictor 'techer': did you mean 'teacher'"):
        done.predict(test[0][0], "techer")


def test_the_model_is_trained_in_place_and_the_global_numbers_stay():
    model, loader = thin(), batched()
    before, state = model.fc.weight.clone(), torch.get_rng_state()
    done = fit(model, loader, epochs=1, how=HOW)
    assert done.method.classifier.model is model
    assert not torch.equal(model.fc.weight, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert done.accuracy == {}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    ends = [
        fit(
            thin(),
            batched(),
            epochs=1,
            how=How(HOW.optim, numerics=HOW.numerics, seed=seed, progress=False),
        )
        for seed in (0, 0, 1)
    ]
    a, b, c = (end.method.classifier.model.fc.weight for end in ends)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_another_tap_can_be_chosen():
    done = fit(Backbone(thin(), tap=-3), batched(), method=AdAutoMix(n=2), epochs=1, how=HOW)
    assert done.method.classifier.tap == -3


def images_as(change) -> Pairs:
    return [(change(images), labels) for images, labels in batched()]


def labels_as(change) -> Pairs:
    return [(images, change(labels)) for images, labels in batched()]


BAD = {
    "labels out of range": (
        labels_as(lambda y: y + 1),
        "labels run from 1 to 3, but the model has 3",
    ),
    "negative labels": (labels_as(lambda y: y - 1), "labels run from -1 to 1"),
    "one-hot labels": (
        labels_as(lambda y: nn.functional.one_hot(y, 3)),
        r"labels must be int64 of shape \(batch,\).*class numbers, not one-hot",
    ),
    "float labels": (labels_as(lambda y: y.float()), "labels must be int64.*torch.float32"),
    "labels in a list": (labels_as(lambda y: y.tolist()), "pairs .images, labels. of tensors"),
    "uint8 images": (
        images_as(lambda x: x.byte()),
        "images must be floating point of shape.*torch.uint8.*convert and normalise",
    ),
    "not square": (images_as(lambda x: x[:, :, :16]), r"square.*not \(12, 3, 16, 32\)"),
    "double images": (
        images_as(lambda x: x.double()),
        r"train loader's images are torch\.float64, but .* torch\.float32: convert",
    ),
    "grey images": (
        images_as(lambda x: x[:, :1]),
        r"of 1 channel\(s\), but the model takes 3: make the model with in_chans=1",
    ),
    "no batch axis": (images_as(lambda x: x[0]), r"of shape \(3, 32, 32\)"),
    "no length": ((pair for pair in batched()), "loader has no length.*DataLoader"),
    "no batches": ([], "at least one"),
    "images alone": ([x for x, _ in batched()], "pairs .images, labels. of tensors"),
    "batch of one": (DataLoader(coloured(13), 4), "batch of one image.*drop_last=True"),
    "fewer than n": (batched(8, 2), "n = 3 different images from a batch of 2"),
}


@pytest.mark.parametrize("what", BAD)
def test_batches_that_cannot_be_trained_on_are_one_sentence(what):
    loader, sentence = BAD[what]
    with pytest.raises(InputError, match=sentence) as error:
        fit(thin(), loader, epochs=1, how=HOW)
    assert "\n" not in str(error.value)


def test_a_model_without_a_tap_is_refused():
    with pytest.raises(InputError, match=r"Sequential is none of timm's.*timm\.create_model"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)), batched(), epochs=1, how=HOW)


def test_a_tap_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="tap 9"):
        fit(Backbone(thin(), tap=9), batched(), epochs=1, how=HOW)


def test_a_test_loader_that_serves_once_is_refused():
    once = (pair for pair in batched())
    with pytest.raises(
        InputError, match=r"test loader yields no images.*generator serves only once"
    ):
        fit(thin(), batched(), once, method=Plain(), epochs=2, how=HOW)


@pytest.mark.parametrize("what", ["uint8 images", "double images", "grey images", "images alone"])
def test_test_batches_are_looked_at_as_well(what):
    test, sentence = BAD[what][0], BAD[what][1].replace("train loader", "test loader")
    with pytest.raises(InputError, match=sentence):
        fit(thin(), batched(), test, method=Plain(), epochs=1, how=HOW)


def test_a_model_in_double_precision_is_refused():
    with pytest.raises(InputError, match=r"weights are torch\.float64: give model\.float\(\)"):
        fit(thin().double(), images_as(lambda x: x.double()), epochs=1, how=HOW)


def test_a_head_replaced_by_hand_is_counted():
    model = thin(classes=0)
    model.fc = nn.Linear(model.num_features, CLASSES)
    done = fit(model, batched(), method=Plain(), epochs=1, how=HOW)
    assert done.predict(batched()[0][0]).shape == (12, CLASSES)


def test_no_epochs_are_refused():
    with pytest.raises(InputError, match="epochs must be 1 or more, not 0"):
        fit(thin(), batched(), epochs=0, how=HOW)


def test_images_that_are_not_numbers_are_a_divergence():
    with pytest.raises(DivergenceError, match="diverged by step 4 of 4, ce is not finite"):
        fit(thin(), images_as(lambda x: x * math.nan), method=Plain(), epochs=1, how=HOW)


def test_what_is_evaluated_and_predicted_is_in_the_precision_of_the_training():
    how = How(SGD(lr=0.05), numerics=decide("cpu", "bf16"), progress=False)
    model, seen = thin(), []
    model.conv1.register_forward_hook(
        lambda module, _, out: seen.append((module.training, out.dtype))
    )
    done = fit(model, batched(), batched(seed=1), method=Plain(), epochs=1, how=how)
    done.predict(batched()[0][0])
    assert seen.pop(0) == (False, torch.float32)  # black images, to count the classes
    assert set(seen) == {(True, torch.bfloat16), (False, torch.bfloat16)}
    assert done.predict(batched()[0][0]).dtype == torch.float32
