"""Documents and runs made up for the tests of the records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adautomix.record import Run, Store, run_id

Document = dict[str, Any]


def make_document(name: str = "photodigits/thin/plain", seed: int = 0, **changes: Any) -> Document:
    """A sound document; `top1` sets the classifier's accuracies, `recipe` and `budget` the id."""
    data, _, method = name.split("/")[:3]
    recipe = changes.pop("recipe", {"data": data, "method": {"kind": method, "alpha": 0.5}})
    budget = changes.pop("budget", "quick")
    top1 = changes.pop("top1", 0.81)
    document = {
        "schema": 1,
        "id": run_id(recipe, budget, seed, method=method, data=data),
        "name": name,
        "recipe": recipe,
        "budget": budget,
        "seed": seed,
        "metrics": {"classifier": {"top1_last": top1, "top1_median10": top1}},
        "evaluations": [],
        "extras": {"kept_digit_share": 0.61},
        "provenance": {"commit": None, "dirty": None, "seconds": 61.2},
    }
    return document | changes


CURVE = [
    {"epoch": 1, "step": 10, "lr": 0.1, "train_total": 2.302585092994046, "classifier_top1": 0.1},
    {"epoch": 2, "step": 20, "lr": 0.0, "train_total": 1 / 3, "classifier_top1": 0.81},
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def document() -> Callable[..., Document]:
    """Makes documents."""
    return make_document


@pytest.fixture
def curve() -> list[dict[str, float]]:
    """Two epochs."""
    return [dict(row) for row in CURVE]


@pytest.fixture
def run(store: Store) -> Callable[..., Run]:
    """Records a made-up run in `store` and returns it."""
    return lambda *args, **changes: store.write(make_document(*args, **changes), CURVE)
