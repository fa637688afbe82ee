"""The classifier ψ_W: any model; one forward pass returns logits and tapped features."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from types import NoneType
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from adautomix.errors import InputError, first_line
from adautomix.fields import of_type
from adautomix.models.modes import evaluating
from adautomix.models.tap import ModuleTap, logits_of, names_of_maps

RAISED = (ValueError, TypeError, AttributeError, RuntimeError)
COLOURS = 3


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
        InputError: a model that is compiled, scripted or wrapped for several devices, or a tap that
            is neither a number nor the name of a module.
    """

    def __init__(self, model: nn.Module, tap: int | str = -2, output: int | str | None = None):
        super().__init__()
        model = of_type(nn.Module, model, "model")
        name = getattr(model, "default_cfg", {}).get("architecture") or type(model).__name__
        _check_plain(model, name)
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


def _check_plain(model: nn.Module, name: str) -> None:
    """InputError for a model inside something that hides its modules or its way of training."""
    if hasattr(model, "_orig_mod"):
        raise InputError(
            f"the model {name} is compiled, which hides its features: give the model itself, "
            "and let how=How(numerics=decide(compile=True)) compile the step."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError(
            f"the model {name} is scripted or traced, so it can neither be tapped nor copied as a "
            "teacher: give the model itself, and script it after the training."
        )
    if isinstance(model, DataParallel | DistributedDataParallel):
        raise InputError(
            f"the model is wrapped in {type(model).__name__}: give model.module, and wrap the "
            "method that is built, whose forward is the whole step."
        )


def _to_the_end(model: nn.Module) -> dict[str, bool] | None:
    """Return the options with which `forward_intermediates` goes on behind the tap.

    In timm 1.0 Hiera's two families, unlike all others, stop there by default. None without timm's
    methods.
    """
    shows = getattr(model, "forward_intermediates", None)
    if shows is None or not hasattr(model, "forward_head"):
        return None
    return {"stop_early": False} if "stop_early" in signature(shows).parameters else {}
