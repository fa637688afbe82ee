"""`MixBatch`, a hand-made rule for loops of one's own: images and labels in, mixed ones out."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from adautomix.data.labels import independent, labels_of, soft
from adautomix.errors import InputError, unknown
from adautomix.fields import of_type, shown
from adautomix.mix import GUIDED, MIXERS
from adautomix.mix.base import MixingRule, weighing
from adautomix.rng import StepRNG


class MixBatch:
    """A mixing rule as a function (images, labels) → (mixed images, soft labels).

    It is used like `torchvision.transforms.v2.CutMix`: in the loop, or by a loader's workers with
    `DataLoader(…, collate_fn=mix.collate)`. Cross-entropy with the soft labels is the loss of
    `Fixed` with the same rule.

    Call t of an object has the random numbers `rng_for(seed, t)`. In a worker they also depend on
    the worker's seed, which torch draws anew in every epoch from its own generator: so workers and
    epochs differ, and `torch.manual_seed` repeats them.

    Args:
        rule: a name of `adautomix.mix.MIXERS`, e.g. "cutmix", or a rule, e.g. `CutMix(alpha=0.2)`.
        classes: number of classes.
        seed: 0 or more.
        multi_label: the labels are rows "b k" of 0 and 1, each a question of its own, and so are
            the mixed ones; the loss is then binary cross-entropy. False for one class an image.

    Raises:
        InputError: an unknown rule, or one that needs a network.
    """

    def __init__(
        self, rule: str | MixingRule, classes: int, *, seed: int = 0, multi_label: bool = False
    ):
        name = rule if isinstance(rule, str) else type(rule).__name__
        if name in GUIDED or hasattr(rule, "guide"):
            raise InputError(
                f"{name} needs an importance map of each image, which a network computes: train "
                "with Guided, or choose another rule."
            )
        if isinstance(rule, str) and rule not in MIXERS:
            raise unknown("mixing rule", rule, MIXERS)
        if isinstance(rule, type) or not callable(MIXERS.get(name, rule)):
            raise InputError(f"rule must be a name or a rule, e.g. CutMix(), not {shown(rule)}.")
        self.rule: MixingRule = MIXERS[rule]() if isinstance(rule, str) else rule
        self.classes, self.seed = of_type(int, classes, "classes"), of_type(int, seed, "seed")
        self.multi_label = of_type(bool, multi_label, "multi_label")
        self.calls = 0

    def __repr__(self) -> str:
        several = ", multi_label=True" if self.multi_label else ""
        return f"MixBatch({self.rule!r}, classes={self.classes}, seed={self.seed}{several})"

    def __call__(
        self, images: Float[Tensor, "b c h w"], labels: Tensor
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b k"]]:
        """Return the mixed images, and for each the soft label Σ_n λ_n y_n, at least float32.

        Args:
            images: floating point, normalised or not; they are not changed.
            labels: class numbers, "b" or "b 1", or one-hot or soft labels "b k"; see `multi_label`.

        Raises:
            InputError: images or labels that cannot be mixed.
        """
        worker = get_worker_info()
        rank = 0 if worker is None else worker.seed
        mixed = self.rule(images, StepRNG(self.seed, self.calls, rank))
        if self.multi_label:
            rows = independent(labels, self.classes, weighing(images))
        else:
            rows = soft(labels_of(labels, weighing(images)), self.classes)
        if len(rows) != len(images):
            raise InputError(
                f"{len(images)} images came with {len(rows)} labels: give one label an image."
            )
        self.calls += 1
        return mixed.images, (mixed.label_weights[..., None] * rows[mixed.partners]).sum(dim=1)

    def collate(self, items: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Return the mixed batch of a dataset's items (image, label, …), for `collate_fn`.

        Raises InputError for items of another form, such as mappings.
        """
        batch = default_collate(list(items))
        if not isinstance(batch, list | tuple) or len(batch) < 2:
            raise InputError(
                f"collate mixes items (image, label), not {shown(items[0])}: let the dataset give "
                "pairs, or call the object itself with a batch's images and labels."
            )
        images, labels, *_ = batch
        with torch.no_grad():
            return self(images, labels)
