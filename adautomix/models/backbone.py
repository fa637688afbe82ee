"""The classifier ψ_W: any model; one forward pass returns logits and tapped features."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from types import NoneType
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.errors import InputError, first_line, unknown
from adautomix.fields import checked, of_type
from adautomix.models.modes import evaluating
from adautomix.models.pretrained import is_file, with_own_weights, with_weights_in
from adautomix.models.tap import ModuleTap, logits_of, names_of_maps
from adautomix.rng import initial_weights

RAISED = (ValueError, TypeError, AttributeError, RuntimeError)
STEMS = ("cifar", "timm")
COLOURS = 3
NARROWEST = 8
"""Minimum number of channels. With fewer, torch 2.15's CPU kernels (oneDNN) write out of bounds in
the backward pass of some convolutions on CPUs without AVX-512: a crash, or wrong results.
"""


@dataclass(frozen=True)
class BackboneOutput:
    """Logits and tapped features of a batch of images."""

    logits: Float[Tensor, "b k"]
    features: Float[Tensor, "b d h w"]


class FeatureShape(NamedTuple):
    """Shape of the tapped features of one image."""

    channels: int
    height: int
    width: int


class Backbone(nn.Module):
    """A model that gives logits, and that also returns the features of one stage.

    Args:
        model: a timm model, or any other that takes images and gives logits. Methods that take no
            features, such as every hand-made mixing rule, need no more.
        tap: where the features are taken. A number is the index of timm's `forward_intermediates`,
            negative from the end. The default, -2, is the third of four stages in ResNets, Swin and
            ConvNeXt: the paper's l = 3 (A.2). For a plain vision transformer give the middle block,
            e.g. 6. A name, e.g. "layer3", is that of a module of any model whose output is a map.
        output: the logits' key or position, for a model that returns a mapping or a tuple.

    Raises:
        InputError: a compiled model, or a tap that is neither a number nor the name of a module.
    """

    def __init__(self, model: nn.Module, tap: int | str = -2, output: int | str | None = None):
        super().__init__()
        model = of_type(nn.Module, model, "model")
        name = getattr(model, "default_cfg", {}).get("architecture") or type(model).__name__
        if hasattr(model, "_orig_mod"):
            raise InputError(
                f"the model {name} is compiled, which hides its features: give the model itself, "
                "and let how=How(numerics=decide(compile=True)) compile the step."
            )
        self.model: Any = model
        self.tap = of_type(int | str, tap, "tap")
        self.output, self.name = of_type(int | str | NoneType, output, "output"), name
        self.by_name = ModuleTap(model, tap) if isinstance(tap, str) else None
        self.to_the_end = _to_the_end(model)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        return logits_of(self.model(images), self.output, self.name)

    def forward_with_features(self, images: Float[Tensor, "b c h w"]) -> BackboneOutput:
        """Return logits and tapped features from one forward pass.

        Raises InputError if there is no map at the tap.
        """
        if self.by_name is not None:
            given, features = self.by_name.forward(self.model, images)
            return BackboneOutput(logits_of(given, self.output, self.name), features)
        final, features = self.intermediates(images)
        return BackboneOutput(self.model.forward_head(final), features)

    def intermediates(self, images: Float[Tensor, "b c h w"]) -> tuple[Any, Tensor]:
        """Return the final features, the input of timm's `forward_head`, and those of the tap.

        Raises InputError for a model that is none of timm's.
        """
        if self.to_the_end is not None:
            tap = self.tap if self.by_name is None else -1
            final, (features,) = self.model.forward_intermediates(
                images, indices=[tap], output_fmt="NCHW", **self.to_the_end
            )
            return final, features
        maps = names_of_maps(self.model, images)
        given = "" if self.output is None else f", output={self.output!r}"
        raise InputError(
            f"the model {self.name} is none of timm's with forward_intermediates and forward_head, "
            "so features that a method takes must be tapped by the name of a module that gives a "
            f"map ({', '.join(maps) or 'none found'}), e.g. Backbone(model, "
            f"tap={next(iter(maps[-2:]), 'layer3')!r}{given}); where that does not do, use a timm "
            "model."
        )

    @torch.no_grad()
    def final(self, images: Float[Tensor, "b c h w"]) -> Tensor:
        """Return the final features, the input of the head.

        Raises:
            InputError: the head takes several tensors, as in a CrossViT.
        """
        final, _ = self.intermediates(images)
        if not isinstance(final, Tensor):
            raise InputError(
                f"the head of {self.name} takes {len(final)} tensors of features, not one, so it "
                "has no class activation map: use a ResNet, ConvNeXt or Swin."
            )
        return final

    def feature_shape(self, side: int) -> FeatureShape:
        """Measure the shape of the tapped features for images of `side` × `side` pixels.

        It is measured with black images, since timm's `feature_info` still has the old strides
        after the stem was replaced. Raises InputError if the tap or the size does not fit the
        model.
        """
        shown = self._tried(self.forward_with_features, self.dummy_images(side))
        return FeatureShape(*shown.features.shape[1:])

    def classes(self, images: Float[Tensor, "b c h w"]) -> int:
        """Measure the number of logits with two black images of the shape of `images`.

        It is measured, as the head may have been replaced. Raises InputError if the model fails.
        """
        device = next(self.parameters()).device
        black = torch.zeros(2, *images.shape[1:], dtype=images.dtype, device=device)
        return self._tried(self.forward, black).shape[1]

    @torch.no_grad()
    def _tried(self, function: Callable[[Tensor], Any], images: Tensor) -> Any:
        """Return the function of the images, in evaluation mode; InputError if the model fails."""
        try:
            with evaluating(self):
                return function(images)
        except InputError:
            raise
        except (ArithmeticError, LookupError, AssertionError, *RAISED) as error:
            _, channels, height, width = images.shape
            raise InputError(
                f"the model {self.name} fails on {height}×{width} images of {channels} channel(s), "
                f"with tap {self.tap} ({first_line(error)}): choose another tap or image size."
            ) from error

    def dummy_images(self, side: int) -> Float[Tensor, "2 c side side"]:
        """Return two black images with the model's number of input channels, on its device."""
        if of_type(int, side, "side") < 1:
            raise InputError(f"the side of an image is 1 pixel or more, not {side}.")
        if self.channels is None:
            raise InputError(f"the model {self.name} has no convolution that takes images.")
        weight = next(self.parameters())
        images = weight.new_zeros(2, self.channels, side, side)
        if self.channels <= COLOURS or self._takes(images):
            return images
        return weight.new_zeros(2, COLOURS, side, side)  # a stem folds them, as in TResNet

    @property
    def channels(self) -> int | None:
        """Number of channels that the first convolution takes; None without one."""
        found = (m.in_channels for m in self.model.modules() if isinstance(m, nn.Conv2d))
        return next(found, None)

    def _takes(self, images: Tensor) -> bool:
        """Whether the model does not fail on the images."""
        try:
            self._tried(self.forward, images)
        except InputError:
            return False
        return True


def _to_the_end(model: nn.Module) -> dict[str, bool] | None:
    """Return the options with which `forward_intermediates` goes on behind the tap.

    In timm 1.0 Hiera's two families, unlike all others, stop there by default. None without timm's
    methods.
    """
    shows = getattr(model, "forward_intermediates", None)
    if shows is None or not hasattr(model, "forward_head"):
        return None
    return {"stop_early": False} if "stop_early" in signature(shows).parameters else {}


@dataclass(frozen=True)
@checked
class Net:
    """Hyper-parameters of the backbone: a timm model and how it is adapted to the data.

    Attributes:
        name: a timm model name, e.g. "resnet18", "resnext50_32x4d", "swin_tiny_patch4_window7_224".
        stem: "cifar" replaces the 7×7 stride-2 convolution and the max-pool of a ResNet, or the
            4×4 stride-4 convolution of a ConvNeXt, by one 3×3 convolution, for images of 32 to
            64 px (A.3; see `cifar_stem`); "timm" leaves the model as it is.
        width: channels of the first stage of a ResNet, 8 or more (see `NARROWEST`); None keeps the
            model's own (64). 16 makes the thin network of the `quick` budget.
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
