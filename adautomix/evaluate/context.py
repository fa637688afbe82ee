"""`EvalContext`, the input of every evaluation: a trained network, images and numerics."""

from collections.abc import Iterator
from dataclasses import Field, dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import nn

from adautomix.data.evaluation import evaluation_batches, pixel_batches
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

    Attributes:
        module: network that takes normalised images; on the device, in evaluation mode.
        data: the evaluated split, as the network sees it; see `adautomix.data.evaluation.seen`.
        numerics: device and precision.
        method: the trained method that the network belongs to, on the device; None where there is
            none, for evaluations that need the network alone.
    """

    module: nn.Module
    data: ImageSet
    numerics: Numerics
    method: Method | None = None

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
        batches = evaluation_batches(self.data, device=self.numerics.device)
        return predictions(self.normalised, batches)

    def images(self, per_class: int | None = None) -> ImageSet:
        """Return the split, or the first `per_class` images of each of its classes."""
        return self.data if per_class is None else self.data.subset(per_class)

    def pixels(self, per_class: int | None = None) -> Iterator[Batch]:
        """Yield batches of pixels in [0, 1]."""
        return pixel_batches(self.images(per_class), device=self.numerics.device)

    def normal(self, per_class: int | None = None) -> Iterator[Batch]:
        """Yield batches of normalised images."""
        return evaluation_batches(self.images(per_class), device=self.numerics.device)


@runtime_checkable
class Evaluation(Protocol):
    """A frozen dataclass of settings that is called; `EVALUATIONS` names them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __call__(self, context: EvalContext) -> Values: ...
