"""Where a number came from: commit, command, versions, hardware and data of a run.

Nothing here names a folder of the machine, so that a record can be published as it is.
"""

import os
import platform
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from adautomix.record._where import checkout

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

PACKAGES = ("adautomix", "torch", "torchvision", "timm", "numpy")
SOURCES = ("adautomix", "notebooks", "pyproject.toml", "requirements.lock")
MIB = 1024.0**2
ABSOLUTE = re.compile(
    r"""(?P<address>(?!file:)\b\w+://\S+)                    # not a path of this machine
    | (?<![\w.~/\\]) (?: /+ | [A-Za-z]:[\\/]+ )             # the root
      [^\s'",;:=\[\]{}()/\\]+ (?: [/\\]+ [^\s'",;:=\[\]{}()/\\]* )*  # its folders""",
    re.VERBOSE,
)


def collect(
    *,
    seconds: float,
    cpu_seconds: float,
    steps: int,
    device: str,
    precision: str,
    data_sha256: dict[str, str],
    peak_memory_mib: float | None = None,
    command: str | None = None,
    segments: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The `provenance` of a run, taken when it ends.

    `seconds` is wall time, `cpu_seconds` that in which the processor's cores worked for the run,
    together. `peak_memory_mib` is the accelerator's peak; without it, this process's.
    `command` is the line that would run it again; without it, this process's own command line.
    `segments`, each a `segment` with the step from which on it holds, say who made the steps: the
    commit is that of the last of them, noted when it began, for somebody may have committed since.
    They are kept where there are several: the run was gone on with elsewhere or by other code.
    """
    last = segments[-1] if segments else None
    commit, dirty = (last["commit"], last["dirty"]) if last else source_state()
    peak = peak_memory_mib if peak_memory_mib is not None else _process_peak_mib()
    return {
        "commit": commit,
        "dirty": dirty,
        "command": without_paths(command) if command is not None else command_line(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(float(seconds), 3),
        "cpu_seconds": round(float(cpu_seconds), 3),
        "steps": int(steps),
        "device": without_paths(device),
        "precision": without_paths(precision),
        "versions": versions() | (_accelerated() if device.startswith("cuda") else {}),
        "data_sha256": dict(data_sha256),
        "peak_memory_mib": None if peak is None else round(float(peak), 1),
        **({"segments": [dict(each) for each in segments]} if len(segments) > 1 else {}),
    }


def segment(device: str, precision: str) -> dict[str, Any]:
    """What makes the next steps of a run: commit, hardware, number format, version of torch."""
    commit, dirty = source_state()
    return {
        "commit": commit,
        "dirty": dirty,
        "device": without_paths(device),
        "precision": without_paths(precision),
        "torch": versions()["torch"],
    }


def source_state() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout the package runs from; (None, None) for an installed wheel.

    Dirty: a source file differs from the commit, or is not in it. New records do not count.
    """
    root = checkout()
    if root is None or (top := _git(root, "rev-parse", "--show-toplevel")) is None:
        return None, None
    if Path(top).resolve() != root:  # unpacked inside somebody else's repository
        return None, None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    status = _git(root, "status", "--porcelain", "--", *SOURCES)
    if commit is None or status is None:
        return None, None
    return commit, bool(status)


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None when there is no git, no repository or no answer."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str | None]:
    """Versions of the interpreter and of what decides the numbers; None for what is absent."""
    found: dict[str, str | None] = {"adautomix": None, "python": platform.python_version()}
    if (root := checkout()) is not None:  # a checkout need not be installed
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        found["adautomix"] = project["project"]["version"]
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
        found.setdefault(name, None)
    return found


def _accelerated() -> dict[str, str | None]:
    """What computes on a GPU for this torch; called where torch has long been imported."""
    import torch

    cudnn = torch.backends.cudnn.version()
    return {"cuda": torch.version.cuda, "cudnn": None if cudnn is None else str(cudnn)}


def command_line(argv: list[str] | None = None) -> str:
    """This process's command as one would type it: `adautomix train … --seed 0`.

    The program is reduced to its name, and paths lose what is particular to this machine.
    A notebook's kernel has no such line: there it is "notebook", and the caller knows better.
    """
    program, *arguments = (sys.argv if argv is None else argv) or [""]
    path = Path(program)
    if path.name == "ipykernel_launcher.py" or path.parent.name == "ipykernel":
        return "notebook"
    if program in ("", "-", "-c", "-m"):
        return "python"
    if path.name == "__main__.py":
        words = ["python", "-m", _module(path.parent)]
    elif path.suffix == ".py":
        words = ["python", without_paths(program)]
    else:
        words = [path.name]
    return " ".join(_quoted(word) for word in [*words, *map(_word, arguments)])


def _module(package: Path) -> str:
    """The dotted name of a package from its folder: "adautomix.bench"."""
    above = package.parent
    return f"{_module(above)}.{package.name}" if (above / "__init__.py").is_file() else package.name


def _quoted(word: str) -> str:
    """`word` for a shell; a leading ~/ stays outside the quotes, so that it still means home."""
    home, rest = ("~/", word[2:]) if word.startswith("~/") else ("", word)
    return home + (shlex.quote(rest) if rest or not home else "")


def without_paths(text: str) -> str:
    """`text` with the working folder as `.`, home as `~`, other absolute paths as PATH/<name>.

    Addresses (https://…) and relative paths stay as they are.

    >>> without_paths("--data=/mnt/disk7/imagenet")
    '--data=PATH/imagenet'
    """
    for folder, short in _own_folders():
        text = re.sub(rf"(?<![\w.~]){re.escape(folder)}(?![\w.-])", short, text)
    return ABSOLUTE.sub(lambda found: found["address"] or f"PATH/{_last(found[0])}", text)


def _own_folders() -> list[tuple[str, str]]:
    """The folders with a short name; a folder "/" has none, for it would match every path."""
    folders = []
    with suppress(OSError):  # the working folder was deleted
        folders.append((os.getcwd(), "."))
    with suppress(RuntimeError):  # nobody's home
        folders.append((str(Path.home()), "~"))
    return [(folder, short) for folder, short in folders if len(folder) > 1]


def _word(argument: str) -> str:
    """An argument without paths; as a whole it may be a path with spaces: `/a b`, `--x=/a b`."""
    option, equals, rest = without_paths(argument).rpartition("=")
    if rest.startswith(("PATH/", "/")) and " " in rest:
        rest = f"PATH/{_last(rest)}"
    return option + equals + rest


def _last(path: str) -> str:
    """The last part of a path of either kind."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def cpu_name() -> str:
    """The processor's model as the system names it, such as "AMD EPYC 7763 64-Core Processor"."""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:
        pass
    if sys.platform == "darwin":
        question = ["sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(question, capture_output=True, text=True, check=False).stdout
        if answer.strip():
            return answer.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def peak_memory_mib() -> float | None:
    """The most memory this process has held so far, in MiB; None where the system does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024.0  # bytes there, KiB elsewhere


_process_peak_mib = peak_memory_mib  # `collect` has an argument of that name
