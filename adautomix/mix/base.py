"""What every mixing rule returns, and Eq. 7: masks are the common currency."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from adautomix.checked import shown
from adautomix.errors import InputError
from adautomix.rng import Device, StepRNG, check_draw


@dataclass(frozen=True)
class Mixed:
    """A batch of mixed images and what went into it.

    Attributes:
        images: the mixed images, of the dtype of those that were mixed.
        partners: which images of the batch went into each, itself first.
        ratios: λ, the share of each partner; rows sum to 1, but for `Cutout`. As `weights`, of
            float32 at least, whatever the images are: in half precision the sum would be 1 ± 0.002.
        masks: P', the weight of each partner at each pixel; sums to 1 over n, but for the hole of
            `Cutout`, where nobody is painted.
        weights: of each partner's label, for the few rules that do not weigh labels by `ratios`;
            rows need not sum to 1.
        sources: for the rules that move pixels, which pixel of its image each partner shows at each
            pixel, counted row by row; None where every pixel stays in its place.
    """

    images: Float[Tensor, "b c h w"]
    partners: Int[Tensor, "b n"]
    ratios: Float[Tensor, "b n"]
    masks: Float[Tensor, "b n h w"]
    weights: Float[Tensor, "b n"] | None = None
    sources: Int[Tensor, "b n h w"] | None = None

    @property
    def label_weights(self) -> Float[Tensor, "b n"]:
        """The weight of each partner's label: `weights`, or else `ratios`."""
        return self.ratios if self.weights is None else self.weights


@runtime_checkable
class MixingRule(Protocol):
    """A frozen dataclass that is called with a batch and the step's random numbers.

    It never changes its input, takes randomness from `rng` alone, and reports in `ratios` what it
    painted.
    """

    def __call__(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed: ...


@runtime_checkable
class GuidedRule(Protocol):
    """A rule that must be told what matters in each image.

    Attributes:
        guide: the kind of map it wants; `adautomix.methods.guided` computes each kind.
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

    One term after the other, so that no n-fold copy of the batch is made. The dtype is that of the
    images.
    """
    masks = masks.to(images.dtype)
    mixed = select(images, partners[:, 0]) * masks[:, 0, None]
    for n in range(1, partners.shape[1]):
        mixed = mixed.addcmul_(select(images, partners[:, n]), masks[:, n, None])
    return mixed


def paste(
    images: Float[Tensor, "b c h w"], partners: Int[Tensor, "b 2"], cut: Bool[Tensor, "s h w"]
) -> Mixed:
    """Where `cut`, one for all (s = 1) or one each, an image shows its partner; else itself.

    What `blend` does with masks of zeros and ones, in half of its time. The ratios are those of the
    area really painted.
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
    """`blend` where the first partner is the image itself: it need not be gathered."""
    own, other = masks.to(images.dtype).split(1, dim=1)
    return (images * own).addcmul_(select(images, partners[:, 1]), other)


def select(images: Float[Tensor, "b c h w"], which: Int[Tensor, " s"]) -> Float[Tensor, "s c h w"]:
    """`images[which]` in the same memory layout, image by image: far faster on a processor."""
    if images.is_contiguous(memory_format=torch.channels_last):
        rows = images.permute(0, 2, 3, 1)  # as they lie in memory
        return rows.index_select(0, which).permute(0, 3, 1, 2)
    return images.index_select(0, which)


def areas(masks: Float[Tensor, "s n h w"]) -> Float[Tensor, "s n"]:
    """The mean of each mask, in float32 at least: the ratios of what the masks paint."""
    return masks.mean(dim=(2, 3), dtype=weighing(masks))


def weighing(images: Float[Tensor, "*shape"]) -> torch.dtype:
    """The dtype of ratios and label weights: that of the images, but float32 at least."""
    return torch.promote_types(images.dtype, torch.float32)


def identity_indices(height: int, width: int, device: Device = "cpu") -> Int[Tensor, "h w"]:
    """Each pixel's own number, row by row: the `sources` of an image of which nothing moves."""
    return torch.arange(height * width, device=device).view(height, width)


def interpolate(
    images: Float[Tensor, "b c h w"], partners: Int[Tensor, "b n"], ratios: Float[Tensor, "b n"]
) -> Float[Tensor, "b c h w"]:
    """Σ_n λ_n x_n, the input of L_mce (Eq. 4): `blend` with constant masks."""
    return blend(images, partners, ratios[:, :, None, None])


def batch_shape(
    images: Float[Tensor, "b c h w"], rng: StepRNG, *importance: Float[Tensor, "b rows columns"]
) -> tuple[int, int, int]:
    """How many images there are, their height and their width.

    Raises:
        InputError: what a rule was given is no batch of images, no random numbers of a step, or,
            where the rule takes them, no maps of importance.
    """
    check_images(images)
    check_draw(rng)
    for maps in importance:
        check_importance(maps, len(images))
    batch, _, height, width = images.shape
    return batch, height, width


def check_images(images: Tensor) -> None:
    """One clear sentence for what is no batch of images, from type, shape and dtype alone."""
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
    """One clear sentence for what are no maps of importance of a batch, as `check_images`."""
    form = importance.shape if isinstance(importance, Tensor) else ()
    if len(form) != 3 or form[0] != batch or not importance.is_floating_point():
        what = f"{importance.dtype} of shape {tuple(form)}" if form else shown(importance)
        raise InputError(
            "importance must be floating point of shape (batch, rows, columns), a map for each of "
            f"the {batch} images, not {what}."
        )


def per_batch_or_sample(per: str, batch: int) -> int:
    """How many λ to draw: one each ("sample") or one for all ("batch")."""
    if per not in ("sample", "batch"):
        raise InputError(f"λ is drawn per='batch' or per='sample', not per={per!r}.")
    return batch if per == "sample" else 1
