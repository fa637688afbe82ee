"""CIFAR-100: the first four columns of Table 1, and what Tables 4 to 11 are made from (A.3).

    adautomix train cifar100/resnet18/adautomix --budget paper --device cuda

`adautomix recipes show NAME` prints the paper's number for a recipe, and what its run cost.

Where the paper is silent:

- Its final learning rate is not given: here it is 0.
- No warm-up is mentioned for Swin-T and ConvNeXt-T, so there is none. AdamW decays every parameter.
- Swin-T gets crops after padding and flips at 32 px, as A.3 says for "images with size 32 × 32",
  and is then resized to 224.
- The stem of ConvNeXt-T at 32 px: see `adautomix.models.net.cifar_stem`.
- Features are those of the third of four stages of every network (l = 3 in A.2), the tap -2.

Differs from the paper: `method.adversary` is 0.3, see `AdAutoMix`; `--set method.adversary=1` is
Eq. 15 as printed.

`adautomix_released` is the authors' configuration (config files; for ConvNeXt-T the log): ResNets
end at half the learning rate; Swin-T and ConvNeXt-T have 20 epochs of warm-up, a rate of the
generator's own and label smoothing. Not carried over: RandAugment and stochastic depth of 0.2 and
0.3 for these two (timm's Swin-T has 0.1, its ConvNeXt-T none), no weight decay on biases and norms,
a teacher's momentum that waits for a quarter of the run (here a tenth), reflected borders of the
crops, and 0.08 as the final learning rate of ResNeXt-50 in its log (0.05 in its configuration, and
here).
"""

from dataclasses import replace

from adautomix.data.augment import Augment, ResizedCrop
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.labels import Targets
from adautomix.methods import AdAutoMixReleased
from adautomix.models import Net
from adautomix.recipes.base import SGD, AdamW, Cosine, Recipe
from adautomix.recipes.family import family

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
SWIN = replace(
    RESNET18,
    net=Net("swin_tiny_patch4_window7_224", stem="timm"),
    optim=AdamW(lr=5e-4, weight_decay=0.05),
    epochs=200,
    augment=Augment(padding=4, flip=True, side=224),
)
CONVNEXT = replace(
    SWIN,
    net=Net("convnext_tiny", stem="cifar"),
    optim=AdamW(lr=2e-3, weight_decay=0.05),
    augment=Augment(padding=4, flip=True),
)

TRANSFORMED = AdAutoMixReleased(embed_ratio=True, upsampling="nearest", momentum_end=0.99996)
RELEASED = {
    "swin_tiny": replace(
        SWIN,
        method=replace(TRANSFORMED, random_n=True, lam_margin=0.0),
        optim=replace(SWIN.optim, generator_lr=1e-3, clip=10.0),
        schedule=Cosine(1e-4 / 5e-4, warmup_epochs=20, generator_final_fraction=1e-4 / 1e-3),
        targets=Targets(smoothing=0.1),
    ),
    "convnext_tiny": replace(
        CONVNEXT,
        method=TRANSFORMED,
        optim=replace(CONVNEXT.optim, generator_lr=5e-4),
        schedule=Cosine(1e-4 / 2e-3, warmup_epochs=20, generator_final_fraction=5e-5 / 5e-4),
        targets=Targets(smoothing=0.1),
    ),
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
    return family({"resnet18": recipe})


RECIPES = family(
    {
        "resnet18": RESNET18,
        "resnet34": RESNET34,
        "resnet50": RESNET50,
        "resnext50": RESNEXT50,
        "swin_tiny": SWIN,
        "convnext_tiny": CONVNEXT,
    },
    released=RELEASED,
)
