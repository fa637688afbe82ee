"""What is wanted, a job, and how it is run."""

import shlex
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from adautomix import recipes
from adautomix.checked import checked
from adautomix.device import Numerics, decide
from adautomix.recipes import Recipe
from adautomix.record.run import run_id
from adautomix.record.store import Store, local

EMBEDDED = ("smoke", "quick")
"""The budgets that move a recipe to PhotoDigits."""


@dataclass(frozen=True)
@checked
class Job:
    """One run that is wanted.

    Attributes:
        name: of the recipe, e.g. "cifar100/resnet18/adautomix".
        budget: see `adautomix.recipes.BUDGETS`.
        seed: of everything random.
        changes: fields changed from the recipe, e.g. ("method.n=4",); they are part of the run's
            identity.
    """

    name: str
    budget: str = "quick"
    seed: int = 0
    changes: tuple[str, ...] = ()

    def recipe(self) -> Recipe:
        """The recipe at the budget, with the changes."""
        return reduce(recipes.override, self.changes, self._usual())

    @property
    def method(self) -> str:
        """The last part of the recipe's name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def base(self) -> str:
        """The recipe's name, or its counterpart on PhotoDigits where the budget moves it there."""
        return f"photodigits/thin/{self.method}" if self.budget in EMBEDDED else self.name

    def recorded_name(self) -> str:
        """The base, then what was changed, however it was said; what is so already is left out."""
        usual, recipe = self._usual(), self.recipe()
        said = (change.partition("=")[0].strip() for change in self.changes)
        paths = dict.fromkeys(recipes.recorded_path(recipe, path) for path in said)
        texts = {path: recipes.written(recipe, path) for path in paths}
        effective = [
            f"{p}={text}" for p, text in texts.items() if text != recipes.written(usual, p)
        ]
        return "/".join([self.base, *effective])

    def _usual(self) -> Recipe:
        """The recipe at the budget, without the changes."""
        return recipes.with_budget(recipes.get(self.name), self.budget)

    def id(self) -> str:
        """The name of the run's folder."""
        recipe = self.recipe()
        return run_id(recipes.to_dict(recipe), self.budget, self.seed, self.method, recipe.data)

    def command(self, numerics: Numerics | None = None) -> str:
        """The line that runs it again; of the numerics, what is not the default on this machine."""
        words = ["adautomix", "train", self.name]
        words += ["--budget", self.budget, "--seed", str(self.seed)]
        for change in self.changes:
            words += ["--set", change]
        return shlex.join([*words, *_options(numerics or decide())])


def _options(numerics: Numerics) -> list[str]:
    """The words of the command line without which these numerics would be others."""
    words = []
    if numerics.device != decide().device:
        words += ["--device", numerics.device]
    if numerics.precision != decide(numerics.device).precision:
        words += ["--precision", numerics.precision]
    return [*words, "--compile"] if numerics.compile else words


@dataclass(frozen=True)
class RunOptions:
    """Where and how a job runs; nothing here changes what it is.

    Attributes:
        numerics: device and precision.
        store: where the record goes.
        root: where the dataset lies; None searches the usual places.
        time_limit: seconds after which to stop at a step boundary with a checkpoint; None for no
            limit.
        checkpoint_every: seconds between two checkpoints.
        progress: show a progress bar where there is a terminal or a notebook.
    """

    numerics: Numerics = field(default_factory=decide)
    store: Store = field(default_factory=local)
    root: str | Path | None = None
    time_limit: float | None = None
    checkpoint_every: float = 60.0
    progress: bool = True
