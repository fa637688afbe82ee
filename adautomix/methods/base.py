"""What every training method is: a module whose forward is one whole step, for one loop."""

from collections.abc import Callable
from dataclasses import Field, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from adautomix.data.labels import unchecked_numbers
from adautomix.errors import InputError, unknown
from adautomix.mix import Mixed
from adautomix.mix.base import check_images
from adautomix.models import Backbone, Teacher, momentum_at
from adautomix.rng import StepRNG, check_draw


@dataclass(frozen=True)
class Losses:
    """What one step computed.

    Attributes:
        total: the scalar whose gradient moves every player at once.
        terms: the named losses of the paper that went into it, detached, for the curves.
    """

    total: Float[Tensor, ""]
    terms: dict[str, Float[Tensor, ""]]

    @classmethod
    def of(cls, total: Float[Tensor, ""], **terms: Float[Tensor, ""]) -> "Losses":
        """From the total and its terms, which are detached."""
        return cls(total, {name: term.detach() for name, term in terms.items()})


class Method(nn.Module):
    """A classifier, perhaps a teacher, perhaps more players, and how they are trained.

    Args:
        classifier: the network ψ_W that is wanted in the end.
        momentum: ξ at the start of the teacher's cosine (A.2); None for no teacher.
    """

    updates: tuple[str, ...] = ("both",)
    """Whom each update of a step moves; more than one where T1 or T2 of Algorithm 1 exceeds 1."""

    compute: Callable[..., Losses]
    """The tensor part of an update: a function of what `prepare` gave, the batch's images first,
    and of the weights. It draws nothing, so it may be compiled.
    """

    def __init__(self, classifier: Backbone, momentum: float | None):
        super().__init__()
        self.classifier = classifier
        self.teacher = None if momentum is None else Teacher(classifier, momentum)

    def forward(self, images: Tensor, labels: Tensor, rng: StepRNG, update: str = "both") -> Losses:
        """One update's losses; `losses.total.backward()` gives every player its gradient.

        Args:
            images: "b c h w", floating point, normalised.
            labels: class numbers, "b" or "b 1", integers of any width.
            rng: the random numbers of the step, `rng_for(seed, step)`.
            update: one of `updates`.

        Raises:
            InputError: a batch that cannot be trained on, or an update that the method has not.
        """
        labels = check_batch(images, labels, rng)
        if update != "both":
            raise unknown("update", update, ["both"])
        return self.compute(*self.prepare(images, labels, rng))

    def prepare(
        self, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"], rng: StepRNG
    ) -> tuple[Any, ...]:
        """What `compute` takes: the batch, and what the step's random numbers decide.

        Whatever is drawn, or looked at by the host, is so here.
        """
        raise NotImplementedError

    def mixed(self, images: Float[Tensor, "b c h w"], rng: StepRNG) -> Mixed | None:
        """What a step with these numbers trains on, without gradients; None if nothing is mixed."""
        return None

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The trained parameters by player; each may have its own learning rate."""
        return {"classifier": list(self.classifier.parameters())}

    def predictors(self) -> dict[str, nn.Module]:
        """What can be evaluated: the classifier and, where there is one, its teacher."""
        found: dict[str, nn.Module] = {"classifier": self.classifier}
        if self.teacher is not None:
            found["teacher"] = self.teacher
        return found

    def after_step(self, progress: float) -> None:
        """The teacher follows; `progress` in [0, 1] is the share of the run that is done."""
        if self.teacher is not None:
            self.teacher.follow(self.classifier, momentum_at(progress, self.teacher.base))

    def compile_step(self, **options: Any) -> None:
        """Compile `compute` by `torch.compile`.

        A batch of another size than the first, as an epoch's last may be, runs uncompiled:
        compiling the step again would take longer than it saves.
        """
        eager, compiled = self.compute, torch.compile(self.compute, dynamic=False, **options)
        sizes: list[torch.Size] = []

        def compute(images: Tensor, *rest: Any) -> Losses:
            sizes[:] = sizes or [images.shape]
            return (compiled if images.shape == sizes[0] else eager)(images, *rest)

        self.compute = compute


@runtime_checkable
class MethodConfig(Protocol):
    """A method's hyper-parameters: a frozen dataclass that makes the `Method` to train."""

    if TYPE_CHECKING:  # so that `replace` takes one
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def passes(self) -> float:
        """What one step costs in network passes, in units of one forward of the whole batch.

        A forward is 1, a backward 2, a backward to the input alone 1; plain training is 3. Mixing
        rules, mix blocks and the average that makes the teacher are left out: they are small.
        """
        ...

    def build(self, classifier: nn.Module, side: int, *, seed: int = 0) -> Method: ...


def as_backbone(classifier: nn.Module) -> Backbone:
    """A timm model as a `Backbone` with the default tap; a `Backbone` stays what it is.

    Raises:
        InputError: a model that is none of timm's, in which there is nothing to train, or through
            which no gradient passes.
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
    """InputError for a momentum that a teacher in training cannot have."""
    if not 0 <= momentum <= 1:
        raise InputError(
            f"momentum must lie in [0, 1], not be {momentum}: the teacher takes part in training."
        )


def check_batch(images: Tensor, labels: Tensor, rng: StepRNG) -> Int[Tensor, " b"]:
    """The labels, as `training_labels` gives them, of a batch that can be trained on.

    It looks at types, shapes and dtypes alone, so nobody waits for a GPU.

    Raises:
        InputError: no batch of images, no labels of them, no random numbers of a step.
    """
    check_images(images)
    check_draw(rng)
    return training_labels(images, labels)


def training_labels(images: Tensor, labels: Tensor) -> Int[Tensor, " b"]:
    """One class number an image, int64, from integers of any width, "b" or "b 1".

    Raises:
        InputError: labels of another form or number, or fewer than two images.
    """
    if isinstance(labels, Tensor) and labels.ndim != 1 and labels.shape[1:] != (1,):
        raise InputError(
            f"labels must be integers of shape (batch,), not {labels.dtype} "
            f"of shape {tuple(labels.shape)}: "
            "give class numbers, not one-hot vectors."
        )
    numbers = unchecked_numbers(labels, classes=0)  # there are no one-hot rows left to count
    check_counts(images, numbers)
    if len(images) < 2:
        raise InputError(
            f"a batch of {'one image' if len(images) else 'no images'} can neither be mixed nor "
            "normalised: "
            "use a larger batch, or drop_last=True in the loader."
        )
    return numbers


def check_counts(images: Tensor, labels: Tensor) -> None:
    """InputError unless there are as many labels as images."""
    if len(images) != len(labels):
        raise InputError(
            f"{len(images)} images came with {len(labels)} labels: give one label an image."
        )
