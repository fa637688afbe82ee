"""The commands `adautomix recipes list | show`."""

import shlex
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adautomix.recipes import Recipe
    from adautomix.results.cells import Cell
    from adautomix.runs.job import Job

PERCENT = "_percent"
SEEDS = (0, 1, 2)
"""The paper's numbers are means of three trials (Sec. 4)."""


def add_parsers(below: Any, command: Callable[..., Any]) -> None:
    """Add the commands to the command line; `command` is `_command` of `adautomix.cli.main`."""
    words = "list the recipes by the paper's tables, or show what one is"
    group = below.add_parser("recipes", help=words, description=f"{words.capitalize()}.")
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = command(
        inner, "list", show_all, "list the paper's numbers, and the recipe that makes each again"
    ).add_argument
    add("--table", metavar="N", type=int, help="of one table, e.g. 2 (default: count them all)")
    add("--figure", metavar="N", type=int, help="of one figure, 6 or 10")
    add("--row", metavar="ROW", help="of one row, e.g. AdAutoMix or 'N = 3'")
    add = command(
        inner,
        "show",
        show,
        "print a recipe: what it reproduces, its values beside the paper's and the authors', and "
        "what it cost",
    ).add_argument
    add(
        "recipe",
        metavar="RECIPE",
        help="data/backbone/method, and changes after slashes, e.g. "
        "cub200/resnet18/adautomix or cifar100/resnet18/adautomix/method.n=4",
    )


def show_all(options: Namespace) -> None:
    """Print the count of each table, or the cells of one with their runs and the choices made."""
    from adautomix.errors import InputError
    from adautomix.results import cells

    if options.table is not None and options.figure is not None:
        raise InputError("give --table or --figure, not both.")
    place = f"Table {options.table}" if options.table is not None else None
    place = f"Fig. {options.figure}" if options.figure is not None else place
    if place is None and options.row is None:
        for line in _counts():
            print(line)
        return
    found = cells.select(place, options.row)
    for line in _aligned([_columns(each) for each in found]):
        print(line)
    for line in _choices(found):
        print(line)
    print("`adautomix recipes show RECIPE` has the commands.")


def _columns(each: "Cell") -> tuple[str, ...]:
    """Return what is listed of a cell; a run can be given to a shell as it stands."""
    number = "" if each.value is None else f"{each.value:g}"
    start = f" from {each.start}" if each.start else ""
    run = f"{shlex.quote(each.run)}{start}" if each.run else f"none: {each.none}"
    measured = each.condition or each.metric
    return each.place, each.row, each.dataset, each.backbone, measured, f"{number:>7}", run


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return a line a row, with columns as wide as their longest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _choices(found: "list[Cell]") -> list[str]:
    """Return what was chosen in the tables of these cells, a line a table."""
    from adautomix.results.cells import WHY

    numbers = sorted({each.table for each in found if each.table is not None})
    return [f"Table {number}: {WHY[number]}" for number in numbers if number in WHY]


def _counts() -> Iterator[str]:
    """Yield a line for each table and figure: its numbers, and how many have a command."""
    from adautomix.results import cells

    numbers = [each for each in cells.cells() if each.value is not None]
    for place, found in cells.places().items():
        printed = [each for each in found if each.value is not None]
        if not printed:
            yield f"{place:<9} {len(found):>3} runs, without a printed number"
            continue
        made = [each for each in printed if each.run]
        rest = dict.fromkeys(each.none for each in printed if not each.run)
        why = f"; without: {', '.join(rest)}" if rest else ""
        yield f"{place:<9} {len(printed):>3} numbers, {len(made)} with a command{why}"
    whole = sum(bool(each.run) for each in numbers)
    yield f"{'together':<9} {len(numbers):>3} numbers, {whole} with a command"


def show(options: Namespace) -> None:
    """Print a recipe, see `_sections`."""
    from adautomix.results.cells import job_of

    job = job_of(options.recipe)
    recipe = job.recipe()
    print(options.recipe)
    for title, lines in _sections(options.recipe, job, recipe):
        for i, line in enumerate(lines):
            print(f"{title if i == 0 else '':<14} {line}".rstrip())


def _sections(name: str, job: "Job", recipe: "Recipe") -> Iterator[tuple[str, list[str]]]:
    """Yield what is shown of a recipe, section by section: its title and its lines."""
    from adautomix.results import cells, recipe_facts

    found = [each for each in cells.cells() if name in (each.run, each.start)]
    yield "reproduces", [_in_words(each, name) for each in found]
    commands = dict.fromkeys(line for each in found for line in each.commands())
    yield "commands", list(commands) or [job.command()]
    if found:
        yield "", [f"and with --seed {' and '.join(map(str, SEEDS[1:]))}: {MEAN}"]
    yield "choices", _choices(found)
    yield "paper's values", [_said(each) for each in recipe_facts.said(name, recipe)]
    yield "released", recipe_facts.released(name, recipe)
    yield "values", [f"{field}={value}" for field, value in recipe_facts.flat(recipe).items()]
    yield "cost", recipe_facts.costs(job) or [""]
    yield "notes", recipe_facts.notes(recipe).splitlines()


MEAN = "the paper's numbers are means of three trials"


def _in_words(each: "Cell", name: str) -> str:
    """Return a cell as one line; `name` is the run that is shown, or the one it starts from."""
    quantity = each.metric.removesuffix(PERCENT).replace("_", " ")
    unit = " %" if each.metric.endswith(PERCENT) else ""
    number = "no printed number" if each.value is None else f"{quantity} {each.value:g}{unit}"
    start = "the start of " if each.start == name else ""
    where = ", ".join(filter(None, (each.dataset, each.backbone, each.condition)))
    return f"{each.place}, {start}{each.row}, {where}: {number}"


def _said(each: Any) -> str:
    """Return a setting of the paper beside the recipe's as one line."""
    words = " or ".join(f"{value:g}" for value in each.said)
    other = "" if each.kept else f", here {each.here:g}"
    return f"{each.name} {words} ({each.note}){other}"
