"""The mix generator G_θ of AdAutoMix (Sec. 3.2, Eq. 5 to 8).

It is an N-way cross-attention on the features of N images that returns their masks.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.errors import InputError, unknown

UPSAMPLING = ("bilinear", "nearest")
ORDERS = ("softmax-upsample", "upsample-softmax")
LARGE = 512
"""Number of positions from which `attend` pads the values; the paper's taps have 64 to 256."""


class MixGenerator(nn.Module):
    """Masks for every image of every set, from the tapped features of a batch and the ratios λ.

    Each image's features z_n, with λ_n as one more constant channel, pass three 1×1 convolutions:
    q_n and k_n (half the channels) and v_n (one channel). The mask logits of image n attend from n
    to all its partners,

        P_n = Softmax(Σ_{i≠n} q_nᵀ k_i / √d) v_n                                    (Eq. 5)

    and a softmax over the images makes the masks a distribution at every position (Eq. 6).

    Three identities keep this cheap, with the same weights for any N ≥ 2:

    - Σ_{i≠n} q_nᵀ k_i = q_nᵀ (Σ_i k_i − k_n): N attentions, not N².
    - A 1×1 convolution is linear in its input, so q, k, v of an image are computed once for all
      its sets; λ adds a rank-one term.
    - All N softmaxes run in one call of `scaled_dot_product_attention`.

    The effect of λ follows from Eq. 5. In k it adds a constant to a row of the attention, which the
    softmax cancels; in v it adds w_λ λ_n to the logit of image n, since attention rows sum to 1; in
    q it moves the attention towards w_λᵀ K. So the area of a mask depends on λ through one learned
    number and through q.

    Args:
        channels: C, the number of channels of the tapped features.
        reduction: q and k have C // reduction channels (Sec. 3.2: half).
        embed_ratio: give λ to the convolutions as one more channel (Sec. 3.2).
        upsampling: "bilinear" or "nearest"; the paper says only "upsampling", the released ResNets
            use bilinear.
        order: "softmax-upsample", the order of Eq. 6 and 7, or "upsample-softmax", the released
            order. Both are distributions over n at every pixel; the second has sharper borders when
            logits are large.
        init: standard deviation of the initial weights; biases start at 0. The paper does not give
            it. Small weights start from masks that are near 1/N everywhere.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        embed_ratio: bool = True,
        upsampling: str = "bilinear",
        order: str = "softmax-upsample",
        init: float = 0.01,
    ):
        super().__init__()
        if upsampling not in UPSAMPLING:
            raise unknown("upsampling", upsampling, UPSAMPLING)
        if order not in ORDERS:
            raise unknown("order of softmax and upsampling", order, ORDERS)
        if not 1 <= reduction <= channels:
            raise InputError(f"reduction must lie in 1..{channels}, not {reduction}.")
        if not 0 <= init < math.inf:
            raise InputError(f"init, a standard deviation, must be 0 or more, not {init}.")
        self.channels, self.width = channels, channels // reduction
        self.embed_ratio, self.upsampling, self.order = embed_ratio, upsampling, order
        outputs = 2 * self.width + 1
        self.qkv = nn.Conv2d(channels, outputs, kernel_size=1)
        nn.init.normal_(self.qkv.weight, std=init)
        nn.init.zeros_(self.qkv.get_parameter("bias"))
        self.ratio_weight = nn.Parameter(torch.empty(outputs)) if embed_ratio else None
        if self.ratio_weight is not None:
            nn.init.normal_(self.ratio_weight, std=init)

    def forward(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
        size: tuple[int, int],
    ) -> Float[Tensor, "b n height width"]:
        """Return the masks P' of each set; they sum to 1 over n at every pixel.

        Args:
            features: tapped features of the batch, each image once.
            partners: batch positions of the images of each set.
            ratios: λ of each image of a set.
            size: (height, width) of the masks in pixels.
        """
        logits = self.logits(features, partners, ratios)
        if self.order == "upsample-softmax":
            return self._upsample(logits, size).softmax(dim=1)
        return self._upsample(logits.softmax(dim=1), size)

    def logits(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
    ) -> Float[Tensor, "b n h w"]:
        """Return P_n of Eq. 5, before the softmax over n, at the resolution of the tap."""
        q, keys_of_others, v = self.attend_to(features, partners, ratios)
        attended = attend(q, keys_of_others, v)
        return attended.squeeze(-1).unflatten(2, features.shape[-2:])

    def attention(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
    ) -> Float[Tensor, "b n l l"]:
        """Return the attention matrices Softmax(Σ_{i≠n} q_nᵀ k_i / √d), for figures.

        Training does not compute them explicitly.
        """
        q, keys_of_others, _ = self.attend_to(features, partners, ratios)
        return (q @ keys_of_others.mT / self.width**0.5).softmax(dim=-1)

    def attend_to(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
    ) -> tuple[Float[Tensor, "b n l e"], Float[Tensor, "b n l e"], Float[Tensor, "b n l 1"]]:
        """Return q_n, Σ_{i≠n} k_i and v_n of every set.

        They have l = h·w positions and e = C // reduction channels (1 for v).
        """
        q, k, v = self.project(features, partners, ratios)
        return q, k.sum(dim=1, keepdim=True) - k, v

    def project(
        self,
        features: Float[Tensor, "b d h w"],
        partners: Int[Tensor, "b n"],
        ratios: Float[Tensor, "b n"],
    ) -> tuple[Float[Tensor, "b n l e"], Float[Tensor, "b n l e"], Float[Tensor, "b n l 1"]]:
        """Return q_n, k_n and v_n, the three 1×1 convolutions, of every image of every set."""
        if features.shape[1] != self.channels:
            raise InputError(
                f"the generator was made for features of {self.channels} channels, "
                f"not {features.shape[1]}: "
                "build it with the size that Backbone.feature_shape reports."
            )
        each = self.qkv(features).flatten(2).mT  # b l (2e + 1), every image once
        sets = each[partners]  # b n l (2e + 1)
        if self.ratio_weight is not None:
            sets = sets + ratios[:, :, None, None] * self.ratio_weight
        return sets.split([self.width, self.width, 1], dim=-1)

    def _upsample(self, maps: Float[Tensor, "b n h w"], size: tuple[int, int]) -> Tensor:
        if self.upsampling == "nearest":
            return F.interpolate(maps, size, mode="nearest")
        return F.interpolate(maps, size, mode="bilinear", align_corners=False)


def attend(
    q: Float[Tensor, "b n l e"], k: Float[Tensor, "b n l e"], v: Float[Tensor, "b n l 1"]
) -> Float[Tensor, "b n l 1"]:
    """Return Softmax(q kᵀ / √e) v.

    With values of one channel torch computes the whole "l l" matrix and keeps it for the gradient.
    From `LARGE` positions on, the values are padded to e channels, so that torch's fused attention
    kernels, which need equal widths, can be used: their memory grows with l, not with l².
    """
    if q.shape[-2] < LARGE:
        return F.scaled_dot_product_attention(q, k, v)
    return F.scaled_dot_product_attention(q, k, F.pad(v, (0, q.shape[-1] - 1)))[..., :1]
