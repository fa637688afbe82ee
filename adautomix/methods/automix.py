"""AutoMix (Liu et al., ECCV 2022): a mix block learns masks through the classifier's teacher."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.errors import InputError, unknown
from adautomix.fields import checked
from adautomix.losses import ce, mixed_ce
from adautomix.methods.base import Losses, Method, as_backbone, check_teacher
from adautomix.methods.eager_grad import eager_grad
from adautomix.methods.openmixup import (
    OwnStatistics,
    TwoHeads,
    forward_mixed_with_features,
    undisturbed,
    waiting_momentum_at,
)
from adautomix.mix import MixBlock, Mixed, blend
from adautomix.mix.base import batch_shape, check_alpha, weighing
from adautomix.models import Backbone, Teacher
from adautomix.rng import StepRNG, initial_weights

PIPELINES = ("paper", "openmixup")


@runtime_checkable
class PairConfig(Protocol):
    """Hyper-parameters that AutoMix and SAMix have in common; see `AutoMix`."""

    @property
    def alpha(self) -> float: ...

    @property
    def mask_loss(self) -> float: ...

    @property
    def mask_margin(self) -> float: ...

    @property
    def lam_margin(self) -> float: ...

    @property
    def momentum(self) -> float: ...

    @property
    def pipeline(self) -> str: ...


@dataclass(frozen=True)
@checked
class AutoMix:
    """Hyper-parameters of AutoMix.

    Attributes:
        alpha: concentration of the Beta distribution of λ.
        mask_loss: weight of the loss that keeps the area of a mask near λ.
        mask_margin: difference of area and λ up to which that loss is 0.
        lam_margin: the classifier gets plain Mixup if λ or 1 − λ is at most this; if it is almost
            0.5, nearly always.
        momentum: ξ of the teacher at the start.
        embed_ratio, upsampling, init: see `MixBlock`.
        pipeline: "paper", or "openmixup" for the settings of the authors' toolbox: two heads
            (`TwoHeads`), a teacher with statistics of its own (`OwnStatistics`), its momentum from
            0.999 for a tenth of the run to 0.999999 (`waiting_momentum_at`), the area of a mask
            averaged over the batch before it is compared with λ, and the classifier's pass of the
            clean images before that of the mixed ones.

    Differs from the published code: no image is its own partner; there partners are random
    permutations. With `embed_ratio=False` and `pipeline="openmixup"` the rest is the toolbox's
    configuration for CIFAR-100, except for the learning rate, which there falls only to half
    (`Cosine(final_fraction=0.5)`) and changes once an epoch, here at every step.
    """

    passes: ClassVar[float] = 9
    alpha: float = 2.0
    mask_loss: float = 0.1
    mask_margin: float = 0.1
    lam_margin: float = 0.08
    momentum: float = 0.999
    embed_ratio: bool = True
    upsampling: str = "nearest"
    init: float = 0.01
    pipeline: str = "paper"

    def __post_init__(self) -> None:
        check_pair_config(self)

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> "AutoMixMethod":
        """Build the method for images of `side` × `side` pixels; see `AdAutoMix.build`."""
        backbone = as_backbone(classifier)
        with initial_weights(seed, network=1):
            block = MixBlock(
                backbone.feature_shape(side).channels,
                embed_ratio=self.embed_ratio,
                upsampling=self.upsampling,
                init=self.init,
            )
            if self.pipeline == "openmixup":
                backbone = TwoHeads(backbone, side)
        return AutoMixMethod(backbone, block, self)


def check_pair_config(config: PairConfig) -> None:
    """Raise InputError for a margin, weight or pipeline that AutoMix or SAMix cannot have."""
    check_teacher(config.momentum)
    check_alpha(config.alpha)
    for name in ("mask_loss", "mask_margin"):
        if getattr(config, name) < 0:
            raise InputError(f"{name} must be 0 or more, not {getattr(config, name)}.")
    if not 0 <= config.lam_margin < 0.5:
        raise InputError(f"lam_margin must lie in [0, 0.5), not {config.lam_margin}.")
    if config.pipeline not in PIPELINES:
        raise unknown("pipeline", config.pipeline, PIPELINES)


class AutoMixMethod(Method):
    """The momentum pipeline: classifier and mix block are trained together, with a teacher.

    Two sets of mixed images are made from each batch, with different partners and λ. The classifier
    learns from one, whose masks are constants to it, and from the clean images; the block learns
    from the other through the teacher, whose parameters get no gradient. The two losses share no
    trained parameter, so one backward pass serves both. Network passes cost 9 units (forward 1,
    backward 2, backward to the input only 1) against 3 for plain training: teacher on clean images
    1, teacher on mixed images 1 + 1, classifier on mixed and clean images 2 × 3.
    """

    teacher: Teacher

    def __init__(self, classifier: Backbone, block: MixBlock, config: PairConfig):
        toolbox = config.pipeline == "openmixup"
        super().__init__(classifier, None if toolbox else config.momentum)
        if toolbox:
            self.teacher = OwnStatistics(classifier, config.momentum)
        self.generator, self.config, self.toolbox = block, config, toolbox

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {**super().param_groups(), "generator": list(self.generator.parameters())}

    def prepare(self, images: Tensor, labels: Tensor, rng: StepRNG) -> tuple[Any, ...]:
        """Return the batch, the classifier's pairs and the block's pairs."""
        return images, labels, self._pairs(images, rng), self._pairs(images, rng)

    def compute(
        self,
        images: Tensor,
        labels: Tensor,
        mine: tuple[Tensor, Tensor],
        theirs: tuple[Tensor, Tensor],
    ) -> Losses:
        """Return the step's losses; `mine` are the classifier's pairs, `theirs` the block's."""
        with torch.no_grad():
            features = forward_mixed_with_features(self.teacher.network, images).features
            masks = self._masks_for_classifier(features, *mine, images.shape[-2:])
            mixed = blend(images, mine[0], masks)
        weights = list(self.classifier.parameters())
        passes = {
            "mixed_ce": lambda: self._classifier_loss(mixed, labels, *mine),
            "ce": lambda: ce(self.classifier(images), labels).mean(),
        }
        # clean images first in the toolbox: BatchNorm's running statistics depend on the order
        order = ("ce", "mixed_ce") if self.toolbox else ("mixed_ce", "ce")
        terms = {name: eager_grad(passes[name], weights) for name in order}
        masks = self.generator(features, *theirs, images.shape[-2:])
        view = forward_mixed_with_features(
            self.teacher.network, blend(images, theirs[0], masks)
        ).logits
        terms["teacher_mixed_ce"] = self.teacher_loss(view, labels, *theirs)
        terms["mask_area"] = self.mask_loss(masks, theirs[1])
        total = terms["mixed_ce"] + terms["ce"] + terms["teacher_mixed_ce"]
        return Losses.of(total + self.config.mask_loss * terms["mask_area"], **terms)

    def _classifier_loss(self, mixed: Tensor, labels: Tensor, *pairs: Tensor) -> Tensor:
        return mixed_ce(forward_mixed_with_features(self.classifier, mixed).logits, labels, *pairs)

    def teacher_loss(
        self, view: Tensor, labels: Tensor, partners: Tensor, ratios: Tensor
    ) -> Tensor:
        """Return the block's loss: the teacher's mixed cross-entropy."""
        return mixed_ce(view, labels, partners, ratios)

    def mask_loss(self, masks: Tensor, ratios: Tensor) -> Tensor:
        """Return the loss that keeps the masks' area near λ, see `area_loss`."""
        return area_loss(masks, ratios, self.config.mask_margin, of_batch=self.toolbox)

    @torch.no_grad()
    def mixed(self, images: Tensor, rng: StepRNG) -> Mixed:
        """Mix the images as for the classifier, with the block's present weights."""
        partners, ratios = self._pairs(images, rng)
        with undisturbed(self):
            features = forward_mixed_with_features(self.teacher.network, images).features
            masks = self._masks_for_classifier(features, partners, ratios, images.shape[-2:])
        return Mixed(blend(images, partners, masks), partners, ratios, masks)

    def after_step(self, progress: float) -> None:
        """Update the teacher's average of the classifier, with the momentum of the pipeline."""
        if self.toolbox:
            momentum = waiting_momentum_at(progress, self.teacher.base)
            self.teacher.follow(self.classifier, momentum)
        else:
            super().after_step(progress)

    def _masks_for_classifier(
        self, features: Tensor, partners: Tensor, ratios: Tensor, size: torch.Size
    ) -> Tensor:
        masks = self.generator(features, partners, ratios, size)
        plain = ratios.amin(dim=1) <= self.config.lam_margin
        return torch.where(plain[:, None, None, None], ratios[:, :, None, None], masks)

    def _pairs(self, images: Tensor, rng: StepRNG) -> tuple[Tensor, Tensor]:
        """Return partners "b 2", the image itself first, and ratios "b 2" of one λ for all."""
        batch, *_ = batch_shape(images, rng)
        partners = rng.partners(batch, 2, images.device)
        own = rng.beta(self.config.alpha, (1,), images.device)
        return partners, torch.stack([own, 1 - own], dim=1).expand(batch, 2)


def area_loss(
    masks: Float[Tensor, "b 2 h w"],
    ratios: Float[Tensor, "b 2"],
    margin: float,
    *,
    of_batch: bool = False,
) -> Float[Tensor, ""]:
    """Return max(|area − λ| − margin, 0), averaged over the pairs; area is the first mask's mean.

    With `of_batch`, area − λ is averaged over the batch first, as in the authors' toolbox. Masks of
    half precision are averaged in float32.
    """
    gaps = masks[:, 0].to(weighing(masks)).mean(dim=(1, 2)) - ratios[:, 0]
    if of_batch:
        gaps = gaps.mean()
    return (gaps.abs() - margin).clamp(min=0).mean()
