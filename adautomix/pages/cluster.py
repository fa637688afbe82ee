"""What the recipes of the paper's tables need, as a table of the page "From a laptop to a cluster".

Memory and seconds are measured, by `python -m adautomix.bench recipes --whole`. Operations are
those of a forward pass, counted, times the passes of a step.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from adautomix import recipes
from adautomix.data.catalog import info
from adautomix.pages.efficiency import latest
from adautomix.record import Run, recorded
from adautomix.record.bench import Bench

SUITE = "recipes"
HEADER = (
    "| recipe | image (px) | batch | GiB of a step | GiB an image more | TFLOP of a step "
    "| s of a step | steps | days of a run, one core | hours of a run, GPU | from |"
)
BLANK = ""
TIMED = "plain-cifar100-short-"
"""Start of the id of the recorded run on a GPU that says how fast one trains."""


def table() -> str:
    """Return the table as Markdown, a row a recipe, under the sentence that says what was used."""
    bench, rate = latest(SUITE), gpu_rate()
    rows = [_row(name, bench, rate) for name in adautomix()]
    return "\n".join([f"**{_title(bench, rate)}**", "", HEADER, _rule(), *rows]) + "\n"


def adautomix() -> Iterator[str]:
    """Yield AdAutoMix's recipe for each network of the paper's datasets."""
    for name, recipe in recipes.RECIPES.items():
        if name.endswith("/adautomix") and not info(recipe.data).embedded:
            yield name


def gpu_rate() -> float:
    """Return the operations a second at which a GPU trained the recorded run `TIMED`."""
    run = _timed()
    recipe = recipes.from_dict(run.recipe)
    return flops(recipe) * run.provenance["steps"] / run.provenance["seconds"]


def flops(recipe: recipes.Recipe) -> float:
    """Return the operations of a step: those of a forward pass times `passes` of the method.

    Those of the generator, of mixing and of the optimiser are left out: a few per cent.
    """
    net = replace(recipe.net, pretrained=False)
    facts = info(recipe.data)
    forward = _forward(net, facts.classes, recipe.augment.side_of(facts))
    return float(forward * recipe.method.passes * recipe.batch)


@cache
def _forward(net: Any, classes: int, side: int) -> int:
    """Return the operations of a forward pass of one image; nothing is computed."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = net.build(classes).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        model(torch.empty(1, 3, side, side, device="meta"))
    return counted.get_total_flops()


def _timed() -> Run:
    return next(run for run in recorded().all() if run.id.startswith(TIMED))


def _title(bench: Bench, rate: float) -> str:
    run = _timed()
    gpu, precision = run.provenance["device"].partition(": ")[2], ", ".join(run.precisions)
    return (
        f"AdAutoMix's recipe for each network of Tables 1 to 3. Measured on {bench.device}, "
        f"{bench.provenance['precision']}; the GPU is the {gpu} of the recorded run `{run.id}`, "
        f"which did {rate / 1e12:.1f} TFLOP/s in {precision}."
    )


def _rule() -> str:
    return "|:--|" + "--:|" * (HEADER.count("|") - 3) + ":--|"


def _row(name: str, bench: Bench, rate: float) -> str:
    recipe = recipes.get(name)
    facts = info(recipe.data)
    own, like = _measured(name, bench)
    operations = flops(recipe)
    steps = recipe.epochs * (facts.counts["train"] // recipe.batch)
    memory = more = seconds = days = BLANK
    source = f"{recipe.method.passes:g} forward passes"
    if own:
        memory = f"{whole_mib(own) / 1024:.1f}"
        more = f"{own['mib_an_image'] / 1024:.3f}"
        seconds, days = f"{own['seconds']:.3g}", f"{steps * own['seconds'] / 86400:,.0f}"
        source = "measured" if own["images"] == own["batch"] else f"{own['images']:.0f} images"
        source = source if like == name else f"as `{like.removesuffix('/adautomix')}`"
    hours = steps * operations / rate / 3600
    cells = [f"`{name.removesuffix('/adautomix')}`", f"{recipe.augment.side_of(facts)}"]
    cells += [f"{recipe.batch}", memory, more, f"{operations / 1e12:.2f}", seconds, f"{steps:,}"]
    return f"| {' | '.join([*cells, days, f'{hours:.0f}', source])} |"


def _measured(name: str, bench: Bench) -> tuple[dict[str, Any] | None, str]:
    """Return the measured row of a recipe, or of one with the same network, images and batch."""
    rows = {row["recipe"]: row for row in bench.rows.to_dict("records")}
    recipe = recipes.get(name)
    for other in (name, *rows):
        there = recipes.get(other)
        alike = replace(recipe, data=there.data) == replace(there, method=recipe.method)
        if other in rows and alike:
            return rows[other], other
    return None, name


def whole_mib(row: dict[str, Any]) -> float:
    """Return the memory of a step on the whole batch at once, in MiB, of a measured row.

    A measured step on fewer images, or on parts of the batch, is continued along the line.
    """
    together = row["images"] / (row["parts"] if row["images"] == row["batch"] else 1)
    return row["mib"] + row["mib_an_image"] * (row["batch"] - together)
