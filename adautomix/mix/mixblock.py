"""The mix blocks of AutoMix and SAMix: networks from the features of two images to their masks."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.errors import InputError, unknown
from adautomix.mix.generator import UPSAMPLING


class MixBlock(nn.Module):
    """The Mix Block of AutoMix (Liu et al., ECCV 2022): cross-attention between two images.

    One shared 1×1 convolution computes the queries of the image and the keys of its partner;
    another computes the values of the partner, one channel. The mask of the partner is

        m' = sigmoid(U(Softmax(q_ownᵀ k_partner / √e) v_partner)),   m = 1 − m'

    with U the upsampling to the size of the images. With `embed_ratio`, λ is an additional constant
    channel of the image's features and 1 − λ one of the partner's. As in `MixGenerator`, every
    image passes the convolutions once for all its pairs, and λ adds a rank-one term.

    The effect of λ follows from the formula. In k it adds a constant to a row of the attention,
    which the softmax cancels; in v it shifts the mask before the sigmoid, so that the area of the
    mask depends on λ through one learned number; in q it changes the direction of the attention.

    Args:
        channels: C, the number of channels of the tapped features.
        reduction: q and k have e = C // reduction channels.
        embed_ratio: give λ to the convolutions as one more channel.
        upsampling: "nearest", as in the authors' toolbox on CIFAR-100, or "bilinear".
        init: standard deviation of the initial weights; biases start at 0, masks near ½.

    Differs from the published code: λ is embedded by default, as the paper describes;
    there it is left out for small images (`embed_ratio=False`).
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        embed_ratio: bool = True,
        upsampling: str = "nearest",
        init: float = 0.01,
    ):
        super().__init__()
        if upsampling not in UPSAMPLING:
            raise unknown("upsampling", upsampling, UPSAMPLING)
        if not 1 <= reduction <= channels:
            raise InputError(f"reduction must lie in 1..{channels}, not {reduction}.")
        self.channels, self.width = channels, channels // reduction
        self.embed_ratio, self.upsampling, self.init = embed_ratio, upsampling, init
        self._layers()
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1 or name == "ratio_weight":
                nn.init.normal_(parameter, std=init)

    def _layers(self) -> None:
        self.projection = nn.Conv2d(self.channels, self.width + 1, kernel_size=1)
        nn.init.zeros_(self.projection.get_parameter("bias"))
        self.ratio_weight = nn.Parameter(torch.empty(self.width + 1)) if self.embed_ratio else None

    def forward(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b 2"],
        ratios: Float[Tensor, "b 2"],
        size: tuple[int, int],
    ) -> Float[Tensor, "b 2 height width"]:
        """Return the masks of each pair: 1 − m' for the image itself, m' for its partner.

        Args:
            features: tapped features of the batch, each image once.
            partners: batch positions of the two images of each pair.
            ratios: λ and 1 − λ.
            size: (height, width) of the masks in pixels.
        """
        logits = self.logits(features, partners, ratios)[:, None]
        if self.upsampling == "nearest":
            large = F.interpolate(logits, size, mode="nearest")
        else:
            large = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        theirs = large.sigmoid()
        return torch.cat([1 - theirs, theirs], dim=1)

    def logits(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b 2"],
        ratios: Float[Tensor, "b 2"],
    ) -> Float[Tensor, "b h w"]:
        """Return the mask of the partner before the sigmoid, at the resolution of the tap."""
        q, k, v = self.attend_to(features, partners, ratios)
        attended = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])
        return attended.reshape(len(partners), *features.shape[-2:])

    def attend_to(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b 2"],
        ratios: Float[Tensor, "b 2"],
    ) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b l e"], Float[Tensor, "b l 1"]]:
        """Return q of the image and k and v of its partner, for l = h·w positions."""
        self.check(features)
        each = self.projection(features).flatten(2).mT  # b l (e + 1), every image once
        pairs = each[partners]  # b 2 l (e + 1)
        if self.ratio_weight is not None:
            pairs = pairs + ratios[:, :, None, None] * self.ratio_weight
        own, theirs = pairs.unbind(dim=1)
        return own[..., :-1], theirs[..., :-1], theirs[..., -1:]

    def check(self, features: Tensor) -> None:
        """Raise InputError unless the features have the number of channels of the block."""
        if features.shape[1] != self.channels:
            raise InputError(
                f"the mix block was made for features of {self.channels} channels, "
                f"not {features.shape[1]}: "
                "build it with the size that Backbone.feature_shape reports."
            )


class ContentMixBlock(MixBlock):
    """The Mixer of SAMix (Li et al., 2021): `MixBlock` with three changes.

    - Adaptive λ: instead of an additional channel, the image's features are multiplied by 1 + g(λ)
      and the partner's by 1 + g(1 − λ), with g of `adaptive_ratio`.
    - Both images in q and k: each is a 1×1 convolution of the channels of the two images together.
    - Non-linear content: v passes two 1×1 convolutions, the first into e channels, with batch
      normalisation and an ELU between them.

    Args:
        channels: C, the number of channels of the tapped features.
        reduction: q, k and the hidden layer of v have e = C // reduction channels.
        flatness: κ of `adaptive_ratio`.
        upsampling: "bilinear", as in the authors' toolbox, or "nearest".
        init: standard deviation of the initial weights; biases start at 0.

    The paper only names the three changes: g, κ, the hidden width, the normalisation, the ELU and
    the upsampling are those of the authors' toolbox for CIFAR-100. The key has no bias, since the
    softmax would cancel it.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        flatness: float = 0.25,
        upsampling: str = "bilinear",
        init: float = 0.01,
    ):
        self.flatness = flatness
        super().__init__(
            channels, reduction=reduction, embed_ratio=False, upsampling=upsampling, init=init
        )

    def _layers(self) -> None:
        width = self.width
        # computed once for every image: its parts of q and k as the image itself and as the partner
        self.projection = nn.Conv2d(self.channels, 4 * width, kernel_size=1, bias=False)
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.hidden = nn.Conv2d(self.channels, width, kernel_size=1, bias=False)
        self.value = nn.Sequential(
            nn.BatchNorm2d(width), nn.ELU(), nn.Conv2d(width, 1, kernel_size=1, bias=False)
        )

    def attend_to(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b 2"],
        ratios: Float[Tensor, "b 2"],
    ) -> tuple[Float[Tensor, "b l e"], Float[Tensor, "b l e"], Float[Tensor, "b l 1"]]:
        """Return q and k of both images together and v of the partner, for l = h·w positions."""
        self.check(features)
        scales = 1 + adaptive_ratio(ratios, self.flatness)[:, :, None, None]
        scales = scales.to(self.query_bias.dtype)  # for a block in half precision
        each = self.projection(features).flatten(2).mT  # b l 4e
        own, theirs = (each[partners] * scales).unbind(dim=1)
        own_q, own_k, _, _ = own.chunk(4, dim=-1)
        _, _, their_q, their_k = theirs.chunk(4, dim=-1)
        hidden = self.hidden(features)[partners[:, 1]] * scales[:, 1:]
        content = self.value(hidden).flatten(2).mT
        return own_q + their_q + self.query_bias, own_k + their_k, content


def adaptive_ratio(ratios: Float[Tensor, "b 2"], flatness: float = 0.25) -> Float[Tensor, "b 2"]:
    """Return g(λ) = (4/3 λ³ − 2 λ² + (1 + κ) λ) / (1/3 + κ), which is flattened around ½.

    g keeps 0, ½ and 1, and g(λ) + g(1 − λ) = 1; the slope at ½ is κ / (1/3 + κ). κ = `flatness` is
    at least 0; g approaches the identity for large κ.
    """
    cubic = 4 / 3 * ratios**3 - 2 * ratios**2 + (1 + flatness) * ratios
    return cubic / (1 / 3 + flatness)
