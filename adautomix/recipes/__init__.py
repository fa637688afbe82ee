"""Recipes: the hyper-parameters of a run as typed values, and budgets that scale them down."""

from adautomix.data import added
from adautomix.data.catalog import CATALOG, home, info
from adautomix.errors import unknown
from adautomix.methods import METHODS
from adautomix.recipes import (
    aircraft,
    cars,
    cifar100,
    cub200,
    imagenet,
    photodigits,
    tinyimagenet,
)
from adautomix.recipes.base import SGD, AdamW, Cosine, Recipe
from adautomix.recipes.budgets import BUDGETS, keeps_data, with_budget
from adautomix.recipes.changes import override, written
from adautomix.recipes.serialise import from_dict, recorded_path, to_dict

OWN = {
    "photodigits": photodigits.RECIPES,
    "cifar100": cifar100.RECIPES,
    "tinyimagenet": tinyimagenet.RECIPES,
    "imagenet": imagenet.RECIPES,
    "cub200": cub200.RECIPES,
    "aircraft": aircraft.RECIPES,
    "cars": cars.RECIPES,
}
RECIPES: dict[str, Recipe] = {
    name: recipe
    for data, row in CATALOG.items()
    for name, recipe in (OWN.get(data) or cifar100.like(row)).items()
}
"""Recipes by name; a dataset without recipes of its own gets CIFAR-100's for ResNet-18."""


def get(name: str) -> Recipe:
    """Return a recipe by name, e.g. "cifar100/resnet18/adautomix", at the paper's budget.

    Raises InputError for an unknown name.
    """
    data = name.partition("/")[0]
    if added.find(data, home()) is not None:
        own = cifar100.like(info(data))
        if name not in own:
            raise unknown("recipe", name, own)
        return own[name]
    if name not in RECIPES:
        families = sorted({known.rpartition("/")[0] for known in RECIPES})
        listing = f"{', '.join(families)}, each with /{', /'.join(sorted(METHODS))}"
        raise unknown("recipe", name, RECIPES, listing)
    return RECIPES[name]


__all__ = [
    "BUDGETS",
    "RECIPES",
    "SGD",
    "AdamW",
    "Cosine",
    "Recipe",
    "from_dict",
    "get",
    "keeps_data",
    "override",
    "recorded_path",
    "to_dict",
    "with_budget",
    "written",
]
