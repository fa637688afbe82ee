"""FGVC-Aircraft: columns 3 and 4 of Table 2.

    adautomix train aircraft/resnet18/adautomix --budget paper --device cuda

See `adautomix.recipes.fine_grained` for the settings and what the paper leaves open.

`adautomix_released`: N is 2 or 3 at random; β is 0.3 for ResNet-18, without constant masks, and 0.6
for ResNeXt-50. The authors' logs ran N = 2.
"""

from dataclasses import replace

from adautomix.recipes.fine_grained import AUTHORS, fine_grained

RECIPES = fine_grained(
    "aircraft",
    ("resnet18", "resnext50"),
    {
        "resnet18": replace(AUTHORS, beta=0.3, random_n=True, lam_margin=0.0),
        "resnext50": replace(AUTHORS, beta=0.6, random_n=True),
    },
)
