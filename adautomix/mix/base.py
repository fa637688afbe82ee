"""`Mixed`, the result of every mixing rule, the interfaces of the rules, and Eq. 7 (`blend`)."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.errors import InputError
from adautomix.fields import shown
from adautomix.rng import Device, StepRNG, check_rng

LABELS = ("shown", "drawn")
"""By what a rule can weigh labels: the areas that are shown, or the λ that was drawn."""


@dataclass(frozen=True)
class Mixed:
    """A batch of mixed images, with the images, ratios and masks they were made from.

    Attributes:
        images: the mixed images, of the dtype of the input images.
        partners: batch positions of the images mixed into each one, starting with the image itself.
        ratios: λ, the share of each partner; rows sum to 1, except for `Cutout`. Like `weights`, at
            least float32, whatever the dtype of the images: in half precision the sum would be
            1 ± 0.002.
        masks: P', the weight of each partner at each pixel; they sum to 1 over n, except in the
            hole of `Cutout`, which shows no image.
        weights: weight of each partner's label, for the few rules that do not weigh labels by
            `ratios`; rows need not sum to 1.
        sources: for rules that move pixels, the pixel of its image that each partner shows at each
            pixel, as a row-major index; None if every pixel stays in its place.
    """

    images: Float[Tensor, "b c h w"]
    partners: Int[Tensor, "b n"]
    ratios: Float[Tensor, "b n"]
    masks: Float[Tensor, "b n h w"]
    weights: Float[Tensor, "b n"] | None = None
    sources: Int[Tensor, "b n h w"] | None = None

    @property
    def label_weights(self) -> Float[Tensor, "b n"]:
        """The weight of each partner's label: `weights` if set, else `ratios`."""
        return self.ratios if self.weights is None else self.weights


@runtime_checkable
class MixingRule(Protocol):
    """A frozen dataclass that is called with a batch and the random numbers of the step.

    A rule never changes its input, takes randomness from `rng` alone, and returns in `ratios` the
    shares that the mixed images actually show.
    """

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed: ...


@runtime_checkable
class GuidedRule(Protocol):
    """A mixing rule that also takes an importance map of each image.

    Attributes:
        guide: the kind of map it needs; `adautomix.methods.guided` computes each kind.
    """

    guide: ClassVar[str]

    def __call__(
        self,
        images: Float[Tensor, "b c h w"],
        rng: StepRNG,
        importance: Float[Tensor, "b rows columns"],
    ) -> Mixed: ...


def blend(
    images: Float[Tensor, "b c h w"],
    partners: Int[Tensor, "b n"],
    masks: Float[Tensor, "b n #h #w"],
) -> Float[Tensor, "b c h w"]:
    """x_mix = Σ_n x_n ⊙ P'_n (Eq. 7), for each image of the batch with its own partners.

    The terms are added one after the other, so no copy of n times the batch is in memory. The
    result has the dtype of the images.
    """
    masks = masks.to(images.dtype)
    mixed = select(images, partners[:, 0]) * masks[:, 0, None]
    for n in range(1, partners.shape[1]):
        mixed = mixed.addcmul_(select(images, partners[:, n]), masks[:, n, None])
    return mixed


def paste(
    images: Float[Tensor, "b c h w"], partners: Int[Tensor, "b 2"], cut: Bool[Tensor, "s h w"]
) -> Mixed:
    """Paste the partner where `cut` is true.

    Equals `blend` with masks of zeros and ones, in half of its time. The ratios are the areas of
    both images.

    Args:
        images: the batch.
        partners: batch positions; the first column is the image itself.
        cut: one mask for all images (s = 1) or one for each.
    """
    batch, _, height, width = images.shape
    shown = cut.to(images.dtype)
    masks = torch.stack([1 - shown, shown], dim=1)
    ratios = areas(masks).expand(batch, 2)
    mixed = select(images, partners[:, 1]).lerp_(images, masks[:, :1])  # exact at 0 and 1
    return Mixed(mixed, partners, ratios, masks.expand(batch, 2, height, width))


def blend_pair(
    images: Float[Tensor, "b c h w"],
    partners: Int[Tensor, "b 2"],
    masks: Float[Tensor, "s 2 #h #w"],
) -> Float[Tensor, "b c h w"]:
    """`blend` for pairs whose first partner is the image itself, which need not be gathered.

    There is one pair of masks for all images (s = 1) or one for each.
    """
    own, other = masks.to(images.dtype).split(1, dim=1)
    return (images * own).addcmul_(select(images, partners[:, 1]), other)


def select(images: Float[Tensor, "b c h w"], which: Int[Tensor, " s"]) -> Float[Tensor, "s c h w"]:
    """Return `images[which]` in the same memory format; much faster than indexing on a CPU."""
    if images.is_contiguous(memory_format=torch.channels_last):
        rows = images.permute(0, 2, 3, 1)  # in the order of the memory
        return rows.index_select(0, which).permute(0, 3, 1, 2)
    return images.index_select(0, which)


def areas(masks: Float[Tensor, "s n h w"]) -> Float[Tensor, "s n"]:
    """Return the mean of each mask, at least float32: the ratios that belong to the masks."""
    return masks.mean(dim=(2, 3), dtype=weighing(masks))


def weighing(images: Float[Tensor, "*shape"]) -> torch.dtype:
    """Return the dtype of ratios and label weights: that of the images, but at least float32."""
    return torch.promote_types(images.dtype, torch.float32)


def drawn(own: Float[Tensor, " s"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2"]:
    """Return λ and 1 − λ as label weights of pairs; there is one λ for all (s = 1) or for each."""
    return torch.stack([own, 1 - own], dim=1).to(weighing(images)).expand(len(images), 2)


def identity_indices(height: int, width: int, device: Device = "cpu") -> Int[Tensor, "h w"]:
    """Return each pixel's row-major index: the `sources` of an image whose pixels do not move."""
    return torch.arange(height * width, device=device).view(height, width)


def interpolate(
    images: Float[Tensor, "b c h w"], partners: Int[Tensor, "b n"], ratios: Float[Tensor, "b n"]
) -> Float[Tensor, "b c h w"]:
    """Σ_n λ_n x_n, the input of L_mce (Eq. 4): `blend` with constant masks."""
    return blend(images, partners, ratios[:, :, None, None])


def batch_shape(
    images: Float[Tensor, "b c h w"], rng: StepRNG, *importance: Float[Tensor, "b rows columns"]
) -> tuple[int, int, int]:
    """Check the arguments of a rule and return (batch, height, width).

    Raises:
        InputError: `images` is not a batch of images, `rng` is not a `StepRNG`, or `importance`, if
            given, does not have one map for each image.
    """
    check_images(images)
    check_rng(rng)
    for maps in importance:
        check_importance(maps, len(images))
    batch, _, height, width = images.shape
    return batch, height, width


def check_images(images: Tensor) -> None:
    """Raise InputError unless type, shape and dtype are those of a batch of images."""
    if not isinstance(images, Tensor):
        raise InputError(
            f"images must be a tensor of torch, not {type(images).__name__}: "
            "convert them, e.g. with torch.from_numpy(images)."
        )
    if images.ndim != 4 or not images.is_floating_point() or 0 in images.shape[1:]:
        raise InputError(
            "images must be floating point of shape (batch, channels, height, width), "
            f"not {images.dtype} of shape {tuple(images.shape)}: convert and normalise them first."
        )
    if images.is_meta or images.layout != torch.strided:
        raise InputError(
            "images must be dense and have values, but these are "
            f"{'on the meta device' if images.is_meta else images.layout}: "
            "load them on a device, or convert them with images.to_dense()."
        )


def check_importance(importance: Tensor, batch: int) -> None:
    """Raise InputError unless `importance` holds one floating-point map for each image."""
    form = importance.shape if isinstance(importance, Tensor) else ()
    if len(form) != 3 or form[0] != batch or not importance.is_floating_point():
        what = f"{importance.dtype} of shape {tuple(form)}" if form else shown(importance)
        raise InputError(
            "importance must be floating point of shape (batch, rows, columns), a map for each of "
            f"the {batch} images, not {what}."
        )


def check_alpha(alpha: float) -> None:
    """Raise InputError unless the concentration of a Beta distribution of λ is positive."""
    if alpha <= 0:
        raise InputError(f"alpha must be positive, not {alpha}.")


def per_batch_or_sample(per: str, batch: int) -> int:
    """Return how many λ a batch needs: one for each image ("sample") or one for all ("batch").

    Raises InputError for any other `per`.
    """
    if per not in ("sample", "batch"):
        raise InputError(f"λ is drawn per='batch' or per='sample', not per={per!r}.")
    return batch if per == "sample" else 1
