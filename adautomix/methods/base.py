"""`Method`, the base class of all training methods, whose forward pass computes a step's losses."""

from collections.abc import Callable
from dataclasses import Field, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from adautomix.data.labels import Labels, Targets, labels_of
from adautomix.errors import InputError, unknown
from adautomix.methods.eager_grad import check_gradient
from adautomix.mix import Mixed
from adautomix.mix.base import check_images, weighing
from adautomix.models import Backbone, Teacher, evaluating, momentum_at
from adautomix.rng import StepRNG, check_rng


@dataclass(frozen=True)
class Losses:
    """The losses of one update.

    Attributes:
        total: the scalar to back-propagate; its gradient serves all trained networks.
        terms: the losses it consists of, by name, detached, for the curves.
    """

    total: Float[Tensor, ""]
    terms: dict[str, Float[Tensor, ""]]

    @classmethod
    def of(cls, total: Float[Tensor, ""], **terms: Float[Tensor, ""]) -> "Losses":
        """Make `Losses` from the total and its terms, which are detached."""
        return cls(total, {name: term.detach() for name, term in terms.items()})


class Method(nn.Module):
    """A classifier, optionally a teacher and a second trained network, and their losses.

    Args:
        classifier: the network ψ_W to train.
        momentum: ξ at the start of the teacher's cosine (A.2); None for no teacher.
    """

    targets: Targets = Targets()
    """Label smoothing and class weights; set it on a method that was built."""

    updates: tuple[str, ...] = ("both",)
    """The updates of a step, by what they change; several if T1 or T2 of Algorithm 1 exceeds 1."""

    captures: ClassVar[bool] = True
    """Whether a GPU may repeat `compute` from a recording, see `adautomix.train.captured`. False in
    a method of one's own whose `compute` depends on anything but its arguments and the weights,
    such as a counter.
    """

    compute: Callable[..., Losses]
    """The tensor part of an update: a function of what `prepare` gave, the batch's images first,
    and of the weights. It takes no random numbers, so it may be compiled.
    """

    def __init__(self, classifier: Backbone, momentum: float | None):
        super().__init__()
        self.classifier = classifier
        self.classes: int | None = None  # measured where `targets` needs it
        self.teacher = None if momentum is None else Teacher(classifier, momentum)

    def forward(self, images: Tensor, labels: Tensor, rng: StepRNG, update: str = "both") -> Losses:
        """Return the losses of one update; `losses.total.backward()` computes all gradients.

        Args:
            images: "b c h w", floating point, normalised.
            labels: class numbers, "b" or "b 1", integers of any width, or one-hot or soft labels
                "b k" of any dtype, whose rows sum to 1.
            rng: the random numbers of the step, `rng_for(seed, step)`.
            update: one of `updates`.

        Raises:
            InputError: a batch that cannot be trained on, an update the method does not have, or a
                loss without a gradient.
        """
        targets = self.checked(images, labels, rng)
        compute = self.computing(update)
        losses = compute(*self.prepare(images, targets, rng))
        check_gradient(losses.total)
        return losses

    def computing(self, update: str) -> Callable[..., Losses]:
        """Return the tensor part of an update, a function of what `prepare` returns.

        Raises InputError for an update that the method does not have.
        """
        if update != "both":
            raise unknown("update", update, ["both"])
        return self.compute

    def checked(self, images: Tensor, labels: Tensor, rng: StepRNG) -> Labels:
        """Check the arguments of `forward` and return the labels with `targets` applied."""
        taken = check_batch(images, labels, rng)
        if self.targets.plain:
            return taken
        if self.classes is None:
            with evaluating(self.classifier), torch.no_grad():
                self.classes = self.classifier(images[:2]).shape[1]
        return self.targets(taken, self.classes)

    def prepare(
        self, images: Float[Tensor, "b c h w"], labels: Labels, rng: StepRNG
    ) -> tuple[Any, ...]:
        """Return the arguments of `compute`: the batch and everything that is random in the step.

        All use of random numbers and all decisions on the host belong here.
        """
        raise NotImplementedError

    def mixed(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed | None:
        """Return what a step with these random numbers trains on; None if nothing is mixed."""
        return None

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trained parameters by network; each may have its own learning rate."""
        return {"classifier": list(self.classifier.parameters())}

    def predictors(self) -> dict[str, nn.Module]:
        """Return the networks that can be evaluated: the classifier and, if any, its teacher."""
        found: dict[str, nn.Module] = {"classifier": self.classifier}
        if self.teacher is not None:
            found["teacher"] = self.teacher
        return found

    def after_step(self, progress: float) -> None:
        """Update the teacher; `progress` in [0, 1] is the completed fraction of the run."""
        if self.teacher is not None:
            self.teacher.follow(self.classifier, momentum_at(progress, self.teacher.base))

    def compile_step(self, **options: Any) -> None:
        """Compile `compute` by `torch.compile`, with its `options`.

        A batch of another size than the first, e.g. the last one of an epoch, runs uncompiled,
        since compiling the step again would take longer than it saves.
        """
        eager, compiled = self.compute, torch.compile(self.compute, dynamic=False, **options)
        sizes: list[torch.Size] = []

        def compute(images: Tensor, *rest: Any) -> Losses:
            sizes[:] = sizes or [images.shape]
            return (compiled if images.shape == sizes[0] else eager)(images, *rest)

        self.compute = compute


@runtime_checkable
class MethodConfig(Protocol):
    """Hyper-parameters of a method: a frozen dataclass that builds the `Method` to train."""

    if TYPE_CHECKING:  # so that `replace` takes one
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def passes(self) -> float:
        """Cost of one step in network passes, in units of one forward pass of the whole batch.

        A forward is 1, a backward 2, a backward to the input alone 1; plain training is 3. Mixing
        rules, mix blocks and the teacher's average are not counted: their cost is small.
        """
        ...

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> Method: ...


def as_backbone(classifier: nn.Module) -> Backbone:
    """A model as a `Backbone` with the default tap; a `Backbone` stays what it is.

    Raises:
        InputError: a model that `Backbone` refuses or that has no head, in which there is nothing
            to train, or through which no gradient passes.
    """
    backbone = classifier if isinstance(classifier, Backbone) else Backbone(classifier)
    if any(parameter.is_meta for parameter in backbone.parameters()):
        raise InputError(
            f"the weights of {backbone.name} have no values, they are on the meta device: make "
            "the model on another one, or move it by model.to_empty and load its weights."
        )
    if not any(parameter.requires_grad for parameter in backbone.parameters()):
        raise InputError(
            f"no parameter of {backbone.name} takes a gradient, so there is nothing to train: "
            "call requires_grad_() on its head at least."
        )
    _check_differentiable(backbone)
    if isinstance(getattr(backbone.model, "get_classifier", lambda: None)(), nn.Identity):
        raise InputError(
            f"the model {backbone.name} has no head, so its answers are features: make it with "
            "num_classes, or call model.reset_classifier."
        )
    return backbone


def _check_differentiable(backbone: Backbone) -> None:
    """InputError for quantised layers: torch warns, and what lies before them gets no gradient."""
    for name, module in backbone.model.named_modules():
        if type(module).__module__.startswith("torch.ao.nn.quantized"):
            raise InputError(
                f"the layer {name} of {backbone.name} is quantised, and no gradient passes through "
                "it: train the model first, and quantise it then."
            )


def check_teacher(momentum: float) -> None:
    """Raise InputError unless `momentum` is in [0, 1], for methods that need a teacher."""
    if not 0 <= momentum <= 1:
        raise InputError(
            f"momentum must lie in [0, 1], not be {momentum}: the teacher takes part in training."
        )


def check_batch(images: Tensor, labels: Tensor, rng: StepRNG) -> Labels:
    """Check a training batch and return its labels as `training_labels` does.

    On a GPU only types, shapes and dtypes are checked, so that the host need not wait for it.

    Raises:
        InputError: `images`, `labels` or `rng` cannot be used.
    """
    check_images(images)
    check_rng(rng)
    return training_labels(images, labels)


def training_labels(images: Tensor, labels: Tensor) -> Labels:
    """Return one label for each image: class numbers, int64, or soft labels, at least float32.

    Raises:
        InputError: labels that `adautomix.data.labels.labels_of` refuses, another number of them
            than of images, or fewer than two images.
    """
    taken = labels_of(labels, weighing(images))
    check_counts(images, taken)
    if len(images) < 2:
        raise InputError(
            f"a batch of {'one image' if len(images) else 'no images'} can neither be mixed nor "
            "normalised: "
            "use a larger batch, or drop_last=True in the loader."
        )
    return taken


def check_counts(images: Tensor, labels: Tensor) -> None:
    """Raise InputError unless there are as many labels as images."""
    if len(images) != len(labels):
        raise InputError(
            f"{len(images)} images came with {len(labels)} labels: give one label an image."
        )
