"""The command line: `adautomix train | evaluate | runs | experiment | recipes | data | …`.

An error is printed as one sentence on stderr, with a non-zero exit status: 1 something is missing
or failed, 2 bad input, 3 stopped early with a checkpoint. `--traceback` anywhere on the line, or
the environment variable ADAUTOMIX_TRACEBACK, shows the traceback.
"""

import argparse
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from adautomix import __version__
from adautomix.cli import commands, data, experiment, export, recipes
from adautomix.cli.commands import path
from adautomix.errors import AdAutoMixError, InputError, Interrupted, unknown
from adautomix.names import EVALUATIONS
from adautomix.record import BUDGETS

INTERRUPTED = 130
SKIP = "read each image file once and leave out those that cannot be read; the record names them"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return run(parser, arguments)


def run(parser: Callable[[], argparse.ArgumentParser], arguments: Sequence[str] | None) -> int:
    """Run a command line; an error of the package becomes a message and an exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    trace = "--traceback" in arguments or bool(os.environ.get("ADAUTOMIX_TRACEBACK"))
    try:
        options = parser().parse_args([word for word in arguments if word != "--traceback"])
        options.command(options)
        sys.stdout.flush()  # raises BrokenPipeError here rather than at Python's exit
    except AdAutoMixError as error:
        if trace:
            traceback.print_exc()
        number = os.environ.get("RANK", "0")  # of several processes, given by torchrun
        if number == "0":
            print(f"adautomix: {error}", file=sys.stderr)
        elif not isinstance(error, Interrupted):  # which is the same in all
            print(f"adautomix, process {number}: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("adautomix: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = Parser(
        prog="adautomix",
        description="Adversarial AutoMixup (ICLR 2024): train, evaluate, compare, make the book.",
        epilog="Exit status: 0 done, 1 something is missing or failed, 2 bad input, 3 stopped "
        "early with a checkpoint. --traceback anywhere on the line shows where an error came from.",
    )
    top.add_argument("--version", action="version", version=f"adautomix {__version__}")
    below = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _train(below)
    _evaluate(below)
    _runs(below)
    export.add_parser(below, _command, _where_runs_are)
    experiment.add_parsers(below, _command, _places)
    recipes.add_parsers(below, _command)
    data.add_parsers(below, _command)
    _book(below)
    _command(
        below,
        "doctor",
        commands.doctor,
        "print versions, devices, what data is there, and the command that gets what is missing",
    )
    return top


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that shows defaults, except None, False and empty lists."""

    def __init__(self, prog: str):
        width = min(100, shutil.get_terminal_size().columns)
        super().__init__(prog, max_help_position=28, width=width)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default is None or action.default is False or action.default == []
        return action.help if silent else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Parser that raises InputError with one sentence for a bad command line."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, formatter_class=_Help, **settings)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see `{self.prog} --help`).")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Raise InputError for unknown arguments, suggesting the nearest option."""
        options, left = super().parse_known_args(args, namespace)
        for word in left:
            if word.startswith("--"):
                raise unknown(f"option of {self.prog}", word.split("=")[0], self._long_options())
            self.error(f"unrecognized argument {word!r}")
        return options, left

    def _long_options(self) -> list[str]:
        return [name for name in self._option_string_actions if name.startswith("--")]


def _command(
    below: Any, name: str, command: Callable[[argparse.Namespace], None], what: str
) -> argparse.ArgumentParser:
    """Add a command; `what` is its line in the list and the description in its help."""
    made = below.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    made.set_defaults(command=command)
    return made


def _train(below: Any) -> None:
    add = _command(
        below,
        "train",
        commands.train,
        "train a recipe and record the run; show a recorded run, go on with an interrupted one",
    ).add_argument
    add("recipe", metavar="RECIPE", help="data/backbone/method, e.g. cifar100/resnet18/adautomix")
    add("--budget", metavar=_either(BUDGETS), default="quick", help="what to spend")
    add("--seed", type=int, default=0, help="of everything random")
    add(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="change fields of the recipe, e.g. --set method.n=4 --set epochs=20: another run",
    )
    add("--device", metavar="{auto,cpu,cuda,cuda:1,mps}", default="auto", help="where to compute")
    add("--precision", metavar="{auto,fp32,bf16}", default="auto", help="of the forward pass")
    add("--compile", action="store_true", help="compile the step with torch.compile")
    add(
        "--sync-batchnorm",
        action="store_true",
        help="of several processes: take BatchNorm's statistics over the images of all (GPUs)",
    )
    add("--eager", action="store_true", help="on a GPU, repeat no step from a CUDA graph")
    add("--time-limit", metavar="TIME", help=experiment.TIME_LIMIT)
    add("--checkpoint-every", metavar="TIME", default="60s", help="time between two checkpoints")
    add("--skip-unreadable", action="store_true", help=SKIP)
    _places(add)


def _evaluate(below: Any) -> None:
    add = _command(
        below,
        "evaluate",
        commands.evaluate,
        "evaluate the kept weights of a run: accuracy, or what is asked for, which is recorded",
    ).add_argument
    add("run", metavar="RUN", help="id of a run, or the beginning of one")
    for name, each in EVALUATIONS.items():
        add(f"--{name.replace('_', '-')}", action="store_true", help=each.what)
    add("--all", action="store_true", help="all of these")
    add("--predictor", metavar="{classifier,teacher,both}", default="both", help="of the run")
    add("--device", metavar="{auto,cpu,cuda,cuda:1,mps}", default="auto", help="where to compute")
    add("--skip-unreadable", action="store_true", help=SKIP)
    _places(add)


def _runs(below: Any) -> None:
    group = below.add_parser(
        "runs",
        help="list, show, compare, repeat or publish runs",
        description="List, show, compare, repeat or publish runs.",
    )
    group.set_defaults(command=commands.runs_list, runs=None, here=False)
    inner = group.add_subparsers(title="commands", metavar="COMMAND (without one: list)")
    one: dict[str, Any] = {"metavar": "RUN", "help": "id of a run, or the beginning of one"}
    more: dict[str, Any] = {
        "metavar": "RUN",
        "nargs": "+",
        "help": "ids of runs, or beginnings of ids",
    }
    made = {}
    for name, command, argument, what in (
        ("list", commands.runs_list, {}, "list the runs made here and those of the package"),
        (
            "show",
            commands.runs_show,
            {"run": one},
            "show one run: its numbers, how it was made, and the command that makes it again",
        ),
        (
            "compare",
            commands.runs_compare,
            {"runs_to_compare": more},
            "compare runs: the fields in which they differ, and their numbers side by side",
        ),
        (
            "repeat",
            commands.runs_repeat,
            {"run": one},
            "make a run again from scratch, and say whether it is the same to the last bit",
        ),
        (
            "publish",
            commands.runs_publish,
            {"runs_to_publish": more},
            "copy runs made here to the recorded runs of the checkout",
        ),
    ):
        made[name] = _command(inner, name, command, what).add_argument
        for dest, how in argument.items():
            made[name](dest, **how)
        _where_runs_are(made[name])
    made["list"]("--here", action="store_true", help="only those made here")
    made["publish"]("--to", metavar="PATH", type=path, help="(default: data/runs)")
    made["publish"]("--weights", action="store_true", help="copy their weights, too")
    _where_data_are(made["repeat"])


def _book(below: Any) -> None:
    add = _command(
        below, "book", commands.book, "run the notebooks and render the book"
    ).add_argument
    add(
        "--budget", metavar=_either(BUDGETS), default="quick", help="for every notebook that has it"
    )
    add(
        "--seeds",
        metavar="SEED",
        type=int,
        nargs="+",
        help="for every notebook that has them, e.g. --seeds 0 1 2",
    )
    add(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another parameter of the notebooks, e.g. --set device=cuda",
    )
    add(
        "--only",
        metavar="NAME",
        nargs="+",
        help="run only these, e.g. --only calibration 03; the others keep their last run",
    )
    add("--jobs", metavar="N", type=int, default=2, help="notebooks that run at the same time")
    add(
        "--live",
        action="store_true",
        help="train the runs that notebooks need, also those recorded with weights",
    )
    add("--skip-run", action="store_true", help="render what was run last")
    add("--out", metavar="PATH", type=path, help="folder of the pages (default: book/_build/html)")


def _places(add: Callable[..., Any]) -> None:
    """Add the options for the folders of data and runs."""
    _where_data_are(add)
    _where_runs_are(add)


def _where_data_are(add: Callable[..., Any]) -> None:
    add(
        "--data",
        metavar="PATH",
        type=path,
        help="folder or .npz of the dataset (default: the usual places are searched)",
    )


def _where_runs_are(add: Callable[..., Any]) -> None:
    add(
        "--runs",
        metavar="PATH",
        type=path,
        help="folder of the runs made here (default: ADAUTOMIX_RUNS, else ./runs)",
    )


def _either(names: Sequence[str]) -> str:
    return f"{{{','.join(names)}}}"


if __name__ == "__main__":
    sys.exit(main())
