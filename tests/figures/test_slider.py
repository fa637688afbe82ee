"""The slider over λ: every frame is there, labelled, and readable without its script."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import PIL.Image
import pytest

from adautomix import figures
from adautomix.errors import InputError

RATIOS = (0.25, 0.5, 0.75)
METHODS = ("mixup", "adautomix")
PARENTS = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
MIXED = {m: np.full((3, 4, 4, 3), 50 * (i + 1), np.uint8) for i, m in enumerate(METHODS)}
MASKS = {m: np.broadcast_to(np.array(RATIOS)[:, None, None], (3, 4, 4)) for m in METHODS}


def slider(**changes):
    words = {"ratios": RATIOS, "parents": PARENTS, "mixed": MIXED, "masks": MASKS} | changes
    return figures.RatioSlider(**words)


class Elements(HTMLParser):
    """Every element with its attributes, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_all_frames_lie_in_one_embedded_image():
    made = slider()
    text = made._repr_html_()
    (coded,) = re.findall(r"url\(data:image/png;base64,([^)]*)\)", text)
    pixels = np.array(PIL.Image.open(io.BytesIO(base64.b64decode(coded))))
    assert pixels.tolist() == made.frames().tolist()
    assert pixels.shape == ((1 + 2 * 2) * 4, 3 * 4, 3)
    assert pixels[:4, 4:8].tolist() == PARENTS[1].tolist()
    assert (pixels[12:16] == 100).all()  # AdAutoMix's mixed images, in the fourth row
    assert "http" not in text


def test_each_frame_has_its_place_and_says_what_it_is():
    tiles = [a for a in Elements(slider()._repr_html_()).of("span") if a.get("class") == "tile"]
    assert len(tiles) == 2 + 3 * 2 * len(METHODS)
    places = {a["style"] for a in tiles}
    assert len(places) == len(tiles)
    assert all(a["role"] == "img" and a["aria-label"] for a in tiles)
    mask = next(a for a in tiles if a["aria-label"] == "AdAutoMix at λ = 0.75: mask of image 1")
    assert mask["style"] == "--row: 4; --column: 2"


def test_the_slider_is_labelled_and_hidden_until_the_script_shows_it():
    elements = Elements(slider()._repr_html_())
    (control,) = elements.of("input")
    assert (control["type"], control["min"], control["max"]) == ("range", "0", "2")
    assert [label["for"] for label in elements.of("label")] == [control["id"]]
    (move,) = [a for a in elements.of("div") if a.get("class") == "move"]
    assert "hidden" in move
    cells = elements.of("td")
    assert {cell["data-at"] for cell in cells} == {"0", "1", "2"}
    assert cells[0]["data-said"] == "MixUp 25 % painted"


def test_the_words_and_the_area_are_those_of_the_masks():
    assert slider().painted("mixup") == pytest.approx([25, 50, 75])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ratios": (0.5,)}, "two ratios or more"),
        ({"ratios": (0.5, 0.25, 0.75)}, "ascending"),
        ({"parents": np.zeros((4, 4, 4, 3), np.uint8)}, "4 parents do not fit"),
        ({"masks": {"mixup": MASKS["mixup"]}}, "of the same methods"),
        ({"mixed": {m: MIXED[m][:2] for m in METHODS}}, "mixed has shape"),
        ({"masks": {m: 2 * MASKS[m] for m in METHODS}}, "masks"),
    ],
)
def test_frames_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        slider(**changes)


def test_it_moves_by_the_keyboard_and_reads_without_javascript(tmp_path, root, monkeypatch):
    sync = pytest.importorskip("playwright.sync_api")
    monkeypatch.syspath_prepend(root / "tools")
    import check_pages

    if (browser := check_pages.find_browser()) is None:
        pytest.skip("no chromium here")
    page_file = tmp_path / "page.html"
    page_file.write_text(f"<!doctype html><meta charset=utf-8>{slider()._repr_html_()}", "utf-8")
    with sync.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for scripts in (True, False):
            page = program.new_context(java_script_enabled=scripts).new_page()
            page.goto(page_file.as_uri())
            visible = [each for each in page.locator("td").all() if each.is_visible()]
            assert len(visible) == (2 if scripts else 6)
            assert page.locator("input").is_visible() == scripts
            if scripts:
                page.locator("input").press("ArrowRight")
                assert page.locator("output").inner_text() == "0.75"
                assert page.locator("input").get_attribute("aria-valuetext") == "0.75"
                assert "MixUp 75 % painted" in page.locator(".said").text_content()
        program.close()
