"""Some classes of a dataset as one of its own: which images, which labels, which name."""

import json

import numpy as np
import pytest

from adautomix import data, recipes
from adautomix.data import catalog
from adautomix.data.subsets import whole_and_classes
from adautomix.errors import InputError
from adautomix.runs.job import Job


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_two_halves_are_the_whole(split):
    whole = data.load("photodigits", split)
    low, high = (data.load(f"photodigits.{classes}", split) for classes in ("0-4", "5-9"))
    for field in ("images", "masks"):
        joined = np.concatenate([getattr(half, field) for half in (low, high)])
        assert np.array_equal(joined, getattr(whole, field))
    assert np.array_equal(np.concatenate([low.labels, 5 + high.labels]), whole.labels)
    assert low.classes + high.classes == whole.classes
    assert low.sha256 != high.sha256


def test_a_part_takes_its_classes_alone_and_counts_them_from_zero():
    whole, part = data.load("photodigits", "test"), data.load("photodigits.3-5", "test")
    assert np.array_equal(part.images, whole.images[np.isin(whole.labels, (3, 4, 5))])
    assert set(part.labels.tolist()) == {0, 1, 2}
    assert part.classes == ("3", "4", "5")
    assert part.info.counts == {"test": len(part)}
    assert repr(part) == f"ImageSet('photodigits.3-5', 'test', {len(part)} images)"


def test_its_row_is_that_of_the_whole_but_for_what_differs():
    row, whole = data.info("photodigits.5-9"), catalog.info("photodigits")
    assert (row.name, row.title, row.classes) == (
        "photodigits.5-9",
        "PhotoDigits, classes 5 to 9",
        5,
    )
    assert (row.mean, row.std, row.side) == (whole.mean, whole.std, whole.side)
    assert (row.counts, row.sha256) == ({}, {})
    assert data.info("photodigits") is whole
    assert data.load("photodigits.5-9", "test").info.name == row.name


def test_fewer_images_of_each_class():
    part = data.load("photodigits.5-9", "train", per_class=7)
    assert np.bincount(part.labels).tolist() == [7] * 5
    whole = data.load("photodigits", "train", per_class=7)
    assert np.array_equal(part.images, whole.images[35:])


def test_a_recipe_on_a_part_survives_json_and_names_its_run():
    job = Job("photodigits/thin/plain", "smoke", 0, ("data=photodigits.0-4",))
    recipe = job.recipe()
    assert recipe.data == "photodigits.0-4"
    assert recipes.from_dict(json.loads(json.dumps(recipes.to_dict(recipe)))) == recipe
    assert job.id().startswith("plain-photodigits.0-4-smoke-s0-")
    assert job.recorded_name() == "photodigits/thin/plain/data=photodigits.0-4"


def test_names_are_taken_apart():
    assert whole_and_classes("cifar100") == ("cifar100", None)
    assert whole_and_classes("cifar100.0-49") == ("cifar100", range(50))
    assert whole_and_classes("cifar100.90-99") == ("cifar100", range(90, 100))


@pytest.mark.parametrize("wanted", ["0-10", "4-4", "5-3", "3", "", "-1-3", "a-b", "0-4.5-9", "٠-٤"])
def test_classes_that_are_not_there_are_one_sentence(wanted):
    with pytest.raises(InputError) as error:
        data.load(f"photodigits.{wanted}", "test")
    assert str(error.value) == (
        f"'photodigits.{wanted}' names no part of PhotoDigits: write photodigits.FIRST-LAST with "
        "two different classes from 0 to 9, e.g. photodigits.0-4."
    )


def test_a_part_of_an_unknown_dataset_is_an_unknown_dataset():
    with pytest.raises(InputError, match=r"unknown dataset 'photodigit\.0-4': did you mean"):
        data.info("photodigit.0-4")
    with pytest.raises(InputError, match="unknown dataset"):
        data.load("cifar10.0-4", "test")


def test_a_part_has_the_splits_of_the_whole():
    with pytest.raises(
        InputError, match="unknown split of PhotoDigits 'val': known: test, train, valid"
    ):
        data.load("photodigits.0-4", "val")
