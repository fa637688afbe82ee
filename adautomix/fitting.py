"""Training in a notebook of one's own: any timm model, any loader of (images, labels)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from adautomix.checked import checked
from adautomix.data.loader import LoaderBatches, check_labels
from adautomix.draw import own_randomness
from adautomix.errors import InputError, unknown
from adautomix.evaluate import accuracy, evaluating
from adautomix.methods import AdAutoMix, Method, MethodConfig
from adautomix.methods.base import as_backbone
from adautomix.mix.base import check_images
from adautomix.progress import Progress
from adautomix.recipes import SGD, AdamW, Cosine
from adautomix.train import Numerics, Plan, Training, decide, train
from adautomix.train.loop import Evaluate


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        method: the players; `method.classifier` is the trained model, `method.teacher` its
            average.
        curve: one row an epoch: mean losses, learning rate, and accuracies as fractions.
        numerics: device and precision of the training.
    """

    method: Method
    curve: pd.DataFrame
    numerics: Numerics = field(default_factory=Numerics)

    @property
    def accuracy(self) -> dict[str, float]:
        """Top-1 of every predictor after the last epoch, as a fraction; empty without test data."""
        last = self.curve.iloc[-1]
        return {
            name: float(last[f"{name}_top1"])
            for name in self.method.predictors()
            if f"{name}_top1" in last
        }

    @torch.no_grad()
    def predict(self, images: Tensor, predictor: str = "classifier") -> Tensor:
        """Logits "b k", float32, of the "classifier" or the "teacher" in evaluation mode."""
        known = self.method.predictors()
        if predictor not in known:
            raise unknown("predictor", predictor, known)
        module = known[predictor]
        with evaluating(module):
            where = next(module.parameters()).device
            return self.numerics.predictor(module)(images.to(where)).float()


@dataclass(frozen=True)
@checked
class How:
    """The optimisation of `fit`; see `adautomix.recipes` for the fields.

    Attributes:
        optim: the optimiser.
        schedule: of the learning rate.
        numerics: device and precision.
        seed: of everything random in the steps.
        progress: show a bar or a line.
    """

    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    numerics: Numerics = field(default_factory=decide)
    seed: int = 0
    progress: bool = True

    def __post_init__(self):
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
    """Trains `model` with AdAutoMix, or with another method, on a loader of (images, labels).

    Args:
        model: a timm model with `forward_intermediates`, or a `Backbone` where another tap is
            wanted. It is trained in place.
        train_loader: batches of float images "b c h w", normalised, and int64 labels " b"; it has
            a length.
        test_loader: evaluated after every epoch; None for no evaluation.
        method: hyper-parameters, e.g. `AdAutoMix(n=3)` (the default), `Fixed(CutMix())`, `Plain()`.
        epochs: passes over the loader.
        how: optimiser, schedule, device, seed.

    Raises:
        InputError: batches or a model that cannot be trained on; the sentence says what to change.
        DivergenceError: the loss became NaN or infinite.
    """
    how = how or How()
    method = AdAutoMix() if method is None else method
    if isinstance(method, type) or not isinstance(method, MethodConfig):
        raise InputError(
            "method must be the hyper-parameters of one, e.g. AdAutoMix(n=3), Plain() or "
            f"Fixed(CutMix()), not {method!r}."
        )
    side, takes = _look_at(model, train_loader)
    batches = LoaderBatches(train_loader, takes.classes, how.numerics.device)
    built = method.build(model, side, seed=how.seed)
    plan = Plan(epochs, how.optim, how.schedule)
    training = Training(built, plan, len(batches), numerics=how.numerics, seed=how.seed)

    measure = None if test_loader is None else _measure(test_loader, takes, how.numerics)
    with own_randomness(), Progress("fit", training.total, show=how.progress) as progress:
        for event in train(training, batches, measure):
            progress.at(training.step)
            if hasattr(event, "row"):
                progress.tell({k: v for k, v in event.row.items() if k.endswith("_top1")})
    return Fitted(built, pd.DataFrame(training.curve), how.numerics)


class Takes(NamedTuple):
    """What a model takes: channels and dtype of its images, and how many classes it tells apart."""

    channels: int
    dtype: torch.dtype
    classes: int

    def check(self, batch: object, loader: str) -> tuple[Tensor, Tensor]:
        """The images and labels of a batch; InputError if the model cannot take them."""
        if not isinstance(batch, list | tuple) or [torch.is_tensor(t) for t in batch] != [True] * 2:
            raise InputError(
                f"the {loader} must yield pairs (images, labels) of tensors, and at least one."
            )
        images, labels = batch
        check_images(images)
        if images.dtype != self.dtype:
            raise InputError(
                f"the {loader}'s images are {images.dtype}, but the model takes {self.dtype}: "
                f"convert them with images.to({self.dtype})."
            )
        if images.shape[1] != self.channels:
            raise InputError(
                f"the {loader}'s images are of {images.shape[1]} channel(s), but the model takes "
                f"{self.channels}: make the model with in_chans={images.shape[1]}."
            )
        return images, labels


def _measure(loader: Iterable, takes: Takes, numerics: Numerics) -> Evaluate:
    """Top-1 of every predictor on the test loader, as columns of the curve."""

    def measure(method: Method) -> dict[str, float]:
        columns = {}
        for name, module in method.predictors().items():
            with evaluating(module):
                found = accuracy(numerics.predictor(module), batches_of(loader, takes, numerics))
            columns[f"{name}_top1"] = found.top1
        return columns

    return measure


def batches_of(
    loader: Iterable, takes: Takes, numerics: Numerics
) -> Iterable[tuple[Tensor, Tensor]]:
    """The test loader's batches on the device, checked; at least one, every time."""
    empty = True
    for batch in loader:
        empty = False
        images, labels = takes.check(batch, "test loader")
        check_labels(labels, takes.classes)
        yield images.to(numerics.device), labels.to(numerics.device)
    if empty:
        raise InputError(
            "the test loader yields no images: a generator serves only once, "
            "so give a DataLoader or a list of batches."
        )


def _look_at(model: nn.Module, loader: Iterable) -> tuple[int, Takes]:
    """The side of the images, from the first batch, and what the model takes."""
    backbone = as_backbone(model)
    weight = backbone.black(1)
    if weight.dtype != torch.float32:
        raise InputError(
            f"the model's weights are {weight.dtype}: give model.float(); bf16 is the precision "
            "of how.numerics, which leaves the weights alone."
        )
    takes = Takes(weight.shape[1], weight.dtype, classes=0)
    images, _ = takes.check(next(iter(loader), None), "train loader")
    side = images.shape[-1]
    if images.shape[-2] != side:
        raise InputError(
            "images must be square, of shape (batch, channels, side, side), "
            f"not {tuple(images.shape)}."
        )
    return side, takes._replace(classes=backbone.classes(side))
