"""Print a book that is one page (`sphinx-build -b singlehtml`) as a PDF, with a browser.

    python tools/print_pages.py book/_build/singlehtml book/_build/adautomix.pdf

Exit status: 0 printed, 2 no browser, no playwright or no page. The browser is found as for
check_pages.py.
"""

import argparse
import re
import sys
from pathlib import Path

from check_pages import BROWSERS, SETTLED, find_browser, served

FOOTER = (
    '<div style="width: 100%; font-size: 8px; text-align: center"><span class="pageNumber"></span>'
    "</div>"
)
PAPER = {
    "format": "A4",
    "print_background": True,
    "tagged": True,
    "outline": True,
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": FOOTER,
    "margin": {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
}


def first_page(folder: Path) -> str:
    """The page that index.html is, or sends a reader on to."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    sent = re.search(r'http-equiv="Refresh" content="0; url=([^"]+)"', text)
    return sent[1] if sent else "index.html"


def print_page(folder: Path, browser: str, target: Path) -> None:
    """Print the page of a folder in the light theme."""
    from playwright.sync_api import sync_playwright

    with served(folder) as base, sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = program.new_page()
        page.set_default_timeout(300_000)
        page.emulate_media(media="print", color_scheme="light")
        page.goto(base + first_page(folder), wait_until="load")
        page.evaluate(SETTLED)
        page.pdf(path=target, **PAPER)
        program.close()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", type=Path, help="the folder with the page")
    parser.add_argument("target", type=Path, help="the PDF")
    chosen = parser.parse_args(arguments)
    browser = find_browser()
    if not (chosen.pages / "index.html").exists():
        print(f"{chosen.pages} holds no index.html: build the book first.", file=sys.stderr)
        return 2
    if browser is None:
        remedy = "install chromium, or name a program in CHROMIUM"
        print(f"no browser among {', '.join(BROWSERS)} on PATH: {remedy}.", file=sys.stderr)
        return 2
    try:
        print_page(chosen.pages.resolve(), browser, chosen.target)
    except ImportError:
        print("playwright is not installed: pip install 'adautomix[book]'.", file=sys.stderr)
        return 2
    print(chosen.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
