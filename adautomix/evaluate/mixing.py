"""The evaluation "mixing": how hard and how diverse the images are that a method mixes.

The paper's generator is to make images on which the classifier has a higher loss (Eq. 9). Here its
masks are compared with others of the same images, λ and labels, on the evaluated split.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from adautomix.data.augment import normalise
from adautomix.data.loaders import on_device
from adautomix.errors import InputError
from adautomix.evaluate import predictions
from adautomix.evaluate.context import EvalContext, Values
from adautomix.evaluate.diversity import between_sets, from_constant, spread
from adautomix.losses import mixed_ce
from adautomix.methods import Method
from adautomix.mix import Mixed, blend, interpolate
from adautomix.mix.base import areas
from adautomix.models import evaluating
from adautomix.rng import StepRNG


@dataclass(frozen=True)
class OwnMixing:
    """The method's own mixed images against plain interpolation, by the evaluated network.

    Attributes:
        batch: images of a batch, which are mixed with one another.
        batches: maximum number of batches.
        seed: of the batches, and of partners and λ.
    """

    batch: int = 100
    batches: int = 8
    seed: int = 0

    def __call__(self, context: EvalContext) -> Values:
        """Return means over batches; losses are cross-entropies with the mixed label, in nats.

        - loss_own: of the method's own images; loss_constant: of Σ_n λ_n x_n.
        - loss_area: of Σ_n a_n x_n, a_n the area of the own mask. It is the loss that the masks
          have by their areas alone: loss_area − loss_constant is the share of a label that no
          longer fits, loss_own − loss_area what their shape adds.
        - loss_elsewhere: with the own masks of another set, whose areas fit another λ.
        - spread_own, spread_constant: see `spread`, of the network's tapped features, pooled.
        - mask_from_constant, mask_between_sets: see `adautomix.evaluate.diversity`.
        - n: number of mixed images.

        Raises InputError for a method that mixes no images.
        """
        data, device = context.data, context.numerics.device
        order = StepRNG(self.seed, stream="evaluate").permutation(len(data)).numpy()
        count = min(self.batch, len(data))
        found: list[dict[str, float]] = []
        for i in range(min(self.batches, len(data) // count)):
            images, labels = on_device(context.held(order[i * count : (i + 1) * count]), device)
            clean = normalise(images, data.info.mean, data.info.std)
            rng = StepRNG(self.seed, i, stream="evaluate")
            found.append(_compared(context, clean, labels, _own(context.method, clean, rng)))
        means = {name: sum(each[name] for each in found) / len(found) for name in found[0]}
        return {**means, "n": count * len(found)}


def _own(method: Method | None, images: Tensor, rng: StepRNG) -> Mixed:
    """Return what the method mixes of a batch, without a change of its buffers."""
    with torch.no_grad(), evaluating(method):
        mixed = None if method is None else method.mixed(images, rng)
    if mixed is None:
        raise InputError("this method mixes no images: `mixing` is for methods that do.")
    return mixed


def _compared(
    context: EvalContext, images: Tensor, labels: Tensor, mixed: Mixed
) -> dict[str, float]:
    """Return the numbers of one batch."""
    partners = mixed.partners
    others = {
        "own": mixed.images,
        "constant": interpolate(images, partners, mixed.ratios),
        "area": interpolate(images, partners, areas(mixed.masks)),
        "elsewhere": blend(images, partners, mixed.masks.roll(1, dims=0)),
    }
    sets = labels.cpu(), partners.cpu(), mixed.label_weights.cpu()
    numbers = {
        f"loss_{name}": mixed_ce(predictions(context.normalised, [(each, labels)]).logits, *sets)
        for name, each in others.items()
    }
    for name in ("own", "constant"):
        numbers[f"spread_{name}"] = spread(_pooled(context, others[name]))
    numbers["mask_from_constant"] = from_constant(mixed.masks)
    numbers["mask_between_sets"] = between_sets(mixed.masks)
    return {name: float(value) for name, value in numbers.items()}


@torch.no_grad()
def _pooled(context: EvalContext, images: Tensor) -> Tensor:
    """Return the tapped features of the images, averaged over positions."""
    with context.numerics.autocast():
        return context.backbone.forward_with_features(images).features.float().mean(dim=(2, 3))
