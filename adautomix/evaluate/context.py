"""`EvalContext`, the input of every evaluation: a trained network, images and numerics."""

from collections.abc import Iterator
from dataclasses import Field, dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64
from torch import nn

from adautomix.data.augment import Geometry
from adautomix.data.evaluation import WHOLE, evaluation_batches, pixel_batches, seen
from adautomix.data.file_set import Images
from adautomix.data.image_set import ImageSet
from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.evaluate.checked_predict import predictions
from adautomix.evaluate.predict import NormalizedModel, Predict, Predictions
from adautomix.methods import Method
from adautomix.models import Backbone

Values = dict[str, float | int | list]
"""Results by name, as JSON values: numbers, or lists of numbers with None for missing ones."""


@dataclass(frozen=True)
class EvalContext:
    """A trained network, the images it is evaluated on, and how to compute.

    Images of a set on disk are read batch by batch, so memory does not grow with their number.

    Attributes:
        module: network that takes normalised images; on the device, in evaluation mode.
        data: the evaluated split, in memory or on disk.
        numerics: device and precision.
        method: the trained method that the network belongs to, on the device; None where there is
            none, for evaluations that need the network alone.
        augment: whose `evaluated` shows the images as the network sees them.
    """

    module: nn.Module
    data: Images
    numerics: Numerics
    method: Method | None = None
    augment: Geometry = WHOLE

    @property
    def backbone(self) -> Backbone:
        """The network as a `Backbone`, which gives access to features; for a teacher, its own."""
        module: Any = self.module
        return getattr(module, "network", module)

    @property
    def normalised(self) -> Predict:
        """Function from normalised images to logits."""
        return self.numerics.predictor(self.module)

    @property
    def on_pixels(self) -> Predict:
        """Function from pixels in [0, 1] to logits."""
        info = self.data.info
        return self.numerics.predictor(
            self.numerics.place(NormalizedModel(self.module, info.mean, info.std))
        )

    @cached_property
    def predictions(self) -> Predictions:
        """The logits of the whole split, computed once."""
        return predictions(self.normalised, self.normal())

    def images(self, per_class: int | None = None) -> Images:
        """Return the split, or the first `per_class` images of each of its classes."""
        return self.data if per_class is None else self.data.subset(per_class)

    def held(self, positions: Int64[np.ndarray, " _"]) -> ImageSet:
        """Return the images at some positions in memory, as the network sees them."""
        return seen(self.data.take(positions), self.augment)

    def pixels(self, per_class: int | None = None) -> Iterator[Batch]:
        """Yield batches of pixels in [0, 1]."""
        images, device = self.images(per_class), self.numerics.device
        return pixel_batches(images, augment=self.augment, device=device)

    def normal(self, per_class: int | None = None) -> Iterator[Batch]:
        """Yield batches of normalised images."""
        images, device = self.images(per_class), self.numerics.device
        return evaluation_batches(images, augment=self.augment, device=device)


@runtime_checkable
class Evaluation(Protocol):
    """A frozen dataclass of settings that is called; `EVALUATIONS` names them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __call__(self, context: EvalContext) -> Values: ...
