"""The loss on a method's own images: known masks, a slow oracle, and methods that do not mix."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from adautomix import data
from adautomix.data.augment import normalise
from adautomix.data.loaders import on_device
from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.evaluate.context import EvalContext
from adautomix.evaluate.mixing import OwnMixing
from adautomix.methods import METHODS, Fixed
from adautomix.mix import CutMix, Mixup
from adautomix.models import Net, evaluating
from adautomix.rng import StepRNG


@pytest.fixture
def context():
    def of(config):
        method = config.build(Net("resnet18", stem="cifar", width=8).build(10, seed=0), 32)
        images = data.load("photodigits", "test", per_class=2)
        return EvalContext(method.classifier.eval(), images, decide("cpu"), method)

    return of


def test_mixup_s_own_images_are_plain_interpolation(context):
    found = OwnMixing()(context(Fixed(Mixup())))
    for name in ("area", "elsewhere"):
        assert found[f"loss_{name}"] == pytest.approx(found["loss_constant"], rel=1e-5)
    assert found["loss_own"] == pytest.approx(found["loss_constant"], rel=1e-5)
    assert found["spread_own"] == pytest.approx(found["spread_constant"], rel=1e-4)
    assert found["mask_from_constant"] == pytest.approx(0, abs=1e-6)
    assert found["mask_between_sets"] == pytest.approx(0, abs=1e-6)
    assert found["n"] == 20


def test_losses_are_those_of_a_slow_loop(context):
    config = replace(METHODS["adautomix"], init=0.5)
    found = OwnMixing(batch=10, batches=1, seed=3)(given := context(config))
    order = StepRNG(3, stream="evaluate").permutation(20).numpy()[:10]
    images, labels = on_device(given.data.take(order), "cpu")
    images = normalise(images, given.data.info.mean, given.data.info.std)
    mixed = given.method.eval().mixed(images, StepRNG(3, 0, stream="evaluate"))
    for name, masks in {
        "own": mixed.masks,
        "constant": mixed.ratios[:, :, None, None],
        "area": mixed.masks.mean(dim=(2, 3), keepdim=True),
        "elsewhere": torch.cat([mixed.masks[-1:], mixed.masks[:-1]]),
    }.items():
        losses = []
        for i, row in enumerate(mixed.partners):
            image = (masks[i, :, None] * images[row]).sum(0)
            soft = (mixed.ratios[i, :, None] * F.one_hot(labels[row], 10)).sum(0)
            with torch.no_grad():
                losses.append(-(soft * given.module(image[None]).log_softmax(1)[0]).sum())
        assert found[f"loss_{name}"] == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def test_masks_that_cut_have_a_shape_and_the_same_area_as_their_ratio(context):
    found = OwnMixing(batches=1)(context(Fixed(CutMix())))
    assert found["mask_from_constant"] > 0.05
    assert found["loss_area"] == pytest.approx(found["loss_constant"], rel=1e-5)
    assert found["loss_own"] != pytest.approx(found["loss_constant"], rel=1e-5)


def test_it_leaves_every_buffer_and_mode_as_it_was(context):
    given = context(METHODS["automix"])
    given.method.train()
    before = {name: tensor.clone() for name, tensor in given.method.state_dict().items()}
    modes = [module.training for module in given.method.modules()]
    with evaluating(given.module):  # as for every evaluation
        OwnMixing(batches=1)(given)
    assert modes == [module.training for module in given.method.modules()]
    after = given.method.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("method", [METHODS["plain"], None])
def test_without_mixed_images_there_is_nothing_to_measure(context, method):
    given = context(METHODS["plain"])
    with pytest.raises(InputError, match="this method mixes no images"):
        OwnMixing()(replace(given, method=given.method if method else None))
