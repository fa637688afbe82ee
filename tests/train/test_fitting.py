"""`fit` with models and loaders of one's own: it learns, and says what it cannot use."""

import math

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from adautomix import AdAutoMix, Backbone, CutMix, Fixed, Mixup, Plain, fit
from adautomix.device import Numerics, decide
from adautomix.errors import DivergenceError, InputError
from adautomix.models import net
from adautomix.recipes import SGD, Cosine
from adautomix.train.fitting import How

CLASSES = 3
HOW = How(SGD(lr=0.05), numerics=decide("cpu"), progress=False)
Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def thin(classes: int = CLASSES) -> nn.Module:
    """timm's ResNet-18 with few channels, as timm makes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(
            "resnet18", num_classes=classes, channels=(8, 8, 8, 8), stem_type="deep", stem_width=8
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


def test_layers_too_narrow_for_a_processor_are_warned_of(monkeypatch):
    monkeypatch.setattr(net, "NARROWEST", 9)  # as if 8 channels, which are harmless, were too few
    with pytest.warns(UserWarning, match="'conv1.0' has fewer than 9 channels: on images of 32 p"):
        fit(thin(), batched(12), method=Plain(), epochs=1, how=HOW)


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


PAIR = r"it must be a pair \(images, labels\) of tensors"
FORMS = {
    "labels out of range": (
        labels_as(lambda y: y + 1),
        "labels run from 1 to 3, but the model has 3",
    ),
    "negative labels": (labels_as(lambda y: y - 1), "labels run from -1 to 1"),
    "float labels": (labels_as(lambda y: y.float()), "labels are torch.float32, but class numbers"),
    "shares of 0.9": (
        labels_as(lambda y: nn.functional.one_hot(y, 3) * 0.9),
        r"soft labels .* row 0 sums to 0\.9",
    ),
    "rows of other classes": (
        labels_as(lambda y: nn.functional.one_hot(y, 7)),
        "the soft labels are of 7 classes, but the model has 3",
    ),
    "labels in a grid": (labels_as(lambda y: y[:, None, None]), r"shape \(12, 1, 1\)"),
    "labels in a list": (labels_as(lambda y: y.tolist()), PAIR),
    "a label too few": (labels_as(lambda y: y[1:]), "12 images came with 11 labels: give one"),
    "uint8 images": (
        images_as(lambda x: x.byte()),
        r"images must be floating point .* torch.uint8.* normalise .* how=How\(mean_std",
    ),
    "not square": (images_as(lambda x: x[:, :, :16]), r"square.*not \(12, 3, 16, 32\)"),
    "no pixels": (images_as(lambda x: x[:, :, :0, :0]), r"images must .* shape \(12, 3, 0, 0\)"),
    "double images": (
        images_as(lambda x: x.double()),
        r"the images are torch\.float64, but the model takes torch\.float32: convert",
    ),
    "half images": (images_as(lambda x: x.half()), r"the images are torch\.float16"),
    "grey images": (
        images_as(lambda x: x[:, :1]),
        r"of 1 channel\(s\), but the model takes 3: make the model with in_chans=1",
    ),
    "channels last": (
        images_as(lambda x: x.permute(0, 2, 3, 1)),
        r"but in \(12, 32, 32, 3\) the channels seem to come last: .*permute\(0, 3, 1, 2\)",
    ),
    "labels first": (
        [(y, x) for x, y in batched()],
        r"its images of shape \(12, 3, 32, 32\) come second: give images and labels",
    ),
    "pairs that are not joined": (
        [list(zip(x, y, strict=True)) for x, y in batched()],
        "it is a list of 12 single examples: join them .* default_collate",
    ),
    "mappings that are not joined": (
        [[{"image": x} for x in images] for images, _ in batched()],
        "it is a list of 12 single examples: join them .* default_collate",
    ),
    "images in a tuple": ([(x,) for x, _ in batched()], PAIR + ".*, not a tuple of 1.$"),
    "no batch axis": (images_as(lambda x: x[0]), r"of shape \(3, 32, 32\)"),
    "images of numpy": ([(x.numpy(), y) for x, y in batched()], PAIR),
    "images alone": (
        [x for x, _ in batched()],
        PAIR + r".*, not a tensor of shape \(12, 3, 32, 32\).$",
    ),
    "mappings": (
        [{"images": x, "labels": y} for x, y in batched()],
        PAIR + r", or a mapping of which how=How\(keys=\(\"images\", \"labels\"\)\) names the two, "
        r"not a mapping of 'images', 'labels'",
    ),
    "nothing": ([None] * 4, PAIR),
}
"""Batches of which neither the first nor a later one can be taken, to train on or to test."""
each_form = pytest.mark.parametrize("what", FORMS)


@each_form
@pytest.mark.parametrize("place", [1, 3])
def test_a_batch_that_cannot_be_trained_on_is_one_sentence_with_its_number(what, place):
    loader, sentence = batched(), FORMS[what][1]
    loader[place - 1] = FORMS[what][0][place - 1]
    with pytest.raises(
        InputError, match=f"^batch {place} of the train loader: .*{sentence}"
    ) as error:
        fit(thin(), loader, method=Plain(), epochs=1, how=HOW)
    assert "\n" not in str(error.value)


@each_form
@pytest.mark.parametrize("place", [1, 3])
def test_a_batch_that_cannot_be_evaluated_is_one_sentence_with_its_number(what, place):
    loader, sentence = batched(), FORMS[what][1]
    loader[place - 1] = FORMS[what][0][place - 1]
    with pytest.raises(
        InputError, match=f"^batch {place} of the test loader: .*{sentence}"
    ) as error:
        fit(thin(), batched(), loader, method=Plain(), epochs=1, how=HOW)
    assert "\n" not in str(error.value)


BAD = {
    "labels that do not count": (
        labels_as(lambda y: torch.where(y > 1, y, -100)),
        "labels run from -100 to 2, but the model has 3",
    ),
    "no length": ((pair for pair in batched()), "loader has no length.*DataLoader"),
    "no batches": ([], "the train loader yields no batch: give it at least one"),
    "batch of one": (
        DataLoader(coloured(13), 4),
        "batch 4 of the train loader: a batch of one image.*drop_last=True",
    ),
    "batch of none": (
        [pair if i else tuple(part[:0] for part in pair) for i, pair in enumerate(batched())],
        "batch 1 of the train loader: a batch of no images",
    ),
    "fewer than n": (batched(8, 2), "n = 3 different images from a batch of 2: .*drop_last"),
}


@pytest.mark.parametrize("what", BAD)
def test_batches_that_cannot_be_trained_on_are_one_sentence(what):
    loader, sentence = BAD[what]
    with pytest.raises(InputError, match=sentence) as error:
        fit(thin(), loader, epochs=1, how=HOW)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("annotations_unchecked")
def test_a_dataset_in_place_of_a_loader_is_one_sentence():
    dataset = TensorDataset(torch.zeros(8, 3, 32, 32), torch.zeros(8).long())
    with pytest.raises(InputError, match=r"^a TensorDataset gives single images, .* DataLoader\("):
        fit(thin(), dataset, epochs=1, how=HOW)


class Unsized(IterableDataset):
    def __iter__(self):
        return iter(coloured(48))


def test_a_dataset_without_a_length_is_refused_to_train_on_and_taken_to_test():
    loader = DataLoader(Unsized(), 12)
    with pytest.raises(InputError, match=r"the loader has no length.*dataset with a length"):
        fit(thin(), loader, epochs=1, how=HOW)
    done = fit(thin(), batched(), loader, method=Plain(), epochs=1, how=HOW)
    assert done.accuracy == (
        fit(thin(), batched(), batched(), method=Plain(), epochs=1, how=HOW).accuracy
    )


@pytest.mark.parametrize(
    "change",
    [
        *(
            lambda y, to=to: y.to(to)
            for to in (torch.uint8, torch.int16, torch.int32, torch.uint16)
        ),
        lambda y: y[:, None],
        lambda y: y[:, None].int(),
    ],
)
def test_integer_labels_of_any_form_are_the_same_labels(change):
    ends = [
        fit(thin(), loader, loader, method=AdAutoMix(n=2), epochs=1, how=HOW)
        for loader in (batched(), labels_as(change))
    ]
    weights = [end.method.classifier.model.fc.weight for end in ends]
    assert torch.equal(*weights)
    assert ends[0].accuracy == ends[1].accuracy


def test_one_hot_labels_are_evaluated_by_their_class():
    plain, hot = batched(), labels_as(lambda y: nn.functional.one_hot(y, CLASSES).float())
    first, second = (
        fit(thin(), batched(), test, method=Plain(), epochs=1, how=HOW) for test in (plain, hot)
    )
    assert first.accuracy == second.accuracy


@pytest.mark.parametrize("method", [AdAutoMix(n=2), Fixed(CutMix()), Plain()], ids=str)
def test_the_side_may_differ_from_batch_to_batch(method):
    loader = [
        (nn.functional.interpolate(x, 16 * (1 + i % 3)), y) for i, (x, y) in enumerate(batched())
    ]
    assert {x.shape[-1] for x, _ in loader} == {16, 32, 48}
    done = fit(thin(), loader, loader, method=method, epochs=1, how=HOW)
    assert math.isfinite(done.curve.filter(like="train_").to_numpy().sum())


def test_a_side_that_the_model_does_not_take_is_one_sentence():
    shape = {"img_size": 32, "embed_dim": 24, "depth": 2, "num_heads": 2}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=CLASSES, **shape)
    backbone, loader = Backbone(model, tap=0), batched()
    loader[2] = (loader[2][0][:, :, :16, :16], loader[2][1])
    sentence = (
        r"^batch 3 of the {} loader: the model .* on 16×16 images .*another tap or image size"
    )
    with pytest.raises(InputError, match=sentence.format("train")):
        fit(backbone, loader, method=Plain(), epochs=1, how=HOW)
    with pytest.raises(InputError, match=sentence.format("test")):
        fit(backbone, batched(), loader, method=Plain(), epochs=1, how=HOW)


def test_a_model_without_a_tap_is_refused():
    with pytest.raises(InputError, match="Sequential has no convolution that takes images"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)), batched(), epochs=1, how=HOW)


def test_a_tap_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="tap 9"):
        fit(Backbone(thin(), tap=9), batched(), epochs=1, how=HOW)


def test_a_test_loader_that_serves_once_is_refused():
    model, once = thin(), (pair for pair in batched())
    before = model.fc.weight.clone()
    with pytest.raises(
        InputError, match="generator, which serves only once, but is needed 4 times"
    ):
        fit(model, batched(), once, method=Plain(), epochs=2, how=HOW)
    assert torch.equal(model.fc.weight, before)
    with pytest.raises(InputError, match=r"test loader yields no images, .*generator serves only"):
        fit(model, batched(), iter(batched()), method=Plain(), epochs=1, how=HOW)


def test_a_test_loader_is_looked_at_before_any_training():
    model, test = thin(), [(x, y + 1) for x, y in batched()]
    before = model.fc.weight.clone()
    with pytest.raises(InputError, match="batch 1 of the test loader: labels run from 1 to 3"):
        fit(model, batched(), test, method=Plain(), epochs=1, how=HOW)
    assert torch.equal(model.fc.weight, before)


def test_a_look_at_the_test_loader_costs_no_image_and_no_random_number():
    model, evaluated = thin(), []

    def count(module, given, _):
        if not module.training and given[0].any():  # classes are counted with black images
            evaluated.append(len(given[0]))

    model.register_forward_hook(count)
    once = (pair for pair in batched(48))
    fit(model, batched(), once, method=Plain(None), epochs=1, how=HOW)
    assert sum(evaluated) == 48
    train, test, state = batched(), DataLoader(coloured(24), 12), torch.get_rng_state()
    fit(thin(), train, test, method=Plain(), epochs=1, how=HOW)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_test_loader_without_batches_is_refused_before_any_training():
    model = thin()
    before = model.fc.weight.clone()
    with pytest.raises(InputError, match="the test loader yields no batch: give it at least one"):
        fit(model, batched(), [], method=Plain(), epochs=1, how=HOW)
    assert torch.equal(model.fc.weight, before)


def test_test_batches_without_images_are_refused():
    empty = [tuple(part[:0] for part in pair) for pair in batched()]
    with pytest.raises(InputError, match="the test loader yields no images"):
        fit(thin(), batched(), empty, method=Plain(), epochs=1, how=HOW)
    done = fit(thin(), batched(), [*empty, *batched()], method=Plain(), epochs=1, how=HOW)
    assert done.accuracy["classifier"] > 0


def test_test_labels_of_which_none_counts_are_refused():
    left_out = [(images, torch.full_like(labels, -100)) for images, labels in batched()]
    with pytest.raises(InputError, match="yields no images, or none that count"):
        fit(thin(), batched(), left_out, method=Plain(), epochs=1, how=HOW)


def test_test_images_that_are_not_numbers_have_no_accuracy():
    spoilt = batched(24)
    spoilt[1][0][3, 0, 0, 0] = math.nan
    with pytest.raises(InputError, match="1 of 24 images hold a NaN or an infinity"):
        fit(thin(), batched(), spoilt, method=Plain(), epochs=1, how=HOW)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((2, 3, 32, 32), np.float32), r"a tensor of torch, not ndarray: .*from_numpy"),
        (torch.zeros(2, 1, 32, 32), r"of 1 channel\(s\), but the model takes 3"),
        (torch.zeros(2, 3, 32, 32).double(), r"are torch\.float64, but the model takes"),
        (torch.zeros(3, 32, 32), r"of shape \(3, 32, 32\)"),
    ],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_what_cannot_be_predicted_is_one_sentence(images, sentence):
    done = fit(thin(), batched(), method=Plain(), epochs=1, how=HOW)
    with pytest.raises(InputError, match=sentence):
        done.predict(images)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="'cuda' was asked for, but this machine has no CUDA GPU"):
        fit(thin(), batched(), epochs=1, how=How(numerics=Numerics("cuda"), progress=False))


def test_a_model_on_the_meta_device_is_refused():
    with torch.device("meta"):
        model = timm.create_model("resnet18", num_classes=CLASSES)
    with pytest.raises(InputError, match=r"weights of resnet18 have no values.* meta device"):
        fit(model, batched(), epochs=1, how=HOW)


def test_a_model_of_which_nothing_is_trained_is_refused():
    with pytest.raises(InputError, match="no parameter of resnet18 takes a gradient"):
        fit(thin().requires_grad_(False), batched(), epochs=1, how=HOW)


def test_a_model_without_a_head_is_refused():
    with pytest.raises(InputError, match="resnet18 has no head, so its answers are features"):
        fit(thin(classes=0), batched(), epochs=1, how=HOW)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_without_gradients_nothing_is_trained(context):
    with context(), pytest.raises(InputError, match=r"outside torch\.no_grad\(\) and torch\.inf"):
        fit(thin(), batched(), method=Plain(), epochs=1, how=HOW)


def test_a_compiled_model_is_refused():
    with pytest.raises(InputError, match=r"resnet18 is compiled.* give the model itself"):
        fit(torch.compile(thin(), backend="eager"), batched(), epochs=1, how=HOW)


@pytest.mark.filterwarnings("ignore")  # torch.ao is deprecated
def test_a_quantised_layer_is_refused():
    dynamic = pytest.importorskip("torch.ao.nn.quantized.dynamic")
    model = thin()
    model.fc = dynamic.Linear(model.num_features, CLASSES)
    with pytest.raises(InputError, match="layer fc of resnet18 is quantised, and no gradient"):
        fit(model, batched(), method=Plain(), epochs=1, how=HOW)


@pytest.mark.parametrize("place", ["train", "test"])
@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        (0, lambda x: x.to_sparse(), r"these are torch\.sparse_coo: .*images\.to_dense"),
        (0, lambda x: x.to("meta"), "images must .* on the meta device"),
        (1, lambda x: x.to_sparse(), r"these are torch\.sparse_coo: .*labels\.to_dense"),
        (1, lambda x: x.to("meta"), "labels must .* on the meta device"),
    ],
)
def test_tensors_that_hold_no_dense_values_are_refused(place, part, change, sentence):
    spoilt = [list(pair) for pair in batched()]
    spoilt[0][part] = change(spoilt[0][part])
    loaders = (spoilt, None) if place == "train" else (batched(), spoilt)
    with pytest.raises(InputError, match=f"batch 1 of the {place} loader: .*{sentence}"):
        fit(thin(), *loaders, method=Plain(), epochs=1, how=HOW)


def test_a_warm_up_longer_than_the_run_is_refused():
    how = How(SGD(lr=0.05), Cosine(warmup=5), numerics=decide("cpu"), progress=False)
    with pytest.raises(InputError, match="warm-up of 5 steps is longer than the run of 4 steps"):
        fit(thin(), batched(), epochs=1, how=how)


def test_a_model_in_double_precision_is_refused():
    with pytest.raises(InputError, match=r"weights are torch\.float64: give model\.float\(\)"):
        fit(thin().double(), images_as(lambda x: x.double()), epochs=1, how=HOW)


def test_a_head_in_half_precision_is_refused():
    model = thin()
    model.fc.half()
    with pytest.raises(InputError, match=r"weights are torch\.float16: give model\.float\(\)"):
        fit(model, batched(), epochs=1, how=HOW)


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
