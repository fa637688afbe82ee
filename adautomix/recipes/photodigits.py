"""Recipes for PhotoDigits: 30 images a class, a thin ResNet-18, 1,800 steps of batch 30.

    adautomix train photodigits/thin/adautomix

Images are not flipped, since a mirrored digit is another digit or none. The teacher averages over
fewer steps than on CIFAR-100, since the run is shorter.
"""

from dataclasses import replace

from adautomix.data.augment import Augment
from adautomix.methods import (
    METHODS,
    AdAutoMix,
    AdAutoMixReleased,
    AutoMix,
    MethodConfig,
    RegMixup,
    SAMix,
)
from adautomix.models import Net
from adautomix.recipes.base import SGD, Recipe, schedule_of

PAIRED = AdAutoMix, AdAutoMixReleased, AutoMix, SAMix, RegMixup
"""Methods whose classifier has losses with weights that sum to 2; for all others they sum to 1."""


def thin(method: MethodConfig) -> Recipe:
    """Return the recipe for `method`.

    The learning rate was chosen by plain training on the validation images: 0.4 for losses whose
    weights sum to 1. It is halved for a `PAIRED` method, whose loss is twice as large; at the full
    rate it fails for some seeds.
    """
    return Recipe(
        data="photodigits",
        net=Net("resnet18", stem="cifar", width=16),
        method=method,
        optim=SGD(lr=0.2 if isinstance(method, PAIRED) else 0.4, momentum=0.9, weight_decay=5e-4),
        schedule=schedule_of(method),
        epochs=180,
        batch=30,
        augment=Augment(padding=4, flip=False),
        per_class=30,
        evaluate_every=9,
    )


RECIPES = {
    f"photodigits/thin/{name}": thin(replace(method, momentum=0.9))
    for name, method in METHODS.items()
}
