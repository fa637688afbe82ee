"""Tiny-ImageNet: columns 5 and 6 of Table 1 (A.3).

    adautomix train tinyimagenet/resnet18/adautomix --budget paper --device cuda

The settings of CIFAR-100 with a learning rate of 0.2, 400 epochs, and RandomFlip and
RandomResizedCrop at 64 px.

Where the paper is silent: the area and shape of the crops are torchvision's defaults, and test
images are seen whole. "Similar to the ones used in CIFAR100" is read as including the stem.

`adautomix_released` is the authors' configuration: β is 0.4, the generator has a rate of 0.1, and
for ResNeXt-50 the rates end at 0.05 and 0.001. Not carried over: mean and standard deviation of
ImageNet, and bicubic crops.
"""

from dataclasses import replace

from adautomix.data.augment import ResizedCrop
from adautomix.methods import AdAutoMixReleased
from adautomix.recipes import cifar100
from adautomix.recipes.base import SGD, Cosine
from adautomix.recipes.family import family

RESNET18 = replace(
    cifar100.RESNET18,
    data="tinyimagenet",
    optim=replace(cifar100.RESNET18.optim, lr=0.2),
    epochs=400,
    augment=ResizedCrop(side=64, shorter=64),
)
RESNEXT50 = replace(RESNET18, net=cifar100.RESNEXT50.net)

AUTHORS = replace(
    RESNET18,
    method=AdAutoMixReleased(beta=0.4),
    optim=SGD(lr=0.2, momentum=0.9, weight_decay=1e-4, generator_lr=0.1),
)
RELEASED = {
    "resnet18": AUTHORS,
    "resnext50": replace(
        AUTHORS,
        net=RESNEXT50.net,
        schedule=Cosine(0.05 / 0.2, generator_final_fraction=1e-3 / 0.1),
    ),
}
RECIPES = family({"resnet18": RESNET18, "resnext50": RESNEXT50}, released=RELEASED)
