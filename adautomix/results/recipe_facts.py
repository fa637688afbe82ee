"""What is known of a recipe: the paper's settings, the authors', what it cost, and the notes."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from adautomix import recipes
from adautomix.data.catalog import info
from adautomix.recipes import Recipe
from adautomix.recipes.family import RELEASED
from adautomix.record import bench, is_copy, local, recorded
from adautomix.results.durations import duration
from adautomix.results.settings import Setting, settings
from adautomix.runs.job import Job

SUITE = "recipes"
"""The benchmark that measures a step of each recipe."""


def said(name: str, recipe: Recipe) -> list[Setting]:
    """Return what the paper says of a recipe's values; see `adautomix.results.settings`."""
    return settings(name, recipe)


def flat(recipe: Recipe) -> dict[str, str]:
    """Return the values of a recipe as text, by path: {"method.n": "3"}."""
    values = _flat(recipes.to_dict(recipe))
    return {path: str(value) for path, value in values.items() if path != "kind"}


def released(name: str, recipe: Recipe) -> list[str]:
    """Return how the authors' configuration differs, a line a field that both have.

    Empty for methods other than AdAutoMix.
    """
    data, net, method = name.split("/")[:3]
    if method != "adautomix":
        return []
    here = _flat(recipes.to_dict(recipe))
    there = _flat(recipes.to_dict(recipes.get(f"{data}/{net}/{RELEASED}")))
    lines = [f"{data}/{net}/{RELEASED} has another training step, and these values:"]
    for path, value in there.items():
        if not path.endswith("kind") and path in here and here[path] != value:
            lines.append(f"  {path}={value}, here {here[path]}")
        elif path not in here and not path.startswith("method."):
            lines.append(f"  {path}={value}, here none")
    return lines


def costs(job: Job) -> list[str]:
    """Return what recorded runs of a job took, and a step of its recipe; empty if unmeasured."""
    lines = []
    ids = {Job(job.name, job.budget, seed, job.changes).id() for seed in range(3)}
    for run in (*recorded().all(), *(r for r in local().all() if not is_copy(r))):
        if run.id in ids:
            took, where = run.provenance["seconds"], run.provenance["device"]
            lines.append(f"{run.id}: {duration(took)} on {where}")
    recipe = job.recipe()
    steps = recipe.epochs * (info(recipe.data).counts["train"] // recipe.batch)
    for record in bench.recorded(SUITE):
        rows = record.rows[record.rows["recipe"] == job.name]
        for row in rows.to_dict("records"):
            lines.append(f"{steps:,} steps; {_step(row)} on {record.device}")
    return lines


def notes(recipe: Recipe) -> str:
    """Return what the recipes of a dataset reproduce, and what the paper leaves open."""
    name = f"adautomix.recipes.{recipe.data}"
    return (import_module(name).__doc__ or "").strip() if find_spec(name) else ""


def _step(row: dict[str, Any]) -> str:
    """Return what was measured of a step, or what steps of fewer images say of it."""
    if row["images"] < row["batch"]:
        more = (
            f"{row['mib']:,.0f} MiB for {row['images']:.0f} images, {row['mib_an_image']:.0f} each"
        )
        return f"a step takes about {row['seconds']:.3g} s, and {more} more"
    parts = f" in {row['parts']:.0f} parts" if row["parts"] > 1 else ""
    return f"a step{parts} takes {row['seconds']:.3g} s and {row['mib']:,.0f} MiB"


def _flat(recipe: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested fields to "method.n": value."""
    found: dict[str, Any] = {}
    for name, value in recipe.items():
        nested = isinstance(value, dict)
        found |= _flat(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return found
