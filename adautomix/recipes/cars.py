"""Stanford-Cars: columns 5 and 6 of Table 2, and row 2 of Table 3.

    adautomix train cars/resnet18/adautomix --budget paper --device cuda

See `adautomix.recipes.fine_grained` for the settings and what the paper leaves open. Table 3 starts
from weights of `adautomix.recipes.imagenet`: see `adautomix recipes list --table 3`.

`adautomix_released`: β is 0.5 for ResNet-18 and 0.3 for ResNeXt-50, and N is 3; the log of
ResNet-18 ran N = 2. No configuration for ResNet-50 is known.
"""

from dataclasses import replace

from adautomix.recipes.fine_grained import AUTHORS, fine_grained

RECIPES = fine_grained(
    "cars",
    ("resnet18", "resnet50", "resnext50"),
    {
        "resnet18": replace(AUTHORS, beta=0.5),
        "resnext50": replace(AUTHORS, beta=0.3),
    },
)
