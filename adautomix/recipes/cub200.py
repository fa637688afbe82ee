"""CUB-200-2011: columns 1 and 2 of Table 2, row 1 of Table 3, and the lower half of Table 7.

    adautomix train cub200/resnet18/adautomix --budget paper --device cuda

See `adautomix.recipes.fine_grained` for the settings and what the paper leaves open. Table 3 starts
from weights of `adautomix.recipes.imagenet`: see `adautomix recipes list --table 3`.

`adautomix_released`: β is 0.3 and N is 2 or 3 at random for ResNet-18; β is 0.1 for ResNet-50.
"""

from dataclasses import replace

from adautomix.recipes.fine_grained import AUTHORS, fine_grained

RECIPES = fine_grained(
    "cub200",
    ("resnet18", "resnet50"),
    {
        "resnet18": replace(AUTHORS, beta=0.3, random_n=True),
        "resnet50": replace(AUTHORS, beta=0.1),
    },
)
