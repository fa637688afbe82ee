"""`Net`, a timm model adapted to the data: its stem, its width, and the weights it starts from."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from adautomix.errors import InputError, unknown
from adautomix.fields import checked, of_type
from adautomix.models.backbone import Backbone
from adautomix.models.pretrained import is_file, with_own_weights, with_weights_in
from adautomix.rng import initial_weights

STEMS = ("cifar", "timm")
NARROWEST = 8
"""Minimum number of channels. With fewer, torch 2.15's CPU kernels (oneDNN) write out of bounds in
the backward pass of some convolutions on CPUs without AVX-512: a crash, or wrong results.
"""
NARROWEST_OF_LARGE, LARGE = 16, 32
"""Minimum number of channels for images of more than `LARGE` pixels, where the same happens to
other convolutions, and on CPUs with AVX-512 too.
"""


def narrowest(side: int) -> int:
    """Return the minimum number of channels for images of that height and width, in pixels."""
    return NARROWEST_OF_LARGE if side > LARGE else NARROWEST


def narrow_layer(model: nn.Module, side: int) -> str | None:
    """Return the name of a convolution with fewer channels than `narrowest`; None if there is none.

    Only spatial convolutions over all channels count; 1×1 and grouped ones have other kernels.
    """
    for name, module in model.named_modules():
        spatial = isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1
        if spatial and module.groups == 1 and module.out_channels < narrowest(side):
            return name
    return None


@dataclass(frozen=True)
@checked
class Net:
    """Hyper-parameters of the backbone: a timm model and how it is adapted to the data.

    Attributes:
        name: a timm model name, e.g. "resnet18", "resnext50_32x4d", "swin_tiny_patch4_window7_224".
        stem: "cifar" replaces the 7×7 stride-2 convolution and the max-pool of a ResNet, or the
            4×4 stride-4 convolution of a ConvNeXt, by one 3×3 convolution, for images of 32 to
            64 px (A.3; see `cifar_stem`); "timm" leaves the model as it is.
        width: channels of the first stage of a ResNet, 8 or more, and 16 or more for images above
            32 px (see `NARROWEST`); None keeps the model's own (64). 16 makes the thin network of
            the `quick` budget.
        pretrained: True starts from timm's ImageNet weights (downloaded by timm). A string is a
            file of weights, "resnet50.safetensors" (see `pretrained.with_weights_in`), or names a
            run of this package: "<id>", or "<id>:teacher" for its teacher, whose weights, except
            the head, are the start; `adautomix.runs.weights` finds them.
        tap: see `Backbone`.
    """

    name: str = "resnet18"
    stem: str = "cifar"
    width: int | None = None
    pretrained: bool | str = False
    tap: int = -2

    def build(self, classes: int, *, seed: int = 0) -> Backbone:
        """Build a network with `classes` outputs; its initial weights depend on the seed alone.

        Raises:
            InputError: a model, stem, width or number of classes that cannot be built.
            DataError: pretrained weights cannot be obtained or read.
        """
        if of_type(int, classes, "classes") < 1:
            raise InputError(f"a network tells 1 class or more apart, not {classes}.")
        import timm  # imported here, since it takes longer than all other imports together

        if not timm.is_model(self.name):
            raise unknown("timm model", self.name, timm.list_models(), "see timm.list_models()")
        if isinstance(self.pretrained, str) and not is_file(self.pretrained):
            raise InputError(
                f"pretrained={self.pretrained!r} names a run, which only a recorded training can "
                "start from: build the network with pretrained=False and load its weights."
            )
        if self.stem not in STEMS:
            raise unknown("stem", self.stem, STEMS)
        if self.pretrained and self.width is not None:
            raise InputError(
                f"pretrained weights are not for a {self.name} of width {self.width}: "
                "set net.width=null or net.pretrained=false."
            )
        with initial_weights(seed):
            model = self._make(num_classes=classes, **self._thin())
            if self.stem == "cifar":
                cifar_stem(model)
        return Backbone(model, self.tap)

    def check_side(self, side: int) -> None:
        """Raise InputError for a width that is too small for images of that height and width."""
        if self.width is not None and self.width < narrowest(side):
            raise InputError(
                f"width must be {narrowest(side)} or more for images of {side} pixels, not "
                f"{self.width}: training narrower networks corrupts memory on some processors."
            )

    def _make(self, **options: Any) -> nn.Module:
        """Create the timm model, with weights to start from if there are any."""
        import timm

        if is_file(self.pretrained):
            return with_weights_in(str(self.pretrained), self.name, **options)
        make = with_own_weights if self.pretrained else timm.create_model
        return make(self.name, **options)

    def _thin(self) -> dict:
        if self.width is None:
            return {}
        if not self.name.startswith(("resnet", "resnext")) or self.stem != "cifar":
            raise InputError(
                f"width={self.width} is for ResNets with the cifar stem, "
                f"not for {self.name} with stem {self.stem!r}."
            )
        if self.width < NARROWEST:
            raise InputError(
                f"width must be {NARROWEST} or more, not {self.width}: training narrower networks "
                "corrupts memory on some processors."
            )
        # timm fixes the width of a plain stem at 64 channels; a "deep" stem has 2 × stem_width
        # channels, and `cifar_stem` replaces its convolutions.
        widths = tuple(self.width * 2**stage for stage in range(4))
        return {"channels": widths, "stem_type": "deep", "stem_width": self.width // 2}


def cifar_stem(model: Any) -> None:
    """Replace the first layers of a ResNet or ConvNeXt by a 3×3 convolution (A.3), in place.

    Of a ResNet these are the 7×7 convolution and the max-pool. Of a ConvNeXt it is the 4×4
    convolution with stride 4: A.3 trains it at 32 px and says no more, and with that stride stage 3
    would have 2 × 2 pixels. The authors' log of ConvNeXt-T enlarges the masks of stage 3 by 4, so
    there the stem has stride 1.

    Raises InputError for a model without those layers.
    """
    if hasattr(model, "conv1") and hasattr(model, "maxpool") and hasattr(model, "bn1"):
        first: Any = model.conv1[0] if isinstance(model.conv1, nn.Sequential) else model.conv1
        channels = model.bn1.num_features
        model.conv1 = nn.Conv2d(first.in_channels, channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    elif (first := _patches(model)) is not None:
        model.stem[0] = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1)
        nn.init.trunc_normal_(model.stem[0].weight, std=0.02)  # as timm's ConvNeXt begins
        nn.init.zeros_(model.stem[0].bias)
    else:
        raise InputError(
            f"the cifar stem is for ResNets and ConvNeXts; {type(model).__name__} has no conv1 and "
            "maxpool to replace, nor a stem of patches: use stem='timm'."
        )


def _patches(model: Any) -> nn.Conv2d | None:
    """Return the convolution that cuts an image into patches, as a ConvNeXt begins."""
    stem = getattr(model, "stem", None)
    first = stem[0] if isinstance(stem, nn.Sequential) else None
    if not isinstance(first, nn.Conv2d) or first.stride != first.kernel_size:
        return None
    return first if first.kernel_size != (1, 1) else None
