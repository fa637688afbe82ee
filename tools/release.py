"""Make a release: the packages, checked in empty environments, and the entry of the changelog.

    python tools/release.py release 0.2.0                # all of it; `make release VERSION=0.2.0`
    python tools/release.py build                        # dist/: sdist and wheel of this version
    python tools/release.py check --python 3.12 --torch newest
    python tools/release.py notes                        # the changelog's entry of this version

`check` installs what lies in dist/ with every Python and with the oldest and the newest torch that
pyproject.toml allows, one environment after the other, and trains a few steps in each. A Python is
named as uv does: a version or a path. `release` first refuses a tree with changes, then writes the
version into pyproject.toml, the package, CITATION.cff and CHANGELOG.md, and takes that back if the
packages cannot be built or fail a check. It commits nothing.

Exit status: 0 done, 1 a build or a check failed, 2 what was asked for cannot be done.
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HATCH = (sys.executable, "-m", "hatchling", "build")
PYTHONS = ("3.11", "3.12", "3.13")
TORCHES = ("oldest", "newest")
VERSION = re.compile(r"\d+\.\d+\.\d+")
UNRELEASED = "## [Unreleased]\n"
STAMPS = {
    "pyproject.toml": r'^version = "(.+)"$',
    "adautomix/__init__.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
}
"""File → the line that holds the version."""
TRIED = (
    ("adautomix", "--version"),
    ("adautomix", "experiment", "show", "photodigits"),  # reads the records in the package
    ("adautomix", "train", "photodigits/thin/adautomix", "--budget", "smoke", "--device", "cpu"),
)


class Refused(Exception):
    """What was asked for cannot be done; one sentence."""


class Failed(Exception):
    """A command that failed, with the end of what it said."""


def stamped(root: Path, version: str, day: datetime.date) -> dict[Path, str]:
    """The new text of every file that names the version.

    Raises Refused for a version that is not the next one, or a changelog without news.
    """
    texts = {root / name: (root / name).read_text(encoding="utf-8") for name in STAMPS}
    now = version_of(root)
    if not VERSION.fullmatch(version) or numbers(version) <= numbers(now):
        raise Refused(f"a release after {now} has a greater number such as 0.2.0, not {version!r}.")
    for name, line in STAMPS.items():
        texts[root / name], count = re.subn(
            line,
            lambda found: found[0].replace(found[1], version),
            texts[root / name],
            flags=re.MULTILINE,
        )
        if count != 1:
            raise Refused(f"{name} says its version in {count} lines, not in one: mend it.")
    citation = root / "CITATION.cff"
    dated = re.sub(r"^date-released: .+\n", "", texts[citation], flags=re.MULTILINE)
    texts[citation] = dated.replace(
        f"version: {version}\n", f"version: {version}\ndate-released: {day.isoformat()}\n", 1
    )
    changes = root / "CHANGELOG.md"
    texts[changes] = entered(changes.read_text(encoding="utf-8"), version, day)
    return texts


def entered(changelog: str, version: str, day: datetime.date) -> str:
    """The changelog with what was unreleased under the version; Refused if there is nothing."""
    before, found, after = changelog.partition(UNRELEASED)
    news = re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0]
    if not found or not re.search(r"^- ", news, flags=re.MULTILINE):
        raise Refused(
            "CHANGELOG.md has nothing under [Unreleased]: write what a user notices there."
        )
    return f"{before}{found}\n## [{version}] - {day.isoformat()}\n{after}"


def version_of(root: Path) -> str:
    """The version in pyproject.toml."""
    found = re.search(STAMPS["pyproject.toml"], (root / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise Refused('pyproject.toml has no line version = "…".')
    return found[1]


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare it."""
    return tuple(map(int, VERSION.match(version)[0].split("."))) if VERSION.match(version) else ()


def notes(changelog: str, version: str) -> str:
    """The entry of a version, without its heading; Refused if there is none."""
    found = re.search(
        rf"^## \[{re.escape(version)}\].*\n((?:(?!## \[).*\n?)*)", changelog, flags=re.MULTILINE
    )
    if found is None:
        raise Refused(f"CHANGELOG.md has no entry of {version}: make it with `make release`.")
    return found[1].strip()


def refuse_tag(root: Path, tag: str | None) -> None:
    """Raise Refused if a tag is given that is not that of the version."""
    wanted = f"v{version_of(root)}"
    if tag not in (None, wanted):
        raise Refused(f"the tag {tag} is not {wanted}, that of pyproject.toml: tag the release.")


def refuse_changes(root: Path) -> None:
    """Raise Refused unless the folder is a checkout in which everything is committed."""
    command = ["git", "-C", str(root), "status", "--porcelain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{root} is no git checkout: a release is made from a commit.")
    changed = done.stdout.splitlines()
    if changed:
        raise Refused(
            f"{len(changed)} files are not committed, the first is {changed[0][3:]}: commit or "
            "stash them, so that a release is made from a commit."
        )


@contextmanager
def written(texts: Mapping[Path, str]) -> Iterator[None]:
    """Write the files, and put their old text back if the block fails."""
    before = {path: path.read_bytes() for path in texts}
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        yield
    except BaseException:
        for path, old in before.items():
            path.write_bytes(old)
        raise


def build(root: Path, target: Path) -> list[Path]:
    """Build sdist and wheel into `target`, and return their paths.

    Raises Failed unless the sdist builds the same wheel.
    """
    call([*HATCH, "-d", str(target)], root)
    (sdist,), (wheel,) = list(target.glob("*.tar.gz")), list(target.glob("*.whl"))
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(sdist) as packed:
            packed.extractall(place, filter="data")
        (unpacked,) = Path(place).iterdir()
        again = Path(place) / "again"
        call(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(again)], unpacked
        )
        (other,) = again.glob("*.whl")
        different = names(wheel) ^ names(other)
    if different:
        raise Failed(f"the sdist builds another wheel: {', '.join(sorted(different)[:5])} differ.")
    return [sdist, wheel]


def names(wheel: Path) -> set[str]:
    """The files in a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


def check(packages: Sequence[Path], pythons: Sequence[str], torches: Sequence[str]) -> None:
    """Install and try the packages in an empty environment for each Python and torch."""
    for python in pythons:
        for torch in torches:
            with tempfile.TemporaryDirectory() as place:
                said = try_out(packages, python, pins(torch), Path(place))
            print(f"Python {python}, {torch} torch: {said}", flush=True)


def pins(torch: str) -> list[str]:
    """What to install beside the package for the oldest or the newest torch."""
    if torch == "newest":
        return []
    project = (ROOT / "pyproject.toml").read_text()
    least = re.findall(r'^ +"(torch|torchvision)>=([\d.]+)",$', project, flags=re.MULTILINE)
    return [f"{name}=={version}.*" for name, version in least]


def try_out(packages: Sequence[Path], python: str, pinned: Sequence[str], place: Path) -> str:
    """Install and try the wheel, then the sdist, in a new environment; say the versions."""
    sdist, wheel = (next(p for p in packages if p.name.endswith(end)) for end in (".gz", ".whl"))
    uv, inside = [sys.executable, "-m", "uv"], place / "env" / "bin"
    call([*uv, "venv", "--quiet", "--no-project", "--python", python, str(place / "env")], place)
    install = [*uv, "pip", "install", "--quiet", "--python", str(inside / "python")]
    call([*install, str(wheel.resolve()), *pinned], place)
    for command in TRIED:
        call([str(inside / command[0]), *command[1:]], place)
    call([*install, "--no-deps", "--reinstall", str(sdist.resolve())], place)
    said = call([str(inside / "adautomix"), "--version"], place).strip()
    wanted = f"adautomix {wheel.name.split('-')[1]}"
    if said != wanted:
        raise Failed(f"what was installed says {said!r}, not {wanted!r}.")
    found = "import sys, torch; print(sys.version.split()[0], torch.__version__)"
    return "Python {}, torch {} work".format(
        *call([str(inside / "python"), "-c", found], place).split()
    )


def call(command: Sequence[str], folder: Path) -> str:
    """Run a command and return what it printed; Failed, with its last lines, if it fails.

    Nothing of this environment or of this project leaks into it.
    """
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "ADAUTOMIX_RUNS", "ADAUTOMIX_DATA")
    around = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        command, cwd=folder, env=around, capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise Failed(f"{' '.join(command)} failed:\n{tail}")
    return done.stdout


def release(root: Path, version: str, proof: Callable[[list[Path]], None]) -> None:
    """Write the version everywhere, build, prove the packages, and put them into dist/."""
    refuse_changes(root)
    texts = stamped(root, version, datetime.date.today())
    with written(texts), tempfile.TemporaryDirectory() as place:
        packages = build(root, Path(place))
        proof(packages)
        (root / "dist").mkdir(exist_ok=True)
        for package in packages:
            shutil.move(package, root / "dist" / package.name)
    print(f"adautomix {version} is in dist/. Commit and tag it:")
    print(f"  git commit -am 'Release {version}' && git tag v{version}")


def packages_in(folder: Path, version: str) -> list[Path]:
    """The sdist and the wheel of a version; Refused if they are not there."""
    found = [*folder.glob(f"*-{version}.tar.gz"), *folder.glob(f"*-{version}-*.whl")]
    if len(found) != 2:
        raise Refused(f"{folder} has no sdist and wheel of {version}: run tools/release.py build.")
    return found


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)
    build_ = commands.add_parser("build", help="sdist and wheel of this version")
    build_.add_argument("--tag", help="refuse unless this is the tag of the version")
    commands.add_parser("notes", help="print the changelog's entry of this version")
    for name, what in (("check", "try what is in dist/"), ("release", "write, build and check")):
        each = commands.add_parser(name, help=what)
        each.add_argument("--python", nargs="+", default=PYTHONS, help="versions or paths")
        each.add_argument("--torch", nargs="+", default=TORCHES, choices=TORCHES)
    commands.choices["release"].add_argument("version")
    return top.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    asked = arguments(words)
    try:
        if asked.command == "build":
            refuse_tag(ROOT, asked.tag)
            print(*build(ROOT, ROOT / "dist"), sep="\n")
        elif asked.command == "notes":
            print(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version_of(ROOT)))
        elif asked.command == "check":
            found = packages_in(ROOT / "dist", version_of(ROOT))
            check(found, asked.python, asked.torch)
        else:
            release(ROOT, asked.version, lambda made: check(made, asked.python, asked.torch))
    except (Refused, Failed) as error:
        print(f"release: {error}", file=sys.stderr)
        return 2 if isinstance(error, Refused) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
