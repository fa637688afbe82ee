"""What the recipes of CUB-200, FGVC-Aircraft and Stanford-Cars have in common (Sec. 4.1.2, A.3).

SGD with a learning rate of 0.001, momentum 0.9 and weight decay 0.0005, a batch of 16, 200 epochs,
from the "official PyTorch" weights on ImageNet: torchvision's first, which timm has as `.tv_in1k`.
Where there is no network: `--set net.pretrained=FILE.safetensors`.

Where the paper is silent: images are seen at 224 px, the crops have half of the area or more, and
test images are resized to 256 with their central 224 taken, as in the toolbox that the paper names
(OpenMixup's configuration of CUB-200). The head has the learning rate of the body.

Where the paper contradicts itself: β is 0.1 (A.3), though A.2 says 0.3 in all experiments; A.3 is
about these datasets. N is 3, which A.2 allows, as in the authors' configuration.

`adautomix_released` is the authors' configuration: the generator has a rate of 0.1 that ends at
0.001, and β differs from dataset to dataset and from network to network. Not carried over:
permutations without fixed points, and images resized to 256 before they are cropped.
"""

from collections.abc import Mapping
from dataclasses import replace

from adautomix.data.augment import ResizedCrop
from adautomix.methods import AdAutoMix, AdAutoMixReleased
from adautomix.models import Net
from adautomix.recipes.base import SGD, Cosine, Recipe
from adautomix.recipes.family import family

NETS = {
    "resnet18": Net("resnet18.tv_in1k", stem="timm", pretrained=True),
    "resnet50": Net("resnet50.tv_in1k", stem="timm", pretrained=True),
    "resnext50": Net("resnext50_32x4d.tv_in1k", stem="timm", pretrained=True),
}
ADAUTOMIX = AdAutoMix(beta=0.1)
AUTHORS = AdAutoMixReleased(embed_ratio=True, momentum_end=0.99999)
"""What the authors' configurations of the three datasets share."""


def fine_grained(
    data: str, nets: tuple[str, ...], released: Mapping[str, AdAutoMixReleased]
) -> dict[str, Recipe]:
    """Return the recipes of a dataset; `released` has the authors' methods by network."""
    networks = {
        net: Recipe(
            data=data,
            net=NETS[net],
            optim=SGD(lr=1e-3, momentum=0.9, weight_decay=5e-4),
            epochs=200,
            batch=16,
            augment=ResizedCrop(side=224, scale=(0.5, 1.0)),
        )
        for net in nets
    }
    authors = {
        net: replace(
            networks[net],
            method=method,
            optim=SGD(lr=1e-3, momentum=0.9, weight_decay=5e-4, generator_lr=0.1),
            schedule=Cosine(generator_final_fraction=1e-3 / 0.1),
        )
        for net, method in released.items()
    }
    return family(networks, adautomix=ADAUTOMIX, released=authors)
