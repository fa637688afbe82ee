"""Budgets: what each changes of a recipe, and what it leaves."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import pytest

from adautomix import record
from adautomix.data import info
from adautomix.data.catalog import DATASETS
from adautomix.errors import InputError
from adautomix.methods import Plain
from adautomix.models import Net
from adautomix.recipes import (
    BUDGETS,
    RECIPES,
    SGD,
    Cosine,
    cifar100,
    get,
    keeps_data,
    with_budget,
)
from adautomix.recipes.base import schedule_of

REAL = [name for name, recipe in RECIPES.items() if recipe.data != "photodigits"]
EMBEDDED = [name for name, recipe in RECIPES.items() if recipe.data == "photodigits"]


def test_names_are_those_of_the_records():
    assert tuple(BUDGETS) == record.BUDGETS


@pytest.mark.parametrize("name", REAL)
def test_paper_is_the_recipe_itself(name):
    assert with_budget(get(name), "paper") == get(name)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("budget", ["smoke", "quick"])
def test_small_budgets_run_on_photodigits_and_keep_method_and_schedule(name, budget):
    recipe = replace(get(name), schedule=Cosine(0.5, 3))
    small = with_budget(recipe, budget)
    assert small.data == "photodigits"
    assert small.schedule == recipe.schedule
    assert small.method == replace(recipe.method, momentum=0.9)
    assert not small.augment.flip  # a mirrored digit is none
    assert small.net.width < 64
    assert small.per_class * 10 >= small.batch


@dataclass(frozen=True)
class NoTeacher:
    """The hyper-parameters of a method that has no teacher, so no momentum."""

    passes: ClassVar[float] = 3

    def build(self, classifier, side, *, seed=0):
        raise AssertionError("nothing is built here")


def test_a_method_without_a_teacher_keeps_its_hyper_parameters():
    recipe = replace(get(REAL[0]), method=NoTeacher())
    assert with_budget(recipe, "quick").method == NoTeacher()


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_recipes_of_photodigits_are_those_of_the_budget_quick(name):
    assert with_budget(get(name), "quick") == get(name)


def test_quick_takes_1800_steps_and_smoke_a_few():
    recipe = get("photodigits/thin/plain")
    quick, smoke = (with_budget(recipe, budget) for budget in ("quick", "smoke"))
    assert quick.epochs * (quick.per_class * 10 // quick.batch) == 1800
    assert smoke.epochs * (smoke.per_class * 10 // smoke.batch) <= 10


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("budget", ["lite", "short"])
def test_budgets_on_real_data_shorten_the_run_and_the_horizon_of_the_teacher(name, budget):
    recipe, found = get(name), with_budget(get(name), budget)
    assert found.epochs < recipe.epochs
    assert found.method == replace(recipe.method, momentum=found.method.momentum)
    assert found.method.momentum < recipe.method.momentum
    if recipe.data == "cifar100":  # for which the momentum was chosen
        steps = found.epochs * 100 * (found.per_class or 500) // found.batch
        assert 50 < steps * (1 - found.method.momentum) < 200  # the horizon is about 1 % of the run
    lite = replace(recipe, optim=SGD(), schedule=schedule_of(recipe.method), batch=100)
    same = ("data", "optim", "schedule", "batch", "evaluate_on")
    expected = lite if budget == "lite" else recipe
    assert all(getattr(found, field) == getattr(expected, field) for field in same)
    few = min(100, info(recipe.data).train_per_class)
    assert found.net == (Net("resnet18", width=16) if budget == "lite" else recipe.net)
    assert found.per_class == (few if budget == "lite" else recipe.per_class)


def test_lite_shows_large_images_at_the_side_of_small_ones():
    birds, tiny = get("cub200/resnet18/plain"), get("tinyimagenet/resnet18/plain")
    assert (birds.augment.side, birds.augment.shorter) == (224, 256)
    seen = with_budget(birds, "lite").augment
    assert (seen.side, seen.shorter) == (64, 73)
    assert with_budget(tiny, "lite").augment == tiny.augment
    assert with_budget(birds, "short").augment == birds.augment


@pytest.mark.parametrize("name", ["cifar100/swin_tiny/cutmix", "cub200/resnet50/adautomix"])
def test_lite_of_another_network_is_trained_from_new_weights_as_on_cifar_100(name):
    recipe, found = get(name), with_budget(get(name), "lite")
    usual = with_budget(get("cifar100/resnet18/plain"), "lite")
    assert (found.net, found.optim, found.schedule, found.batch) == (
        usual.net, usual.optim, usual.schedule, usual.batch)  # fmt: skip
    assert found.augment.side_of(info(recipe.data)) <= 64


def test_the_five_budgets_differ():
    found = {with_budget(get(REAL[0]), budget) for budget in BUDGETS}
    assert len(found) == 5


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_recipe_without_a_teacher_gets_none(budget):
    recipe = replace(get(REAL[0]), method=Plain(momentum=None))
    assert with_budget(recipe, budget).method.momentum is None


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("budget", ["lite", "short", "paper"])
def test_photodigits_has_no_large_budget(name, budget):
    with pytest.raises(InputError, match=f"budgets smoke and quick, not of '{budget}'"):
        with_budget(get(name), budget)


def test_an_unknown_budget_is_answered_with_its_nearest_name():
    with pytest.raises(InputError, match="unknown budget 'quik': did you mean 'quick'"):
        with_budget(get(REAL[0]), "quik")


STRIPES = replace(info("photodigits"), name="stripes", classes=2, side=16, train_per_class=20)


@pytest.fixture
def stripes(monkeypatch):
    """A recipe for an embedded dataset of 2 × 20 images that has no recipes of its own."""
    monkeypatch.setitem(DATASETS, "stripes", SimpleNamespace(INFO=STRIPES, read=print))
    return cifar100.like(STRIPES)["stripes/resnet18/cutmix"]


@pytest.mark.parametrize("budget", BUDGETS)
def test_another_embedded_dataset_is_kept_and_asked_for_no_more_images_than_it_has(stripes, budget):
    found = with_budget(stripes, budget)
    assert (found.data, found.augment) == ("stripes", stripes.augment)
    assert keeps_data(stripes, budget)
    per_class = found.per_class or STRIPES.train_per_class
    assert per_class == {"smoke": 4}.get(budget, 20)
    assert 2 <= found.batch <= 2 * per_class
    assert found.net.width == {"smoke": 8, "quick": 16, "lite": 16}.get(budget)


def test_lite_takes_what_a_class_has(monkeypatch, stripes):
    files = replace(STRIPES, embedded=False, train_per_class=60)
    monkeypatch.setitem(DATASETS, "stripes", SimpleNamespace(INFO=files, read=print))
    assert with_budget(stripes, "lite").per_class == 60
    assert with_budget(stripes, "quick").data == "photodigits"
    assert not keeps_data(stripes, "quick")


def test_the_page_says_how_long_the_recorded_runs_at_lite_took(root):
    every = [run for run in record.recorded().all() if run.budget == "lite"]
    took = [run.provenance["seconds"] / 60 for run in every]
    page = (root / "book" / "run-it.md").read_text(encoding="utf-8")
    assert f"one CPU core, {min(took):.0f} to {round(max(took), -1):.0f} minutes by method" in page
