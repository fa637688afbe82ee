"""Open every page of the rendered book in a browser and list what a reader would stumble over.

    python tools/check_pages.py book/_build/html [--shots DIR]

Each page is opened in the light and the dark theme, on a desktop and on a phone; the listings of
source code in the light theme only. Listed are: requests to other hosts, failed requests, errors
and warnings on the console, formulas that did not render, broken images, pages wider than the
window, the path of this checkout, a theme that does not apply, barriers for readers with a
keyboard or a screen reader that axe-core calls serious or critical (not in the listings, nor in
the reference, whose length takes it minutes; only where axe-playwright-python is installed); and
a search that finds nothing.

Exit status: 0 nothing found, 1 something found (listed), 2 no browser, no playwright or no pages.
The browser is chromium, chromium-browser or google-chrome on PATH, or what CHROMIUM names.
"""

import argparse
import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHECKOUT = str(Path(__file__).resolve().parents[1])
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"desktop": 1400, "phone": 390}  # CSS pixels
THEMES = ("light", "dark")
SETTLED = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await document.fonts.ready;
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map(image => image.decode()));
}"""
# Colours that fade in as the page opens have barely begun to when a busy machine looks at them.
STILL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame().then(frame);
  for (const animation of document.getAnimations())
    if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
}"""
FAULTS = """() => {
  const faults = [], article = document.querySelector("article") || document.body;
  for (const error of document.querySelectorAll("mjx-merror"))
    faults.push("formula in error: " + (error.getAttribute("title") || error.textContent));
  for (const math of document.querySelectorAll(".math"))
    if (!math.querySelector("mjx-container") && math.textContent.trim())
      faults.push("formula not rendered: " + math.textContent.trim().slice(0, 60));
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (/\\\\[([]|<Figure size/.test(node.data)
        && !node.parentElement.closest("pre, code, mjx-container"))
      faults.push("raw text: " + node.data.trim().slice(0, 60));
  for (const image of document.images)
    if (image.src && !image.naturalWidth) faults.push("broken image: " + image.getAttribute("src"));
  const excess = document.documentElement.scrollWidth - innerWidth;
  if (excess > 0) faults.push("wider than the window by " + excess + " px");
  return faults;
}"""
# Without preload: axe-core fetches what a style sheet imports from the folder of the page.
ONLY_VIOLATIONS = {"resultTypes": ["violations"], "preload": False}
PATIENCE = 120_000  # milliseconds; a busy machine takes long for a picture of a long page
GRAVE = ("serious", "critical")
REFERENCE = "/api.html"
LISTINGS = "_modules/"
BRIGHTNESS = """() => {
  const colour = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (colour[0] + colour[1] + colour[2]) / 765;
}"""


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of a browser that has left before an answer was complete."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Only other errors are worth a word."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *_: object) -> None:
        """No line for each request."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder behind an address of this machine, at a free port."""
    handler = functools.partial(Quiet, directory=folder)
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def find_browser() -> str | None:
    """The program to open pages with."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def pages_of(folder: Path) -> list[str]:
    """The pages a reader sees, as paths below `folder`; not those that only send on to another."""
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*.html"))]
    own = [path for path in paths if not {"_static", "_sources"}.intersection(path.parts)]
    return [p.as_posix() for p in own if 'http-equiv="Refresh"' not in (folder / p).read_text()]


def listen(page: Any, base: str, found: list[str]) -> None:
    """Write down foreign and failed requests and what the console says, as they happen."""

    def request(event: Any) -> None:
        if not event.url.startswith((base, "data:", "blob:")):
            found.append(f"request to another host: {event.url}")

    def response(event: Any) -> None:
        if event.status >= 400:
            found.append(f"status {event.status}: {event.url.removeprefix(base)}")

    def console(event: Any) -> None:
        if event.type in ("error", "warning"):
            found.append(f"console {event.type}: {event.text}")

    page.on("request", request)
    page.on("response", response)
    page.on("requestfailed", lambda event: found.append(f"request failed: {event.url}"))
    page.on("console", console)
    page.on("pageerror", lambda event: found.append(f"script error: {event}"))


def look(page: Any, address: str, theme: str, found: list[str], shots: Path | None) -> None:
    """Open one page in one theme at every width and note its faults."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 1000 if name == "desktop" else 844})
        page.goto(address, wait_until="load")
        page.evaluate(SETTLED)
        page.wait_for_timeout(150)  # the layout follows in a moment
        page.evaluate(STILL)
        brightness = page.evaluate(BRIGHTNESS)
        if (brightness > 0.5) != (theme == "light"):
            found.append(f"the {theme} theme has a background of brightness {brightness:.2f}")
        examined = not any(each in address for each in (LISTINGS, REFERENCE))
        faults = [*page.evaluate(FAULTS), *(barriers(page) if examined else [])]
        found.extend(f"{fault} ({theme}, {name})" for fault in faults)
        if shots:
            stem = urlsplit(address).path.strip("/").removesuffix(".html").replace("/", "-")
            page.screenshot(path=shots / f"{stem}-{theme}-{name}.png", full_page=True)


def barriers(page: Any) -> list[str]:
    """What axe-core finds on the page that keeps somebody from reading it, each kind once."""
    if find_spec("axe_playwright_python") is None:
        return []
    from axe_playwright_python.sync_playwright import Axe

    kinds = Axe().run(page, options=ONLY_VIOLATIONS).response["violations"]
    return [
        f"{kind['id']}, {len(kind['nodes'])} times: {kind['nodes'][0]['html'][:120]}"
        for kind in kinds
        if kind["impact"] in GRAVE
    ]


def search(page: Any, base: str, word: str, found: list[str]) -> None:
    """Ask the book's own search for a word that it holds."""
    page.goto(f"{base}search.html?q={word}", wait_until="load")
    try:
        page.wait_for_selector("#search-results li a", timeout=10_000)
    except Exception:  # whatever the browser says, the reader finds nothing
        found.append(f"the search for {word!r} found nothing")


def check(folder: Path, browser: str, shots: Path | None) -> dict[str, list[str]]:
    """{page: its faults}, for every page below `folder`."""
    from playwright.sync_api import sync_playwright

    faults: dict[str, list[str]] = {}
    with served(folder) as base, sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for path in pages_of(folder):
            found = faults.setdefault(path, [])
            if CHECKOUT in (folder / path).read_text():
                found.append(f"shows a path of this machine: {CHECKOUT}")
            page = program.new_page()
            page.set_default_timeout(PATIENCE)
            listen(page, base, found)
            for theme in THEMES[:1] if path.startswith(LISTINGS) else THEMES:
                look(page, base + path, theme, found, shots)
            if path == "search.html":
                search(page, base, "generator", found)
            page.close()
        program.close()
    return faults


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", type=Path, help="the folder of the rendered book")
    parser.add_argument("--shots", type=Path, help="also keep a picture of every page here")
    chosen = parser.parse_args(arguments)
    browser = find_browser()
    if not (chosen.pages / "index.html").exists():
        print(f"{chosen.pages} holds no index.html: build the book first.", file=sys.stderr)
        return 2
    if browser is None:
        remedy = "install chromium, or name a program in CHROMIUM"
        print(f"no browser among {', '.join(BROWSERS)} on PATH: {remedy}.", file=sys.stderr)
        return 2
    if chosen.shots:
        chosen.shots.mkdir(parents=True, exist_ok=True)
    try:
        faults = check(chosen.pages.resolve(), browser, chosen.shots)
    except ImportError:
        print("playwright is not installed: pip install 'adautomix[book]'.", file=sys.stderr)
        return 2
    for path, found in faults.items():
        for fault in dict.fromkeys(found):
            print(f"{path}: {fault}")
    if find_spec("axe_playwright_python") is None:
        print("without axe-core: pip install axe-playwright-python to look for barriers, too")
    wrong = sum(map(bool, faults.values()))
    print(
        f"{len(faults)} pages looked at in {len(THEMES)} themes and {len(WIDTHS)} widths; ", end=""
    )
    print(f"faults on {wrong}." if wrong else "no faults.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
