"""A step of each recipe: the recipe's own sizes, in as few parts as memory allows."""

from dataclasses import replace

import pytest

from adautomix import recipes as all_recipes
from adautomix.bench import recipes
from adautomix.data.catalog import info

NAME = "cifar100/swin_tiny/adautomix"


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(recipes, "in_new_process", lambda function, *words: function(*words))


def test_a_case_is_the_recipe_with_new_weights_and_its_images_are_of_the_datasets_size():
    case = recipes.RecipeCase("cub200/resnet18/adautomix", 3)
    recipe, images = case.recipe(), case.images()
    own = all_recipes.get(case.name)
    assert recipe == replace(own, net=replace(own.net, pretrained=False), batch=3, epochs=1)
    assert images.images.shape == (3 * recipes.STEPS, 224, 224, 3)
    swin = recipes.RecipeCase(NAME, 3)
    assert swin.images().info.side == info("cifar100").side
    assert swin.recipe().augment.side_of(swin.images().info) == 224


def test_every_network_of_the_tables_is_measured():
    names = list(recipes.of_the_tables())
    assert len(names) == len(set(names)) == 18
    assert {name.split("/")[0] for name in names} == {
        *("cifar100", "tinyimagenet", "imagenet", "cub200", "aircraft", "cars"),
    }


@pytest.mark.parametrize(
    ("batch", "small", "large", "parts"),
    [
        (100, 100.0, 180.0, 2),  # 20 MiB an image: 100 need 2,020
        (100, 100.0, 178.0, 1),
        (16, 1000.0, 3000.0, 4),  # 500 an image: four need 1,000
        (16, 3000.0, 5000.0, 4),  # no part has fewer than four
        (7, 3000.0, 5000.0, 1),  # nor can seven images be divided
        (100, 0.0, 0.0, 1),  # too little to be seen
        (100, None, None, 1),
    ],
)
def test_a_batch_has_as_few_parts_as_memory_allows(batch, small, large, parts, monkeypatch):
    monkeypatch.setattr(recipes, "LIMIT_MIB", 2000)
    assert recipes.parts_of(batch, small, large) == parts


@pytest.mark.usefixtures("in_this_process")
def test_a_row_is_of_the_whole_batch_also_where_eight_images_stand_for_it(options, monkeypatch):
    seen = []
    taken = {4: recipes.Taken(2.0, 40, 100.0), 8: recipes.Taken(4.0, 80, 180.0)}
    whole_batch = recipes.Taken(5.0, 500, 1100.0)

    def measured(case, numerics):
        seen.append((case.batch, case.parts))
        return taken.get(case.batch, whole_batch)

    monkeypatch.setattr(recipes, "_measured", measured)
    monkeypatch.setattr(recipes, "LIMIT_MIB", 2000)
    whole = recipes.RecipeCase("cifar100/resnet18/adautomix", 100)
    row = recipes._row(whole, options)
    assert seen == [(4, 1), (8, 1)]  # 50 s are more than LIMIT_S
    assert (row["parts"], row["images"], row["seconds"]) == (2, 8, 50.0)
    assert (row["gflop"], row["mib"], row["mib_an_image"]) == (1000 / 1e9, 180.0, 20.0)
    row = recipes._row(whole, replace(options, whole=True))
    assert seen[-1] == (100, 2)
    assert (row["images"], row["seconds"]) == (100, 5.0)
    monkeypatch.setattr(recipes, "LIMIT_S", 60.0)
    assert recipes._row(whole, options) == row


@pytest.mark.usefixtures("in_this_process")
def test_three_steps_of_a_recipe_are_taken(options):
    (row,) = recipes.recipes(replace(options, recipes=("cifar100/resnet18/adautomix",)))
    assert (row["batch"], row["images"], row["side"], row["units"]) == (4, 4, 32, 12)
    assert row["seconds"] > 0
    assert row["gflop"] > 0
