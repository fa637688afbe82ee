"""Budgets: the same recipe at another cost, by changes of its values alone.

A budget is part of a run's id, and results of different budgets are never in the same column.
"""

from dataclasses import replace

from adautomix import data
from adautomix.data.augment import Augment, Geometry
from adautomix.errors import InputError, unknown
from adautomix.models import Net
from adautomix.recipes import photodigits
from adautomix.recipes.base import SGD, Recipe, schedule_of

BUDGETS = {
    "smoke": "PhotoDigits or another embedded dataset, a few steps: seconds on a CPU, for tests",
    "quick": "PhotoDigits or another embedded dataset, thin network, 180 epochs (1,800 steps of "
    "PhotoDigits): minutes on two CPU cores, the default of the book",
    "lite": "the real dataset, 100 images a class, thin network, 40 epochs: on one CPU core",
    "short": "the real dataset, full network, 60 epochs: under half an hour on one GPU",
    "paper": "the paper's schedule: GPU hours",
}

LITE_SIDE = 64
"""Largest side of images at the budget lite, in pixels: that of Tiny-ImageNet."""
EMBEDDED = ("smoke", "quick")
"""Budgets that need no dataset but an embedded one, and replace the network by a thin one."""


def keeps_data(recipe: Recipe, budget: str) -> bool:
    """Whether a recipe is trained on its own dataset at a budget, and not on PhotoDigits."""
    return budget not in EMBEDDED or data.info(recipe.data).embedded


def with_budget(recipe: Recipe, budget: str) -> Recipe:
    """Return the recipe at that budget.

    At smoke and quick a recipe for a dataset that is not embedded becomes one for PhotoDigits, see
    `keeps_data`.

    Raises:
        InputError: an unknown budget, or one of a real dataset for a recipe on PhotoDigits.
    """
    if budget not in BUDGETS:
        raise unknown("budget", budget, BUDGETS)
    if budget in EMBEDDED:
        return _embedded(recipe, smoke=budget == "smoke")
    if recipe.data == "photodigits":
        raise InputError(
            f"PhotoDigits is the dataset of the budgets smoke and quick, not of {budget!r}: "
            "choose one of these, or a recipe on another dataset."
        )
    if budget == "lite":
        return _lite(recipe)
    return _following(replace(recipe, epochs=60), 0.997) if budget == "short" else recipe


def _lite(recipe: Recipe) -> Recipe:
    """Return the "lite" budget: a fifth of CIFAR-100 on a thin network, from new weights.

    Its size was chosen by plain training: after 40 epochs, one run classified 80 % of its training
    images and 42 % of the validation images correctly. It thus neither underfits, so mixing can
    reduce overfitting, nor memorises all images. The images were reduced rather than the epochs,
    because mixing helps late in training. Images of files are seen at `LITE_SIDE`. Optimiser,
    schedule and batch are those of CIFAR-100, since those of other recipes are for other networks
    or for weights to start from.
    """
    info = data.info(recipe.data)
    per_class = min(100, info.train_per_class)
    small = replace(
        recipe,
        net=replace(recipe.net, name="resnet18", stem="cifar", width=16, pretrained=False),
        optim=SGD(),
        schedule=schedule_of(recipe.method),
        epochs=40,
        batch=min(100, info.classes * info.train_per_class),
        augment=_small(recipe.augment),
        per_class=per_class,
        evaluate_every=5,
    )
    return _following(small, 0.975)


def _small(seen: Geometry) -> Geometry:
    """Return how small images are seen: their own side, or for images of files `LITE_SIDE`."""
    if isinstance(seen, Augment):
        return replace(seen, side=None)
    if seen.side <= LITE_SIDE:
        return seen
    return replace(seen, side=LITE_SIDE, shorter=LITE_SIDE * seen.shorter // seen.side)


def _embedded(recipe: Recipe, *, smoke: bool) -> Recipe:
    """Return the recipe's method and schedule with data, network and epochs of PhotoDigits.

    A recipe on another embedded dataset keeps its data and augmentation, and has no more images a
    class, and no larger batch, than its dataset allows.
    """
    base = replace(photodigits.thin(recipe.method), schedule=recipe.schedule)
    if smoke:
        base = replace(
            base, net=Net("resnet18", stem="cifar", width=8), epochs=2, batch=20, per_class=4
        )
    info = data.info(recipe.data)
    if info.embedded and recipe.data != base.data:
        per_class = min(base.per_class or info.train_per_class, info.train_per_class)
        base = replace(
            base,
            data=recipe.data,
            net=replace(base.net, stem=recipe.net.stem),
            augment=recipe.augment,
            per_class=per_class,
            batch=min(base.batch, info.classes * per_class),
        )
    return _following(base, 0.9)


def _following(recipe: Recipe, momentum: float) -> Recipe:
    """Return the recipe with the teacher's initial momentum ξ for a shorter run.

    The teacher averages over about 1 / (1 − ξ) steps. That stays about one hundredth of the run, as
    it is for 0.999 in the paper's 200-epoch runs on CIFAR-100 (Sec. 4.6; 100,000 steps of batch
    100). At `smoke`, four steps for tests, it is longer than the run.
    """
    if getattr(recipe.method, "momentum", None) is None:
        return recipe
    return replace(recipe, method=replace(recipe.method, momentum=momentum))


__all__ = ["BUDGETS", "EMBEDDED", "keeps_data", "with_budget"]
