"""`MixBatch`: rules for loops of one's own, with soft labels that say what is in the image."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from adautomix.errors import InputError
from adautomix.methods import Fixed
from adautomix.mix import MIXERS, CutMix, Mixup
from adautomix.mix.collate import MixBatch
from adautomix.models import Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 16, 5


@pytest.fixture(autouse=True)
def with_its_library(request):
    named = getattr(request.node, "callspec", None)
    if named and named.params.get("name") == "saliencymix":
        pytest.importorskip("cv2.saliency")


def batch():
    source = torch.Generator().manual_seed(0)
    return torch.randn(BATCH, 3, SIDE, SIDE, generator=source), torch.arange(BATCH) % CLASSES


@pytest.mark.parametrize("name", MIXERS)
def test_cross_entropy_with_the_soft_labels_is_the_loss_of_the_method(name):
    images, labels = batch()
    net = Net(width=8).build(CLASSES)
    mix, method = MixBatch(name, CLASSES, seed=3), Fixed(MIXERS[name]()).build(net, SIDE)
    for step in range(2):
        mixed, soft = mix(images, labels)
        found = F.cross_entropy(net(mixed), soft)
        torch.testing.assert_close(found, method(images, labels, rng_for(3, step)).total)


@pytest.mark.parametrize("form", [lambda y: y.short(), lambda y: y[:, None], F.one_hot])
def test_labels_of_every_form_are_the_same_soft_labels(form):
    images, labels = batch()
    given, expected = (MixBatch(CutMix(), CLASSES)(images, y)[1] for y in (form(labels), labels))
    assert torch.equal(given, expected)
    assert expected.dtype == torch.float32


def test_the_batch_is_left_alone():
    images, labels = batch()
    MixBatch("cutmix", CLASSES)(images, labels)
    assert torch.equal(images, batch()[0])
    assert torch.equal(labels, batch()[1])


@pytest.mark.parametrize("name", ["mixup", "cutmix", "cutout"])
@pytest.mark.parametrize("form", [torch.bool, torch.int64, torch.float32])
def test_labels_that_are_questions_of_their_own_are_mixed_each_by_itself(name, form):
    images, _ = batch()
    labels = torch.randint(0, 2, (BATCH, CLASSES), generator=torch.Generator().manual_seed(1))
    mixed, rows = MixBatch(name, CLASSES, seed=2, multi_label=True)(images, labels.to(form))
    drawn = MIXERS[name]()(images, rng_for(2, 0))
    assert torch.equal(mixed, drawn.images)
    for i in range(BATCH):
        for k in range(CLASSES):
            weights, partners = drawn.label_weights[i], drawn.partners[i]
            expected = sum(
                float(w) * int(labels[p, k]) for w, p in zip(weights, partners, strict=True)
            )
            assert float(rows[i, k]) == pytest.approx(expected, abs=1e-6)
    logits = torch.randn(BATCH, CLASSES, requires_grad=True)
    F.binary_cross_entropy_with_logits(logits, rows).backward()
    expected = (logits.sigmoid() - rows) / rows.numel()
    torch.testing.assert_close(logits.grad, expected.detach())


@pytest.mark.parametrize(
    ("labels", "multi_label", "sentence"),
    [
        (
            torch.arange(BATCH) % CLASSES,
            True,
            "rows of 5 numbers, one for each class, not \\(6,\\)",
        ),
        (torch.ones(BATCH, 4), True, "rows of 5 numbers, one for each class, not \\(6, 4\\)"),
        (torch.full((BATCH, CLASSES), 2.0), True, "these run from 2 to 2"),
        (torch.full((BATCH, CLASSES), torch.nan), True, "these run from nan to nan"),
        (torch.ones(BATCH, CLASSES), False, "are only for MixBatch\\(…, multi_label=True\\)"),
    ],
)
def test_labels_of_the_other_kind_are_refused(labels, multi_label, sentence):
    with pytest.raises(InputError, match=sentence):
        MixBatch("mixup", CLASSES, multi_label=multi_label)(batch()[0], labels)


@pytest.mark.parametrize("item", [{"image": torch.zeros(3, 4), "label": 1}, torch.zeros(3)])
def test_items_of_another_form_are_refused(item):
    with pytest.raises(InputError, match=r"collate mixes items \(image, label\), not .*: let the"):
        MixBatch("mixup", CLASSES).collate([item, item])


def test_calls_differ_and_a_seed_repeats_them():
    images, labels = batch()
    one, two, other = (MixBatch("mixup", CLASSES, seed=seed) for seed in (0, 0, 1))
    first, second = one(images, labels)[1], one(images, labels)[1]
    assert not torch.equal(first, second)
    assert torch.equal(first, two(images, labels)[1])
    assert torch.equal(second, two(images, labels)[1])
    assert not torch.equal(first, other(images, labels)[1])


def epoch_of(mix, workers):
    """The soft labels of one epoch over equal batches, so that only the draws differ."""
    images, labels = (part.repeat(4, *[1] * (part.ndim - 1)) for part in batch())
    loader = DataLoader(
        TensorDataset(images, labels), BATCH, num_workers=workers, collate_fn=mix.collate
    )
    return [soft for _, soft in loader]


def test_workers_and_epochs_differ_and_torch_s_seed_repeats_them():
    mix = MixBatch("mixup", CLASSES)

    def epochs(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return [*epoch_of(mix, 2), *epoch_of(mix, 2)]

    found, again = epochs(0), epochs(0)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
    assert len({pickle.dumps(soft.tolist()) for soft in found}) == 8
    assert not torch.equal(found[0], epochs(1)[0])


def test_without_workers_epochs_go_on():
    mix = MixBatch("mixup", CLASSES)
    found = [*epoch_of(mix, 0), *epoch_of(mix, 0)]
    assert len({pickle.dumps(soft.tolist()) for soft in found}) == 8
    twin = pickle.loads(pickle.dumps(MixBatch("mixup", CLASSES)))
    assert torch.equal(twin(*batch())[1], found[0])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda x, y: MixBatch("cutmx", 5), "unknown mixing rule 'cutmx': did you mean 'cutmix'"),
        (lambda x, y: MixBatch("snapmix", 5), "snapmix needs an importance map of each image"),
        (
            lambda x, y: MixBatch(CutMix, 5),
            r"must be a name or a rule, e.g. CutMix\(\), not <class",
        ),
        (lambda x, y: MixBatch(3, 5), "must be a name or a rule"),
        (lambda x, y: MixBatch("mixup", 4)(x, y), "labels run from 0 to 4, but the model has 4"),
        (lambda x, y: MixBatch("mixup", 5)(x, y[:3]), "6 images came with 3 labels"),
        (lambda x, y: MixBatch("mixup", 5)(x.byte(), y), "images must be floating point"),
        (lambda x, y: MixBatch("mixup", 5)(x, torch.eye(6)), "soft labels are of 6 classes"),
        (lambda x, y: MixBatch(Mixup(), 5)(x[:1], y[:1]), "different images from a batch of 1"),
    ],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_what_cannot_be_mixed_is_one_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        wrong(*batch())
