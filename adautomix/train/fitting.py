"""`fit`, which trains any model on any loader of images and labels, e.g. in a notebook."""

import warnings
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import Tensor, nn

from adautomix.data.labels import Targets
from adautomix.data.loaders import LoaderBatches, batches_of
from adautomix.device import Numerics, decide
from adautomix.errors import InputError, unknown
from adautomix.evaluate import accuracy, evaluating
from adautomix.fields import checked, of_type, shown
from adautomix.methods import AdAutoMix, Method, MethodConfig
from adautomix.methods.base import as_backbone
from adautomix.models.net import narrow_layer, narrowest
from adautomix.recipes import SGD, AdamW, Cosine
from adautomix.rng import own_randomness
from adautomix.train import Plan, Training, train
from adautomix.train.loop import Epoch, Evaluate
from adautomix.train.progress import Progress
from adautomix.train.takes import Keys, MeanStd, Takes

FAR = 10
"""Well above the values of normalised images, at most (1 − mean) / std: 2.8 for MNIST."""


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        method: the trained networks; `method.classifier` is the model, `method.teacher` its
            average.
        curve: one row for each epoch: mean losses, learning rate, and accuracies as fractions.
        numerics: device and precision of the training.
        mean_std: see `How`.
    """

    method: Method
    curve: pd.DataFrame
    numerics: Numerics = field(default_factory=Numerics)
    mean_std: MeanStd | None = None

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

        The images are as those of the loaders: normalised, or pixels where `mean_std` is given.

        Raises InputError for another predictor, or images that the model does not take.
        """
        known = self.method.predictors()
        if predictor not in known:
            raise unknown("predictor", predictor, known)
        takes = Takes(self.method.classifier, mean_std=self.mean_std)
        module, images = known[predictor], takes.images(images)
        with evaluating(module):
            where = next(module.parameters()).device
            return self.numerics.predictor(module)(images.to(where)).float()


@dataclass(frozen=True)
@checked
class How:
    """Settings of `fit`: the optimisation, and how the loader's batches are read.

    Attributes:
        optim: the optimiser, `adautomix.recipes.SGD` or `AdamW`.
        schedule: schedule of the learning rate.
        numerics: device and precision, see `adautomix.device.decide`.
        seed: of the second network's initial weights and of everything random in the steps.
        progress: show a progress bar or line.
        targets: label smoothing and class weights.
        keys: of images and labels in batches that are mappings, e.g. ("image", "label").
        mean_std: mean and standard deviation of each channel, ((…), (…)), by which `fit` normalises
            images that are pixels: uint8, or floating point in [0, 1]. None for images that the
            loader has normalised.
        steps: batches of an epoch, for a train loader without a length.
        log: called with the row of every epoch, see `adautomix.train.watch`: a `CSVLog`, a
            `TensorBoardLog`, or a function of your own.
    """

    optim: SGD | AdamW = field(default_factory=SGD)
    schedule: Cosine = field(default_factory=Cosine)
    numerics: Numerics = field(default_factory=decide)
    seed: int = 0
    progress: bool = True
    targets: Targets = field(default_factory=Targets)
    keys: Keys | None = None
    mean_std: MeanStd | None = None
    steps: int | None = None
    log: Callable | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"a seed is 0 or more, not {self.seed}.")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be 1 or more, not {self.steps}.")
        if self.mean_std is not None:
            mean, std = self.mean_std
            if len(mean) != len(std) or min(std, default=0) <= 0:
                raise InputError(
                    "mean_std must hold a mean and a positive standard deviation for each channel, "
                    f"not {self.mean_std}."
                )
            if min(mean) < 0 or max(*mean, *std) > 1:
                raise InputError(
                    "mean_std is that of pixels in [0, 1], also where the images are uint8, not "
                    f"{self.mean_std}: divide by 255."
                )


def fit(
    model: nn.Module,
    train_loader: Iterable,
    test_loader: Iterable | None = None,
    *,
    method: MethodConfig | None = None,
    epochs: int,
    how: How | None = None,
) -> Fitted:
    """Train `model` with AdAutoMix, or with another method, on a loader of images and labels.

    Args:
        model: a timm model, or a `Backbone` to choose where features are tapped, e.g.
            `Backbone(model, tap="layer3")` for a model that is none of timm's. Hand-made rules take
            any model that gives logits. It is trained in place, in training mode: the running
            statistics of BatchNorm follow the batches, also where its parameters are frozen.
        train_loader: iterable with a length; batches (images, labels, …) of normalised float images
            "b c side side" and their labels, class numbers "b" or "b 1" of any integer type, or
            one-hot or soft labels "b k". `how` says what differs: mappings, pixels, no length. The
            side may differ between batches if the model accepts it (multi-scale training).
        test_loader: evaluated after every epoch; batches likewise. The largest share of a soft
            label is its class, and images of label −100 are left out. None for no evaluation.
        method: hyper-parameters, e.g. `AdAutoMix(n=3)` (the default), `Fixed(CutMix())`, `Plain()`.
        epochs: passes over the loader.
        how: optimiser, schedule, device, seed.

    On a CPU, warns of convolutions that are too narrow for its kernels (`models.net.narrowest`).

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
    takes = Takes(backbone, how.keys, how.mean_std)
    batches = LoaderBatches(train_loader, takes.to_train, how.numerics.device, how.steps)
    first = batches.first()
    if first is None:
        raise InputError("the train loader yields no batch: give it at least one.")
    if test_loader is not None:
        _look_at(test_loader, takes)
    if how.mean_std is None:
        _warn_of_pixels(first.images)
    side = first.images.shape[-1]
    if torch.device(how.numerics.device).type == "cpu":
        _warn_of_narrow_layers(model, side)
    built = method.build(backbone, side, seed=how.seed)
    built.targets = how.targets
    training = Training(built, plan, len(batches), numerics=how.numerics, seed=how.seed)

    measure = None if test_loader is None else _measure(test_loader, takes, training)
    waiting = how.numerics.first_step
    bar = Progress("fit", training.total, show=how.progress, waiting=waiting)
    with own_randomness(), bar as progress:
        for event in train(training, batches, measure):
            progress.at(training.step)
            if isinstance(event, Epoch):
                progress.tell({k: v for k, v in event.row.items() if k.endswith("_top1")})
                if how.log is not None:
                    how.log(dict(event.row))
    return Fitted(built, pd.DataFrame(training.curve), how.numerics, how.mean_std)


def _warn_of_pixels(images: Tensor) -> None:
    """Warn of images that seem to be floating-point pixels in [0, 255]."""
    low, high = (float(end) for end in images.detach().aminmax())
    if low >= 0 and high > FAR:
        warnings.warn(
            f"the first batch's images run from {low:g} to {high:g}, as pixels do and normalised "
            "images do not: divide pixels by 255 and give how=How(mean_std=((…), (…))), unless the "
            "model itself normalises them.",
            stacklevel=3,
        )


def _warn_of_narrow_layers(model: nn.Module, side: int) -> None:
    """Warn of a convolution whose training can corrupt memory on a CPU, see `models.net`."""
    name = narrow_layer(model, side)
    if name is not None:
        warnings.warn(
            f"the convolution {name!r} has fewer than {narrowest(side)} channels: on images of "
            f"{side} pixels, training it corrupts memory on some CPUs; make it wider, or train on "
            "a GPU.",
            stacklevel=3,
        )


def _measure(loader: Iterable, takes: Takes, training: Training) -> Evaluate:
    """Return a function that computes the top-1 of each predictor, as columns of the curve.

    Raises InputError for a generator that would have to serve more than once.
    """
    numerics = training.numerics
    times = len(training.method.predictors()) * training.plan.epochs
    if isinstance(loader, Generator) and times > 1:
        raise InputError(
            f"the test loader is a generator, which serves only once, but is needed {times} times, "
            "for every network in every epoch: give a DataLoader or a list of batches."
        )

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
        if batches is loader:  # an iterator would lose its first batch
            return
        if next(batches_of(batches, takes.to_test, "cpu", "test loader"), None) is None:
            raise InputError(
                "the test loader yields no batch: give it at least one, or leave it out."
            )
