"""The numbers of A.2 and A.3 beside what a recipe has, from `data/paper/settings.csv`."""

from collections.abc import Callable
from dataclasses import dataclass

from adautomix.data.catalog import info
from adautomix.methods import AdAutoMix
from adautomix.models import momentum_at
from adautomix.recipes import Recipe
from adautomix.results import paper
from adautomix.results.cells import DATA, NETS

STAGES = 4
"""Of every network of the paper; the tap counts them from the end."""
READ: dict[str, Callable[[Recipe], float]] = {
    "epochs": lambda recipe: recipe.epochs,
    "batch": lambda recipe: recipe.batch,
    "lr": lambda recipe: recipe.optim.lr,
    "sgd_momentum": lambda recipe: getattr(recipe.optim, "momentum", 0),
    "weight_decay": lambda recipe: recipe.optim.weight_decay,
    "padding_px": lambda recipe: getattr(recipe.augment, "padding", 0),
    "resolution_px": lambda recipe: recipe.augment.side_of(info(recipe.data)),
    "stem_px": lambda recipe: 3 if recipe.net.stem == "cifar" else 7,
    "layer": lambda recipe: STAGES + 1 + int(recipe.net.tap),
    "loss_alpha": lambda recipe: _adautomix(recipe).alpha,
    "loss_beta": lambda recipe: _adautomix(recipe).beta,
    "ratio": lambda recipe: _adautomix(recipe).concentration,
    "images": lambda recipe: _adautomix(recipe).n,
    "xi_first": lambda recipe: _adautomix(recipe).momentum,
    "xi_last": lambda recipe: momentum_at(1.0, _adautomix(recipe).momentum),
}
"""A setting of the paper → its value in a recipe."""


@dataclass(frozen=True)
class Setting:
    """A number that A.2 or A.3 gives for a recipe.

    Attributes:
        name: what it is, a key of `READ`.
        said: the paper's values; several where it gives a choice.
        note: the section, and what is odd.
        here: the recipe's value.
    """

    name: str
    said: tuple[float, ...]
    note: str
    here: float

    @property
    def kept(self) -> bool:
        """Whether the recipe has a value that the paper gives."""
        return self.here in self.said


def settings(name: str, recipe: Recipe) -> list[Setting]:
    """Return what A.2 and A.3 say of a recipe named "data/network/method".

    What is said of a network goes before what is said of a dataset, and that before what is said
    of all experiments.
    """
    data, net, _ = name.split("/")[:3]
    wanted = {
        "method": {"", "AdAutoMix"} if isinstance(recipe.method, AdAutoMix) else {""},
        "dataset": {"", *(title for title, key in DATA.items() if key == data)},
        "backbone": {"", *(title for title, key in NETS.items() if key == net)},
    }
    rows = paper.table("settings")
    for column, values in wanted.items():
        rows = rows[rows[column].isin(values)]
    found = []
    for metric, group in rows.groupby("metric", sort=False):
        rank = group[["dataset", "backbone"]].ne("").sum(axis=1)
        nearest = group[rank == rank.max()]
        said = tuple(map(float, nearest["value"]))
        notes = "; ".join(dict.fromkeys(nearest["note"]))
        found.append(Setting(str(metric), said, notes, float(READ[str(metric)](recipe))))
    return found


def _adautomix(recipe: Recipe) -> AdAutoMix:
    assert isinstance(recipe.method, AdAutoMix)  # the rows of other methods are left out before
    return recipe.method
