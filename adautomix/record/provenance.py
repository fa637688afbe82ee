"""Provenance of a run: commit, command, versions, hardware and data.

Paths of the machine are removed, so that a record can be published unchanged.
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
from types import MappingProxyType, ModuleType
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
NAMED = 20
"""Maximum number of files that are named in a record."""
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
    updates: str | None = None,
    command: str | None = None,
    segments: Sequence[Mapping[str, Any]] = (),
    waiting_for_data: float | None = None,
    unreadable: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the `provenance` of a run, to be called when it ends.

    Args:
        seconds, cpu_seconds: wall time, and CPU time summed over cores.
        peak_memory_mib: peak memory of the accelerator; None takes this process's.
        updates: how an accelerator's updates were computed, from a recording or eagerly; None to
            leave it out.
        command: the line that runs it again; None takes this process's own command line.
        segments: a `segment`, with its first step, for each part of a resumed run; kept if there
            are several. The commit is the last one's, taken when it began, since HEAD may move.
        waiting_for_data: share of a training step in which its batch was waited for.
        unreadable: split → the files that were left out, since they cannot be read; kept are their
            number and the first `NAMED`.
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
        **({} if updates is None else {"updates": without_paths(updates)}),
        "versions": versions() | (_accelerated() if device.startswith("cuda") else {}),
        "data_sha256": dict(data_sha256),
        "peak_memory_mib": None if peak is None else round(float(peak), 1),
        **({} if waiting_for_data is None else {"waiting_for_data": round(waiting_for_data, 4)}),
        **_left_out(unreadable),
        **({"segments": [dict(each) for each in segments]} if len(segments) > 1 else {}),
    }


def _left_out(unreadable: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    found = {
        split: {"images": len(files), "files": list(files[:NAMED])}
        for split, files in unreadable.items()
        if files
    }
    return {"unreadable": found} if found else {}


def segment(device: str, precision: str) -> dict[str, Any]:
    """Return commit, device, precision and torch version for the next steps of a run."""
    commit, dirty = source_state()
    return {
        "commit": commit,
        "dirty": dirty,
        "device": without_paths(device),
        "precision": without_paths(precision),
        "torch": versions()["torch"],
    }


def source_state() -> tuple[str | None, bool | None]:
    """Return (commit, dirty) of the checkout the package runs from; (None, None) for a wheel.

    Dirty means that a source file differs from the commit or is not in it; records do not count.
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
    """Return git's output; None if there is no git or no repository, or it fails."""
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
    """Return versions of Python and of the packages that affect results; None if absent."""
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
    """Return the versions of CUDA and cuDNN; torch is already imported when this is called."""
    import torch

    cudnn = torch.backends.cudnn.version()
    return {"cuda": torch.version.cuda, "cudnn": None if cudnn is None else str(cudnn)}


def command_line(argv: list[str] | None = None) -> str:
    """Return this process's command as one would type it: `adautomix train … --seed 0`.

    The program is reduced to its name, and paths of this machine are shortened. In a notebook's
    kernel it is "notebook".
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
    """Return the dotted name of a package from its folder, e.g. "adautomix.bench"."""
    above = package.parent
    return f"{_module(above)}.{package.name}" if (above / "__init__.py").is_file() else package.name


def _quoted(word: str) -> str:
    """Quote `word` for a shell; a leading ~/ stays outside the quotes, so that it still works."""
    home, rest = ("~/", word[2:]) if word.startswith("~/") else ("", word)
    return home + (shlex.quote(rest) if rest or not home else "")


def without_paths(text: str) -> str:
    """Replace the working folder by `.`, home by `~`, other absolute paths by PATH/<name>.

    URLs and relative paths are unchanged.

    >>> without_paths("--data=/mnt/disk7/imagenet")
    '--data=PATH/imagenet'
    """
    for folder, short in _own_folders():
        text = re.sub(rf"(?<![\w.~]){re.escape(folder)}(?![\w.-])", short, text)
    return ABSOLUTE.sub(lambda found: found["address"] or f"PATH/{_last(found[0])}", text)


def _own_folders() -> list[tuple[str, str]]:
    """Return folders and their short names; "/" is left out, as it would match every path."""
    folders = []
    with suppress(OSError):  # the working folder was deleted
        folders.append((os.getcwd(), "."))
    with suppress(RuntimeError):  # nobody's home
        folders.append((str(Path.home()), "~"))
    return [(folder, short) for folder, short in folders if len(folder) > 1]


def _word(argument: str) -> str:
    """Return an argument without paths, also if it is a path with spaces: `/a b`, `--x=/a b`."""
    option, equals, rest = without_paths(argument).rpartition("=")
    if rest.startswith(("PATH/", "/")) and " " in rest:
        rest = f"PATH/{_last(rest)}"
    return option + equals + rest


def _last(path: str) -> str:
    """Return the last part of a path, with slashes or backslashes."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def cpu_name() -> str:
    """Return the CPU's model as the system names it, e.g. "AMD EPYC 7763 64-Core Processor"."""
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
    """Return the peak memory of this process in MiB; None if the system does not report it."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024.0  # bytes there, KiB elsewhere


_process_peak_mib = peak_memory_mib  # `collect` has an argument of that name
