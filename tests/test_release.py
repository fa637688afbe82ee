"""A release of a small copy of the project: all of it, or nothing."""

import datetime
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILES = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "README.md", "LICENSE", "Makefile")
DATA = ("bench", "bf16", "paper", "runs")
NEXT, DAY = "0.2.0", datetime.date(2027, 1, 2)


@pytest.fixture
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with the project's own metadata and one file in every folder that is packed."""
    place = tmp_path / "project"
    for folder in ("adautomix", "book", "notebooks", *(f"data/{each}" for each in DATA)):
        (place / folder).mkdir(parents=True)
        (place / folder / "one.txt").write_text("one\n")
    for name in FILES:
        shutil.copy(ROOT / name, place)
    shutil.copy(ROOT / "adautomix" / "__init__.py", place / "adautomix")
    changes = place / "CHANGELOG.md"
    changes.write_text(re.sub(r"(## \[Unreleased\]\n).*?(?=^## )", r"\1\n### Added\n\n- News.\n\n",
                              changes.read_text(), flags=re.DOTALL | re.MULTILINE))  # fmt: skip
    (place / ".gitignore").write_text("dist/\n")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    return place


def changed(project: Path) -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True
    )
    return sorted(line[3:] for line in done.stdout.splitlines())


def test_a_release_has_one_version_everywhere_and_two_packages(release, project):
    seen = []
    release.release(project, NEXT, lambda packages: seen.extend(p.name for p in packages))
    assert changed(project) == ["CHANGELOG.md", "CITATION.cff", "adautomix/__init__.py",
                                "pyproject.toml"]  # fmt: skip
    assert release.version_of(project) == NEXT
    cited = yaml.safe_load((project / "CITATION.cff").read_text())
    today = datetime.date.today()
    assert (cited["version"], cited["date-released"]) == (NEXT, today)
    assert f'__version__ = "{NEXT}"' in (project / "adautomix" / "__init__.py").read_text()
    assert release.notes((project / "CHANGELOG.md").read_text(), NEXT) == "### Added\n\n- News."
    assert sorted(seen) == sorted(path.name for path in (project / "dist").iterdir())
    (wheel,) = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        metadata = packed.read(f"adautomix-{NEXT}.dist-info/METADATA").decode()
    assert f"\nVersion: {NEXT}\n" in metadata


def test_the_entry_keeps_every_line_and_a_second_release_has_its_own(release):
    text = (ROOT / "CHANGELOG.md").read_text()
    once = release.entered(text, NEXT, DAY)
    assert once.replace(f"\n## [{NEXT}] - 2027-01-02\n", "", 1) == text
    with pytest.raises(release.Refused, match="nothing under"):
        release.entered(once, "0.3.0", DAY)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_a_check_that_fails_leaves_everything_as_it_was(release, project, failure):
    def fails(packages):
        assert all(path.exists() for path in packages)
        raise failure

    with pytest.raises(failure):
        release.release(project, NEXT, fails)
    assert changed(project) == []
    assert not (project / "dist").exists()


def test_an_sdist_without_a_folder_fails(release, project):
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('    "/notebooks",\n', ""))
    subprocess.run(["git", "commit", "-qam", "less"], cwd=project, check=True)
    with pytest.raises(release.Failed):
        release.release(project, NEXT, lambda packages: None)
    assert changed(project) == []


def test_what_is_not_committed_is_refused(release, project):
    (project / "README.md").write_text("other")
    with pytest.raises(
        release.Refused, match=r"1 files are not committed, the first is README\.md"
    ):
        release.release(project, NEXT, lambda packages: None)
    shutil.rmtree(project / ".git")
    with pytest.raises(release.Refused, match="is no git checkout"):
        release.refuse_changes(project)


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "1.0", "v0.2.0", "0.2.0rc1", ""])
def test_a_version_that_is_not_the_next_is_refused(release, project, version):
    with pytest.raises(release.Refused, match=r"a release after 0\.1\.0 has a greater number"):
        release.release(project, version, lambda packages: None)
    assert changed(project) == []


def test_a_version_in_two_lines_is_refused(release, project):
    path = project / "CITATION.cff"
    path.write_text(path.read_text() + "version: 0.1.0\n")
    with pytest.raises(release.Refused, match=r"CITATION\.cff says its version in 2 lines"):
        release.stamped(project, NEXT, DAY)


def test_a_tag_of_another_version_and_missing_packages_are_refused(release, project, tmp_path):
    release.refuse_tag(project, "v0.1.0")
    with pytest.raises(release.Refused, match=r"the tag v0\.9\.0 is not v0\.1\.0"):
        release.refuse_tag(project, "v0.9.0")
    with pytest.raises(release.Refused, match=r"has no sdist and wheel of 0\.1\.0"):
        release.packages_in(tmp_path, "0.1.0")
    with pytest.raises(release.Refused, match=r"no entry of 9\.9\.9"):
        release.notes((project / "CHANGELOG.md").read_text(), "9.9.9")


def test_every_environment_is_tried_with_wheel_and_sdist(release, monkeypatch, tmp_path, capsys):
    calls = []

    def call(command, folder):
        calls.append(list(map(str, command)))
        return {"--version": "adautomix 0.1.0", "-c": "3.11.7 2.9.1"}.get(command[1], "")

    monkeypatch.setattr(release, "call", call)
    packages = [tmp_path / "adautomix-0.1.0.tar.gz", tmp_path / "adautomix-0.1.0-py3-none-any.whl"]
    release.check(packages, ["3.11", "3.13"], ["oldest", "newest"])
    installs = [call for call in calls if "install" in call]
    assert [any(word.endswith(".gz") for word in call) for call in installs] == [False, True] * 4
    least = {word for word in installs[0] if word.startswith("torch")}
    assert least == {"torch==2.9.*", "torchvision==0.24.*"}
    assert not any(word.startswith("torch") for word in installs[2])
    assert [call[call.index("--python") + 1] for call in calls if "venv" in call] == (
        ["3.11", "3.11", "3.13", "3.13"]
    )
    assert capsys.readouterr().out.count("work\n") == 4


def test_a_package_of_another_version_fails(release, monkeypatch, tmp_path):
    monkeypatch.setattr(release, "call", lambda command, folder: "adautomix 0.0.1")
    packages = [tmp_path / "adautomix-0.1.0.tar.gz", tmp_path / "adautomix-0.1.0-py3-none-any.whl"]
    with pytest.raises(release.Failed, match=r"says 'adautomix 0\.0\.1', not 'adautomix 0\.1\.0'"):
        release.check(packages, ["3.11"], ["newest"])


def test_nothing_of_this_environment_leaks_into_a_check(release, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", "/here")
    monkeypatch.setenv("ADAUTOMIX_RUNS", "/there")
    show = (
        "import os; print(sorted(n for n in os.environ if n in ('PYTHONPATH', 'ADAUTOMIX_RUNS')))"
    )
    assert release.call([sys.executable, "-c", show], tmp_path) == "[]\n"
    with pytest.raises(release.Failed, match="failed:\nnot so"):
        release.call([sys.executable, "-c", "import sys; sys.exit('not so')"], tmp_path)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["release", "0.0.1"], 2, "has a greater number"),
        (["build", "--tag", "v9.9.9"], 2, "the tag v9.9.9 is not"),
    ],
)
def test_the_command_says_one_sentence(release, monkeypatch, capsys, words, status, sentence):
    monkeypatch.setattr(release, "refuse_changes", lambda root: None)
    assert release.main(words) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("release: ")
    assert sentence in line


# GitHub's workflows

WORKFLOWS = {path.name: yaml.safe_load(path.read_text())
             for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}  # fmt: skip


@pytest.mark.skipif(not WORKFLOWS, reason="not a checkout")
def test_the_workflows_run_commands_that_there_are(release):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    jobs = {name: job for flow in WORKFLOWS.values() for name, job in flow["jobs"].items()}
    ran = [step["run"] for job in jobs.values() for step in job.get("steps", ()) if "run" in step]
    for command in ran:
        words = shlex.split(re.sub(r"\$\{\{ *matrix\.torch *\}\}", "newest", command))
        if words[0] == "make":
            assert words[1] in targets
        if words[:2] == ["python", "tools/release.py"]:
            release.arguments(words[2:])
    matrix = jobs["check"]["strategy"]["matrix"]
    assert (tuple(matrix["python"]), tuple(matrix["torch"])) == (release.PYTHONS, release.TORCHES)
    assert {"packages", "check", "publish", "pages", "book"} == set(jobs)
    called = jobs["pages"]["uses"].removeprefix("./")
    assert os.path.exists(ROOT / called)


def test_the_pythons_that_are_checked_are_those_that_are_promised(release):
    text = (ROOT / "pyproject.toml").read_text()
    assert tuple(re.findall(r"Python :: (3\.\d+)", text)) == release.PYTHONS
