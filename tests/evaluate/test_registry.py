"""What each evaluation measures, against the function it stands for or a case known beforehand."""

import math
from copy import deepcopy
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

from adautomix import data
from adautomix.data.corruptions import KINDS
from adautomix.errors import InputError, NotFiniteError
from adautomix.evaluate import PatchDrop, grad_cam, occlusion
from adautomix.evaluate.context import EvalContext
from adautomix.evaluate.localisation import GradCAMLocalisation, _both_first, _one, _two, pairs_of
from adautomix.evaluate.registry import EVALUATIONS, make, settings_of
from adautomix.figures import contact_sheet, corruption_sheet
from adautomix.models import Net
from adautomix.pages.degraded_images import corrupted_pictures, occluded_pictures
from adautomix.runs import runner


@pytest.fixture(scope="module")
def context(trained) -> EvalContext:
    """The teacher of a run and three test images of each class."""
    from adautomix.device import decide

    numerics = decide("cpu")
    method, recipe = runner.revive(trained, numerics)
    images = data.load(recipe.data, "test", per_class=3)
    return EvalContext(method.predictors()["teacher"], images, numerics, method)


def few(name):
    """Settings with which that evaluation is quick."""
    given = {"corruption": {"corruptions": ("fog",), "severities": (1,)}, "cam": {"pairs": 3}}
    return given.get(name, {"shares": (0.5,)} if name.startswith("occlusion") else {})


@pytest.mark.parametrize("name", EVALUATIONS)
def test_a_network_whose_logits_are_not_numbers_has_no_number(context, name):
    broken = replace(context, module=deepcopy(context.module))
    broken.backbone.model.fc.bias.data[3] = math.nan
    with pytest.raises(NotFiniteError, match="answers hold logits that are not finite numbers"):
        make(name, few(name))(broken)


@pytest.mark.parametrize("name", EVALUATIONS)
def test_a_network_of_too_few_classes_has_no_number(context, name):
    smaller = replace(context, module=Net("resnet18", width=8).build(5).eval())
    with pytest.raises(InputError, match=r"labels run from \d to \d, but the model has 5 classes"):
        make(name, few(name))(smaller)


def test_occlusion_as_released_is_one_set_of_mean_colour_for_a_batch(context):
    found = EVALUATIONS["occlusion_released"](shares=(0.0, 0.4))(context)
    drop = PatchDrop(grid=14, fill=context.data.info.mean, shared=True)
    expected = occlusion(context.on_pixels, context.pixels(), drop, shares=(0.0, 0.4))
    assert (found["dropped_00"], found["dropped_40"]) == expected.accuracies
    assert found["mean"] == sum(expected.accuracies) / 2


def test_a_colour_that_is_no_number_is_refused(context):
    with pytest.raises(InputError, match=r'a value in \[0, 1\] or "mean", not .black.'):
        make("occlusion", {"fill": "black"})(context)


def test_the_clamp_alone_is_the_released_attack_without_a_step(context):
    found = EVALUATIONS["clamp_released"]()(context)
    with torch.no_grad():
        wrong = [
            context.module(images.clamp(0, 1)).argmax(dim=1) != labels
            for images, labels in context.normal()
        ]
    assert found["error"] == int(torch.cat(wrong).sum()) / 30


def test_a_share_of_the_images_is_the_first_of_each_class(context):
    assert EVALUATIONS["fgsm"](per_class=2)(context)["n"] == 20
    assert context.images(2).labels.tolist() == sorted(list(range(10)) * 2)
    with pytest.raises(InputError, match="per_class must be between 1 and 3"):
        EVALUATIONS["fgsm"](per_class=4)(context)


def test_corruptions_say_how_many_files_were_official_and_their_mean(context):
    found = EVALUATIONS["corruption"](corruptions=("fog", "contrast"), severities=(2, 5))(context)
    assert found["mean_run"] == pytest.approx(np.mean([found["fog"], found["contrast"]]))
    assert found["official"] == 0
    assert found["n"] == 30
    assert "mean_15" not in found


def test_without_pictures_of_frost_eighteen_corruptions_run(monkeypatch):
    names = settings_of("corruption")["corruptions"]
    assert names == [name for name in KINDS if name != "frost"]
    module = import_module("adautomix.evaluate.corruption")
    monkeypatch.setattr(module, "frost_pictures", lambda: ())
    assert settings_of("corruption")["corruptions"] == list(KINDS)


def test_pairs_are_of_two_classes_and_no_image_serves_twice():
    labels = np.repeat(np.arange(3), 8)
    pairs = pairs_of(labels, 100, seed=1)
    assert (labels[pairs.first] != labels[pairs.second]).all()
    used = np.concatenate([pairs.first, pairs.second])
    assert len(set(used)) == len(used)
    assert len(pairs.first) >= 5
    few = pairs_of(labels, 3, seed=1)
    assert np.array_equal(few.first, pairs.first[:3])
    assert not np.array_equal(pairs_of(labels, 3, seed=2).first, few.first)


def test_mass_on_the_object_is_told_from_mass_on_the_other():
    left = torch.zeros(2, 4, 4, dtype=torch.bool)
    left[:, :, :2] = True
    right = ~left
    maps = [left.float(), 0.75 * right.float() + 0.25 * left.float()]
    found = _two(maps, left, right)
    assert found["own"] == pytest.approx((1 + 0.75) / 2)
    assert found["other"] == pytest.approx((0 + 0.25) / 2)
    assert found["area"] == 0.5
    flat = _one(torch.ones(2, 4, 4), left)
    assert flat["clean_own"] == flat["clean_area"] == 0.5


def test_a_map_without_evidence_does_not_count():
    objects = torch.ones(2, 4, 4, dtype=torch.bool)
    maps = torch.zeros(2, 4, 4)
    maps[0] = 1
    assert _one(maps, objects)["clean_own"] == 1.0
    assert _one(torch.zeros(2, 4, 4), objects)["clean_own"] == 0.0


def test_both_classes_may_come_in_either_order():
    logits = torch.tensor([[3.0, 2, 1], [3, 2, 1], [3, 1, 2]])
    assert _both_first(logits, torch.tensor([[1, 0], [0, 2], [2, 0]])) == pytest.approx(2 / 3)


def test_the_kept_maps_are_those_of_grad_cam_in_cells(context):
    found = GradCAMLocalisation(pairs=5, shown=2)(context)
    first, second = found["shown_first"], found["shown_second"]
    images = torch.cat([images for images, _ in context.normal()])
    labels = torch.from_numpy(context.data.labels)
    mixed = (images[first] + images[second]) / 2
    kept = np.reshape(found["shown_maps"], (2, 2, 8, 8)) / 1000
    for n, chosen in enumerate((first, second)):
        maps = grad_cam(context.backbone, mixed, labels[chosen])
        cells = torch.nn.functional.avg_pool2d(maps, 4).numpy()
        assert np.abs(kept[:, n] - cells).max() < 1e-3
    assert np.shape(found["shown_probabilities"]) == (4,)


def test_pictures_of_damage_are_what_the_figures_take():
    sheet = corrupted_pictures(position=3)
    assert len(sheet["corrupted"]) == 18
    assert corruption_sheet(**sheet).axes
    hidden = occluded_pictures([0, 100], shares=(0.0, 0.5))
    clean = data.load("photodigits", "test").images
    assert np.array_equal(np.round(255 * hidden["images"][[0, 2]]), clean[[0, 100]])
    black = (hidden["images"][1] == 0).all(axis=-1).mean()
    assert black >= 0.5
    assert contact_sheet(**hidden).axes
