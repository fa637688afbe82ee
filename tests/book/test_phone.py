"""The figures of a page on a phone: their text can be read, and no more of the page moves."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from adautomix.figures.style import RC, WIDTH, svg_bytes

LEGIBLE = 9  # CSS pixels
WIDTHS = {"wide": WIDTH, "linked": WIDTH, "small": 3.0}  # inches
SIZE = re.compile(r"\b(?:font)?size=([\d.]+)")
CONF = """
extensions, html_theme, numfig = ["myst_parser"], "sphinx_book_theme", True
myst_enable_extensions = ["colon_fence"]
html_static_path, html_css_files = ["assets"], ["book.css"]
"""
FIGURE = """
:::{{figure}} {name}.svg
:name: fig-{name}
:alt: The figure.
{option}
A caption that is longer than a line of a telephone, of whatever width it may be.
:::
"""
MEASURED = """() => Object.fromEntries([...document.querySelectorAll("figure")].map(figure => {
  const image = figure.querySelector("img"), style = getComputedStyle(image);
  const width = image.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return [figure.id, {width, moves: figure.scrollWidth - figure.clientWidth}];
}))"""
CAPTION = "document.querySelector('#fig-wide figcaption')"


@pytest.fixture(scope="module")
def pages(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with the book's theme and style, and figures of the book's width and a small one."""
    pytest.importorskip("myst_parser")
    pytest.importorskip("sphinx_book_theme")
    folder = tmp_path_factory.mktemp("phone")
    (folder / "assets").mkdir()
    sheet = (root / "book" / "assets" / "book.css").read_text("utf-8")
    (folder / "assets" / "book.css").write_text(re.sub("@font-face .*", "", sheet), "utf-8")
    text = "# Figures\n"
    for name, width in WIDTHS.items():
        (folder / f"{name}.svg").write_bytes(svg_bytes(Figure(figsize=(width, 2))))
        text += FIGURE.format(name=name, option=":width: 100%\n" if name == "linked" else "")
    (folder / "index.md").write_text(text, "utf-8")
    (folder / "conf.py").write_text(CONF)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", ".", "html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(params=["light", "dark"])
def page(request: Any, root: Path, pages: Path, monkeypatch: Any) -> Iterator[Any]:
    """The page on a phone, in either theme."""
    monkeypatch.syspath_prepend(root / "tools")
    import check_pages

    if check_pages.find_browser() is None:
        pytest.skip("no chromium here")
    playwrights = pytest.importorskip("playwright.sync_api")
    with check_pages.served(pages) as base, playwrights.sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=check_pages.find_browser(), args=["--no-sandbox"]
        )
        page = program.new_page(viewport={"width": check_pages.WIDTHS["phone"], "height": 844})
        page.emulate_media(color_scheme=request.param, reduced_motion="reduce")
        page.goto(base, wait_until="load")
        page.evaluate(check_pages.SETTLED)
        yield page
        program.close()


def smallest_text(root: Path) -> float:
    """The smallest size of text in a figure of the package, in points."""
    sources = (root / "adautomix" / "figures").glob("*.py")
    sizes = [float(size) for path in sources for size in SIZE.findall(path.read_text("utf-8"))]
    return min(sizes + [RC[key] for key in RC if key.endswith(("font.size", "labelsize"))])


def test_the_text_of_every_figure_can_be_read(page, root):
    measured = page.evaluate(MEASURED)
    for name in WIDTHS:
        shown = measured[f"fig-{name}"]["width"] / WIDTHS[name]  # pixels an inch
        assert smallest_text(root) / 72 * shown >= LEGIBLE, name
    assert measured["fig-wide"]["moves"] > 0
    assert measured["fig-small"]["moves"] == 0


def test_the_page_and_the_caption_stay(page):
    from check_pages import FAULTS, barriers

    assert page.evaluate(FAULTS) == []
    assert barriers(page) == []
    left = page.evaluate(f"{CAPTION}.getBoundingClientRect().left")
    page.evaluate("document.getElementById('fig-wide').scrollLeft = 9999")
    assert page.evaluate(f"{CAPTION}.getBoundingClientRect().left") == left
    assert page.evaluate(f"{CAPTION}.getBoundingClientRect().right <= innerWidth")


def test_the_keyboard_moves_a_figure(page):
    page.locator("#fig-wide a.headerlink").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.getElementById('fig-wide').scrollLeft > 0", timeout=10_000)


def test_on_a_desktop_nothing_moves(page):
    from check_pages import WIDTHS as WINDOWS

    page.set_viewport_size({"width": WINDOWS["desktop"], "height": 1000})
    measured = page.evaluate(MEASURED)
    assert {each["moves"] for each in measured.values()} == {0}
    assert measured["fig-wide"]["width"] >= 0.97 * WIDTH * 96
