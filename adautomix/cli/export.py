"""The command `adautomix export`."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adautomix.cli.commands import find, store


def add_parser(below: Any, command: Callable[..., Any], runs: Callable[..., None]) -> None:
    """Add the command; `command` and `runs` are `_command` and `_where_runs_are` of `main`."""
    add = command(
        below, "export", export, "write a run's networks for timm and the hub, with a model card"
    ).add_argument
    add("run", metavar="RUN", help="id of a run with weights, or its beginning")
    add("--to", metavar="DIR", type=Path, required=True, help="a new folder")
    add("--push", metavar="USER/MODEL", help="then upload it to the Hugging Face hub, as private")
    runs(add)


def export(options: Namespace) -> None:
    """Export a run, and push it if asked."""
    from adautomix import recipes
    from adautomix.runs import export as exporting
    from adautomix.runs.model_card import loading

    run = find(options.run, store(options))
    folder = exporting.export(run, options.to)
    print(f"Exported to {folder}, which timm loads by")
    print("\n".join(loading(recipes.from_dict(run.recipe), str(folder))))
    if options.push is not None:
        print(f"Pushed to {exporting.push(folder, options.push)}")
