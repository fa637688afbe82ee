"""Reading the images of a run: those of the training, and the split that is evaluated."""

from collections import Counter

from adautomix import data
from adautomix.data.file_set import FileSet, Images
from adautomix.errors import InputError
from adautomix.recipes import Recipe
from adautomix.runs.job import RunOptions
from adautomix.train.progress import notice

SHOWN = 5
"""Maximum number of files that a notice names; a record names more of them."""


def read_sets(recipe: Recipe, options: RunOptions) -> dict[str, Images]:
    """Read the images of a run, as "train" and "test".

    Raises InputError if the training images include images of the validation split, DataError for
    missing data.
    """
    train_set = read_split(recipe, "train", options, recipe.per_class)
    _keep_apart(train_set, recipe.evaluate_on)
    return {"train": train_set, "test": read_split(recipe, recipe.evaluate_on, options)}


def read_split(
    recipe: Recipe, split: str, options: RunOptions, per_class: int | None = None
) -> Images:
    """Read one split of a recipe's dataset, and say which images are left out, if any."""
    images = data.read(
        recipe.data,
        split,
        per_class=per_class,
        root=options.root,
        skip_unreadable=options.skip_unreadable,
    )
    if names := left_out(images):
        more = ", …" if len(names) > SHOWN else ""
        notice(
            f"Left out {len(names)} of {len(images) + len(names)} {split} images, which cannot be "
            f"read: {', '.join(names[:SHOWN])}{more}"
        )
    return images


def left_out(images: Images) -> tuple[str, ...]:
    """Return the files that are not in a set, since they cannot be read."""
    return images.left_out if isinstance(images, FileSet) else ()


def _keep_apart(train_set: Images, split: str) -> None:
    """Raise InputError if the training images include images of the validation split."""
    most = max(Counter(train_set.labels.tolist()).values())
    if split == "validation" and most > train_set.info.train_per_class:
        raise InputError(
            f"{most} training images a class include the validation images of "
            f"{train_set.info.title}: set per_class={train_set.info.train_per_class} or less."
        )
