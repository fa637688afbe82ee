"""The Sphinx extensions of the book: the reference of the package is complete and has its form."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PACKAGE = re.compile(r"^```\{package\} (\S+)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def extensions(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "book" / "extensions")


@pytest.fixture
def pond(tmp_path, monkeypatch) -> Path:
    """A folder with a package of its own: public modules, a private one, a package below."""
    files = {
        "pond/__init__.py": '"""Water."""\nfrom pond.frog import leap\n__all__ = ["leap"]\n',
        "pond/newt.py": (
            '"""A newt."""\nSHORT = 12\n"""Eggs."""\nLONG = "a long value, " * 6\n"""Its call."""\n'
        ),
        "pond/frog.py": (
            '"""A frog.\n\nIts leap is\n\n    h = *v* / g\n    + 1\nor less."""\n'
            'from typing import TypeVar\nT = TypeVar("T")\n'
            'def leap(far: int) -> int:\n    """Jumps."""\n    return far\n'
        ),
        "pond/_mud.py": '"""Mud."""\n',
        "pond/reed/__init__.py": '"""Reed."""\n',
        "pond/reed/leaf.py": '"""A leaf."""\ndef green():\n    """Whether."""\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [each for each in sys.modules if each.split(".")[0] == "pond"]:
        del sys.modules[name]


def test_the_public_modules_of_a_package_come_in_order(pond):
    from package_reference import public_modules

    names = ["pond", "pond.frog", "pond.newt", "pond.reed", "pond.reed.leaf"]
    assert list(public_modules("pond")) == names
    assert list(public_modules("pond.newt")) == ["pond.newt"]
    with pytest.raises(ModuleNotFoundError, match=r"no module pond\.toad"):
        list(public_modules("pond.toad"))


def test_the_reference_has_every_public_module_once(root):
    from package_reference import public_modules

    named = PACKAGE.findall((root / "book" / "api.md").read_text(encoding="utf-8"))
    shown = [module for each in named for module in public_modules(each)]
    assert sorted(shown) == sorted(set(public_modules("adautomix")) - {"adautomix"})


def rendered(folder: Path, extensions: Path, page: str) -> str:
    """The HTML of a page that Sphinx makes of this Markdown, with warnings as errors."""
    (folder / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(extensions)!r}, {str(folder)!r}]\n"
        "extensions = ['myst_parser', 'sphinx.ext.autodoc', 'reference_style', "
        "'package_reference']\n"
    )
    (folder / "index.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "-b", "html", ".", "html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "html" / "index.html").read_text(encoding="utf-8")


def test_each_module_has_a_section_and_can_be_referred_to(pond, root):
    pytest.importorskip("myst_parser")
    page = (
        "# Animals\n\n## Pond\n\n```{package} pond\n```\n\n## Next\n\n{py:func}`pond.frog.leap`\n"
    )
    html = rendered(pond, root / "book" / "extensions", page)
    headings = [re.sub("<.*?>", "", each) for each in re.findall(r"<h3><code.*?</h3>", html)]
    names = ["pond", "frog", "newt", "reed", "reed.leaf"]
    assert [each.rstrip("¶") for each in headings] == names
    assert 'id="pond-reed-leaf"' in html
    assert len(re.findall(r"<h2>", html)) == 2
    assert html.count('<dt class="sig sig-object py" id="pond.frog.leap">') == 1
    assert html.count('href="#pond.frog.leap" title="pond.frog.leap"') == 2  # of `pond`, of "Next"
    assert "h = *v* / g\n+ 1\n</pre>" in html
    text = re.sub("<.*?>", "", html)
    assert "SHORT = 12" in text
    assert "Its call." in text
    assert "a long value" not in text


def test_a_module_that_is_not_there_is_one_sentence(tmp_path, root):
    pytest.importorskip("myst_parser")
    with pytest.raises(AssertionError, match=r"no module adautomix\.pond"):
        rendered(
            tmp_path, root / "book" / "extensions", "# A\n\n```{package} adautomix.pond\n```\n"
        )


def test_a_bibliography_is_a_list_of_list_items():
    from accessible import with_roles

    context = {"body": '<div role="list"><div role="doc-biblioentry">A book.</div></div>'}
    with_roles(None, "references", "page.html", context, None)
    assert context["body"] == '<div role="list"><div role="listitem">A book.</div></div>'
    with_roles(None, "genindex", "genindex.html", empty := {}, None)
    assert empty == {}


def test_the_settings_for_sphinx_alone_need_no_jupyter_book(root):
    code = (
        "import runpy, sys\n"
        "conf = runpy.run_path('tools/sphinx/conf.py')\n"
        "print([name for name in sys.modules if name.startswith('jupyter_book')])\n"
        "print([name for name in conf['extensions'] if 'jupyter' in name])\n"
        "print(conf['project'], conf['nb_execution_mode'], conf['html_theme'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    settings = "Adversarial AutoMixup, reproduced off sphinx_book_theme"
    assert done.stdout.splitlines() == ["[]", "[]", settings]


def test_every_setting_reaches_sphinx_alone(root):
    """A setting that Jupyter Book translates, and that file does not read, would be lost."""
    given = yaml.safe_load((root / "book" / "_config.yml").read_text("utf-8"))
    conf = (root / "tools" / "sphinx" / "conf.py").read_text("utf-8")
    navigation = {name for name in given["html"] if name.startswith(("use_", "home_"))}
    for part in ("execute", "parse", "html"):
        for name in given[part].keys() - navigation:
            assert f'GIVEN["{part}"]["{name}"]' in conf
