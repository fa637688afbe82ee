"""`Job`, a run to make (recipe, budget, seed), and `RunOptions`, where and how to run it."""

import shlex
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from adautomix import processes, recipes
from adautomix.device import Numerics, decide
from adautomix.fields import checked
from adautomix.recipes import Recipe
from adautomix.record.run import run_id
from adautomix.record.store import Store, local


@dataclass(frozen=True)
@checked
class Job:
    """A run to make.

    Attributes:
        name: name of the recipe, e.g. "cifar100/resnet18/adautomix".
        budget: see `adautomix.recipes.BUDGETS`.
        seed: of everything random.
        changes: changes of the recipe's fields, e.g. ("method.n=4",); part of the run's id.
    """

    name: str
    budget: str = "quick"
    seed: int = 0
    changes: tuple[str, ...] = ()

    def recipe(self) -> Recipe:
        """Return the recipe at the budget, with the changes."""
        return reduce(recipes.override, self.changes, self._unchanged())

    @property
    def method(self) -> str:
        """The last part of the recipe's name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def base(self) -> str:
        """The recipe's name, or that of its counterpart on PhotoDigits where the budget needs it.

        See `adautomix.recipes.keeps_data`.
        """
        own = recipes.keeps_data(recipes.get(self.name), self.budget)
        return self.name if own else f"photodigits/thin/{self.method}"

    def recorded_name(self) -> str:
        """Return the name in a record: `base` and the changes that have an effect, normalised."""
        unchanged, recipe = self._unchanged(), self.recipe()
        said = (change.partition("=")[0].strip() for change in self.changes)
        paths = dict.fromkeys(recipes.recorded_path(recipe, path) for path in said)
        texts = {path: recipes.written(recipe, path) for path in paths}
        effective = [
            f"{p}={text}" for p, text in texts.items() if text != recipes.written(unchanged, p)
        ]
        return "/".join([self.base, *effective])

    def _unchanged(self) -> Recipe:
        """Return the recipe at the budget, without the changes."""
        return recipes.with_budget(recipes.get(self.name), self.budget)

    def id(self) -> str:
        """Return the run's id, the name of its folder."""
        recipe = self.recipe()
        return run_id(recipes.to_dict(recipe), self.budget, self.seed, self.method, recipe.data)

    def command(self, numerics: Numerics | None = None, *, skip_unreadable: bool = False) -> str:
        """Return the command that runs the job; numerics only if not this machine's default."""
        words = [*processes.launcher(), "adautomix", "train", self.name]
        words += ["--budget", self.budget, "--seed", str(self.seed)]
        for change in self.changes:
            words += ["--set", change]
        words += _options(numerics or decide())
        return shlex.join([*words, *(["--skip-unreadable"] if skip_unreadable else [])])


def _options(numerics: Numerics) -> list[str]:
    """Return the command-line options for numerics that differ from this machine's default."""
    words = []
    device = numerics.device.partition(":")[0] if processes.count() > 1 else numerics.device
    if device != decide().device:
        words += ["--device", device]
    if numerics.precision != decide(numerics.device).precision:
        words += ["--precision", numerics.precision]
    words += ["--compile"] if numerics.compile else []
    return words if numerics.capture else [*words, "--eager"]


@dataclass(frozen=True)
class RunOptions:
    """Where and how a job runs; none of these options is part of the run's id.

    Attributes:
        numerics: device and precision.
        store: the store of the record.
        root: folder or file of the dataset; None searches, see `adautomix.data.download`.
        time_limit: seconds after which to save a checkpoint and stop; None for no limit.
        checkpoint_every: seconds between two checkpoints.
        skip_unreadable: leave out image files that cannot be read, and say in the record how many
            and which; see `adautomix.data.read`.
        progress: show a progress bar on a terminal or in a notebook.
        sync_batchnorm: take BatchNorm's statistics over the images of all processes.
        adopt: instead of making a run that is recorded with its weights, copy it to the store.
    """

    numerics: Numerics = field(default_factory=decide)
    store: Store = field(default_factory=local)
    root: str | Path | None = None
    time_limit: float | None = None
    checkpoint_every: float = 60.0
    skip_unreadable: bool = False
    progress: bool = True
    sync_batchnorm: bool = False
    adopt: bool = False
