"""`fit`, which trains any timm model on any loader of (images, labels), e.g. in a notebook."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import Tensor, nn

from adautomix.data.labels import check_range, class_numbers, extremes
from adautomix.data.loaders import LoaderBatches, batches_of
from adautomix.device import Numerics, decide
from adautomix.errors import InputError, unknown
from adautomix.evaluate import accuracy, evaluating
from adautomix.fields import checked, of_type, shown
from adautomix.methods import AdAutoMix, Method, MethodConfig
from adautomix.methods.base import as_backbone, check_counts, training_labels
from adautomix.mix.base import check_images
from adautomix.models import Backbone
from adautomix.recipes import SGD, AdamW, Cosine
from adautomix.rng import own_randomness
from adautomix.train import Plan, Training, train
from adautomix.train.loop import Epoch, Evaluate
from adautomix.train.progress import Progress


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        method: the trained networks; `method.classifier` is the model, `method.teacher` its
            average.
        curve: one row for each epoch: mean losses, learning rate, and accuracies as fractions.
        numerics: device and precision of the training.
    """

    method: Method
    curve: pd.DataFrame
    numerics: Numerics = field(default_factory=Numerics)

    @property
    def accuracy(self) -> dict[str, float]:
        """Top-1 accuracy of each predictor after the last epoch; empty without a test loader."""
        last = self.curve.iloc[-1]
        return {
            name: float(last[f"{name}_top1"])
            for name in self.method.predictors()
            if f"{name}_top1" in last
        }

    @torch.no_grad()
    def predict(self, images: Tensor, predictor: str = "classifier") -> Tensor:
        """Return logits "b k", float32, of the "classifier" or the "teacher" in evaluation mode.

        Raises InputError for another predictor, or images that the model does not take.
        """
        known = self.method.predictors()
        if predictor not in known:
            raise unknown("predictor", predictor, known)
        module, images = known[predictor], Takes(self.method.classifier).images(images)
        with evaluating(module):
            where = next(module.parameters()).device
            return self.numerics.predictor(module)(images.to(where)).float()


@dataclass(frozen=True)
@checked
class How:
    """Settings of the optimisation in `fit`.

    Attributes:
        optim: the optimiser, `adautomix.recipes.SGD` or `AdamW`.
        schedule: schedule of the learning rate.
        numerics: device and precision, see `adautomix.device.decide`.
        seed: of the second network's initial weights and of everything random in the steps.
        progress: show a progress bar or line.
    """

    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    numerics: Numerics = field(default_factory=decide)
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"a seed is 0 or more, not {self.seed}.")


def fit(
    model: nn.Module,
    train_loader: Iterable,
    test_loader: Iterable | None = None,
    *,
    method: MethodConfig | None = None,
    epochs: int,
    how: How | None = None,
) -> Fitted:
    """Train `model` with AdAutoMix, or with another method, on a loader of (images, labels).

    Args:
        model: a timm model with `forward_intermediates`, or a `Backbone` to choose another tap. It
            is trained in place, in training mode: the running statistics of BatchNorm follow the
            batches, also where its parameters are frozen.
        train_loader: iterable with a length; batches of normalised float images "b c side side" and
            their labels, class numbers "b" or "b 1" of any integer type. The side may differ
            between batches if the model accepts it (multi-scale training).
        test_loader: evaluated after every epoch; batches likewise, but labels may be one-hot, and
            images of label −100 are left out. None for no evaluation.
        method: hyper-parameters, e.g. `AdAutoMix(n=3)` (the default), `Fixed(CutMix())`, `Plain()`.
        epochs: passes over the loader.
        how: optimiser, schedule, device, seed.

    Raises:
        InputError: a model, batch or setting that cannot be used; the message says what to change,
            and in which batch.
        DivergenceError: a loss became NaN or infinite.
    """
    if not torch.is_grad_enabled():  # neither in inference_mode
        raise InputError(
            "training needs gradients: call fit outside torch.no_grad() and torch.inference_mode()."
        )
    how = How() if how is None else of_type(How, how, "how")
    method = AdAutoMix() if method is None else method
    if isinstance(method, type) or not isinstance(method, MethodConfig):
        raise InputError(
            "method must be the hyper-parameters of one, e.g. AdAutoMix(n=3), Plain() or "
            f"Fixed(CutMix()), not {shown(method)}."
        )
    plan = Plan(epochs, how.optim, how.schedule)
    backbone = as_backbone(model)
    takes = Takes(backbone)
    batches = LoaderBatches(train_loader, takes.to_train, how.numerics.device)
    first = next(batches_of(train_loader, takes.to_train, "cpu", "train loader"), None)
    if first is None:
        raise InputError("the train loader yields no batch: give it at least one.")
    if test_loader is not None:
        _look_at(test_loader, takes)
    built = method.build(backbone, first.images.shape[-1], seed=how.seed)
    training = Training(built, plan, len(batches), numerics=how.numerics, seed=how.seed)

    measure = None if test_loader is None else _measure(test_loader, takes, how.numerics)
    with own_randomness(), Progress("fit", training.total, show=how.progress) as progress:
        for event in train(training, batches, measure):
            progress.at(training.step)
            if isinstance(event, Epoch):
                progress.tell({k: v for k, v in event.row.items() if k.endswith("_top1")})
    return Fitted(built, pd.DataFrame(training.curve), how.numerics)


class Takes:
    """Checks of images and labels against a model's input and classes.

    Args:
        backbone: the model.

    Raises:
        InputError: the model's weights are not float32.
    """

    def __init__(self, backbone: Backbone):
        weight = backbone.dummy_images(1)
        if weight.dtype != torch.float32:
            raise InputError(
                f"the model's weights are {weight.dtype}: give model.float(); bf16 is the "
                "precision of how.numerics, which leaves the weights alone."
            )
        self.backbone, self.channels, self.dtype = backbone, weight.shape[1], weight.dtype
        self._classes: dict[int, int] = {}

    def images(self, images: Tensor) -> Tensor:
        """Return the images; InputError unless they have the model's dtype and channels."""
        check_images(images)
        if images.dtype != self.dtype:
            raise InputError(
                f"the images are {images.dtype}, but the model takes {self.dtype}: "
                f"convert them with images.to({self.dtype})."
            )
        if images.shape[1] != self.channels:
            raise InputError(
                f"the images are of {images.shape[1]} channel(s), but the model takes "
                f"{self.channels}: make the model with in_chans={images.shape[1]}."
            )
        return images

    def to_train(self, batch: object) -> tuple[Tensor, Tensor]:
        """Return images and class numbers of a training batch; InputError if it is not valid."""
        images, labels, classes = self._parts(batch)
        numbers = training_labels(images, labels)
        low, high = extremes(numbers, left_out=False).tolist()
        check_range(low, high, classes)
        return images, numbers

    def to_test(self, batch: object) -> tuple[Tensor, Tensor]:
        """Return images and class numbers of a test batch; InputError if it is not valid."""
        images, labels, classes = self._parts(batch)
        numbers = class_numbers(labels, classes, left_out=True)
        check_counts(images, numbers)
        return images, numbers

    def _parts(self, batch: object) -> tuple[Tensor, Tensor, int]:
        """Return checked images, the labels as given, and the number of classes."""
        if not isinstance(batch, list | tuple) or [torch.is_tensor(t) for t in batch] != [True] * 2:
            raise InputError("it must be a pair (images, labels) of tensors.")
        images, labels = self.images(batch[0]), batch[1]
        *_, height, width = images.shape
        if height != width:
            raise InputError(
                "images must be square, of shape (batch, channels, side, side), "
                f"not {tuple(images.shape)}."
            )
        return images, labels, self._classes_at(width)

    def _classes_at(self, side: int) -> int:
        """Return the number of logits; InputError if the model fails on images of that side."""
        if side not in self._classes:
            self._classes[side] = self.backbone.classes(side)
        return self._classes[side]


def _measure(loader: Iterable, takes: Takes, numerics: Numerics) -> Evaluate:
    """Return a function that computes the top-1 of each predictor, as columns of the curve."""

    def measure(method: Method) -> dict[str, float]:
        columns = {}
        for name, module in method.predictors().items():
            batches = batches_of(loader, takes.to_test, numerics.device, "test loader")
            with evaluating(module):
                found = accuracy(numerics.predictor(module), batches)
            if found.n == 0:
                raise InputError(
                    "the test loader yields no images, or none that count: a generator serves only "
                    "once, so give a DataLoader or a list of batches."
                )
            columns[f"{name}_top1"] = found.top1
        return columns

    return measure


def _look_at(loader: Iterable, takes: Takes) -> None:
    """Check the first batch of the test loader before training; InputError if it is not valid."""
    with own_randomness():
        try:
            batches = iter(loader)
        except TypeError:
            raise InputError(
                f"the test loader must be a DataLoader or a list of batches, not {shown(loader)}."
            ) from None
        if batches is not loader:  # an iterator would lose its first batch
            next(batches_of(batches, takes.to_test, "cpu", "test loader"), None)
