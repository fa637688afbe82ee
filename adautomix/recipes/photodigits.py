"""PhotoDigits, the embedded default: 30 images a class, a thin ResNet-18, 1,800 steps of 30.

    adautomix train photodigits/thin/adautomix

No flips: a mirrored digit is another digit, or none. The horizon of the teacher is shorter than on
CIFAR-100, as the run is.
"""

from dataclasses import replace

from adautomix.data.augment import Augment
from adautomix.methods import METHODS
from adautomix.models import Net
from adautomix.recipes.base import SGD, Cosine, Recipe

THIN = Recipe(
    data="photodigits",
    net=Net("resnet18", stem="cifar", width=16),
    optim=SGD(lr=0.4, momentum=0.9, weight_decay=5e-4),
    schedule=Cosine(floor=0.0),
    epochs=180,
    batch=30,
    augment=Augment(padding=4, flip=False),
    per_class=30,
    evaluate_every=9,
)

RECIPES = {
    f"photodigits/thin/{name}": replace(THIN, method=replace(method, momentum=0.9))
    for name, method in METHODS.items()
}
