"""PhotoDigits, the embedded default: 30 images a class, a thin ResNet-18, 1,800 steps of 30.

    adautomix train photodigits/thin/adautomix

No flips: a mirrored digit is another digit, or none. The horizon of the teacher is shorter than on
CIFAR-100, as the run is.
"""

from dataclasses import replace

from adautomix.data.augment import Augment
from adautomix.methods import METHODS, AdAutoMix, AdAutoMixReleased, AutoMix, MethodConfig, SAMix
from adautomix.models import Net
from adautomix.recipes.base import SGD, Recipe, schedule_of

PAIRED = AdAutoMix, AdAutoMixReleased, AutoMix, SAMix
"""Methods whose classifier learns from losses with weights that sum to 2; all others' sum to 1."""


def thin(method: MethodConfig) -> Recipe:
    """The recipe for `method`.

    The learning rate is 0.4 per unit of loss, chosen on plain training and the validation images:
    twice the loss at one rate is twice the step, and a `PAIRED` method then fails on some seeds.
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
