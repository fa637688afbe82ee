"""Recipes: the paper's hyper-parameters as typed values, and budgets."""

from adautomix.errors import unknown
from adautomix.methods import METHODS
from adautomix.recipes import cifar100, photodigits
from adautomix.recipes.base import (
    SGD,
    AdamW,
    Cosine,
    Recipe,
    from_dict,
    override,
    to_dict,
    written,
)
from adautomix.recipes.budgets import BUDGETS, with_budget

RECIPES: dict[str, Recipe] = {**photodigits.RECIPES, **cifar100.RECIPES}


def get(name: str) -> Recipe:
    """The recipe of that name, e.g. "cifar100/resnet18/adautomix", at the paper's budget."""
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
    "override",
    "to_dict",
    "with_budget",
    "written",
]
