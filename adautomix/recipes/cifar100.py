"""Recipes for CIFAR-100 (Table 1, columns 1 to 2; A.3).

800 epochs, batch 100, SGD with learning rate 0.1, cosine schedule, crops after padding by 4, flips.

    adautomix train cifar100/resnet18/adautomix --device cuda --budget paper

The paper reports 82.32 % for AdAutoMix on ResNet-18 and 78.04 % for plain training
(data/paper/table_01.csv).
"""

from dataclasses import replace

from adautomix.data.augment import Augment, ResizedCrop
from adautomix.data.dataset_info import DatasetInfo
from adautomix.methods import METHODS
from adautomix.models import Net
from adautomix.recipes.base import SGD, Recipe, schedule_of

RESNET18 = Recipe(
    data="cifar100",
    net=Net("resnet18", stem="cifar"),
    optim=SGD(lr=0.1, momentum=0.9, weight_decay=1e-4),
    epochs=800,
    batch=100,
    augment=Augment(padding=4, flip=True),
)
RESNET34 = replace(RESNET18, net=Net("resnet34", stem="cifar"))
RESNET50 = replace(RESNET18, net=Net("resnet50", stem="cifar"))
RESNEXT50 = replace(RESNET18, net=Net("resnext50_32x4d", stem="cifar"))


def family(**networks: Recipe) -> dict[str, Recipe]:
    """Return a recipe for every network and method by name, "data/network/method"."""
    return {
        f"{recipe.data}/{net}/{name}": replace(recipe, method=method, schedule=schedule_of(method))
        for net, recipe in networks.items()
        for name, method in METHODS.items()
    }


def like(info: DatasetInfo) -> dict[str, Recipe]:
    """Return recipes for a dataset without its own: ResNet-18 with the settings of CIFAR-100.

    A dataset of fewer images than a batch is one batch.
    """
    small = 0 < info.side <= 64
    recipe = replace(
        RESNET18,
        data=info.name,
        net=Net("resnet18", stem="cifar" if small else "timm"),
        augment=Augment(padding=info.padding, flip=True) if small else ResizedCrop(),
        batch=min(RESNET18.batch, info.classes * info.train_per_class),
    )
    return family(resnet18=recipe)


RECIPES = family(resnet18=RESNET18, resnet34=RESNET34, resnet50=RESNET50, resnext50=RESNEXT50)
