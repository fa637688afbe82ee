"""`family`: a recipe for every method on the networks of a dataset."""

from collections.abc import Mapping
from dataclasses import replace

from adautomix.methods import METHODS, MethodConfig
from adautomix.recipes.base import Recipe, schedule_of

PAPER, RELEASED = "adautomix", "adautomix_released"


def family(
    networks: Mapping[str, Recipe],
    *,
    adautomix: MethodConfig = METHODS[PAPER],
    released: Mapping[str, Recipe] | None = None,
) -> dict[str, Recipe]:
    """Return a recipe for every network and method by name, "data/network/method".

    Args:
        networks: network → the settings that its recipes have in common.
        adautomix: the paper's hyper-parameters on this dataset; other methods have their defaults.
        released: network → the recipe of the authors' configuration, where it is known; another
            network has the common settings.
    """
    released, found = released or {}, {}
    for net, recipe in networks.items():
        for name, default in METHODS.items():
            method = adautomix if name == PAPER else default
            usual = replace(recipe, method=method, schedule=schedule_of(method))
            own = released.get(net) if name == RELEASED else None
            found[f"{recipe.data}/{net}/{name}"] = own or usual
    return found
