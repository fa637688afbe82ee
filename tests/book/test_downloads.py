"""What a page offers to take: its command, its figures as files, its notebook, and services."""

from base64 import b64encode

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from adautomix.book import downloads
from adautomix.book.downloads import (
    command_of,
    opened_elsewhere,
    repository,
    take_figures,
    with_downloads,
)
from adautomix.book.place import Place
from adautomix.book.stage import stage

SVG, PDF = "<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF not really"
MADE_UP = "https://github.com/someone/adautomix"


def figure(label: str = "fig:waves"):
    data = {"image/svg+xml": SVG, "application/pdf": b64encode(PDF).decode(), "text/plain": "f"}
    metadata = {"mystnb": {"figure": {"name": label, "caption": "Waves."}}}
    return new_code_cell("f", outputs=[new_output("display_data", data)], metadata=metadata)


@pytest.fixture
def executed():
    ran = {"papermill": {"parameters": {"budget": "quick", "seeds": [0, 1]}}}
    return new_notebook(cells=[new_markdown_cell("# One"), figure()], metadata=ran)


def test_the_command_has_the_values_of_the_run(executed):
    command = "papermill notebooks/01-one.ipynb out.ipynb -p budget quick -y 'seeds: [0, 1]'"
    assert command_of(executed, "01-one") == command
    text = with_downloads(executed, "01-one", {}).cells[-1].source
    assert f"```bash\n{command}\n```\n" in text
    assert "{download}`01-one.ipynb <../notebooks/01-one.ipynb>`" in text


def test_a_figure_is_taken_as_svg_and_pdf(executed):
    executed.cells.append(new_code_cell("1", outputs=[new_output("stream", text="a line")]))
    files = take_figures(executed)
    assert files == {"fig:waves": {"svg": SVG.encode(), "pdf": PDF}}
    (output,) = executed.cells[1].outputs
    assert set(output.data) == {"image/svg+xml", "text/plain"}, "no page carries its PDFs"
    text = with_downloads(executed, "01-one", files).cells[-1].source
    wanted = (
        "{numref}`fig:waves` as {download}`SVG <../figures/fig-waves.svg>` and "
        "{download}`PDF <../figures/fig-waves.pdf>`"
    )
    assert wanted in text


def test_a_figure_without_a_number_loses_its_pdf_alone(executed):
    executed.cells[1].metadata.clear()
    assert take_figures(executed) == {}
    assert "application/pdf" not in executed.cells[1].outputs[0].data


def test_the_files_lie_where_the_page_links_to(executed, tmp_path):
    place = Place(*(tmp_path / name for name in ("book", "notebooks", "data", "cwd", "work")))
    for folder in (place.book, place.notebooks, place.executed):
        folder.mkdir(parents=True)
    (place.book / "_toc.yml").write_text("root: intro\nchapters: [{file: chapters/01-one}]")
    (place.notebooks / "01-one.ipynb").write_text("{}")
    nbformat.write(executed, place.executed / "01-one.ipynb")
    stage(place, place.source)
    assert (place.source / "figures" / "fig-waves.svg").read_text() == SVG
    assert (place.source / "figures" / "fig-waves.pdf").read_bytes() == PDF
    assert (place.source / "notebooks" / "01-one.ipynb").exists()
    chapter = (place.source / "chapters" / "01-one.ipynb").read_text()
    assert "application/pdf" not in chapter
    assert "../figures/fig-waves.pdf" in chapter


@pytest.mark.parametrize("address", [MADE_UP, f"{MADE_UP}.git", f"{MADE_UP}/"])
def test_once_the_repository_is_public_a_page_can_be_opened_elsewhere(
    executed, monkeypatch, address
):
    monkeypatch.setattr(downloads, "repository", lambda: address)
    text = with_downloads(executed, "01-one", {}).cells[-1].source
    colab = "https://colab.research.google.com/github/someone/adautomix/blob/HEAD/notebooks/"
    assert f"({colab}01-one.ipynb)" in text
    assert "(https://mybinder.org/v2/gh/someone/adautomix/HEAD?labpath=notebooks%2F01-one" in text
    assert f"`%pip install git+{address}`" in text


@pytest.mark.parametrize("address", [None, "https://example.org/adautomix", MADE_UP + "/tree/x"])
def test_without_an_address_on_github_no_service_is_named(address):
    assert opened_elsewhere("01-one", address) == ""


def test_the_address_is_that_of_the_installed_project(monkeypatch):
    class Metadata(dict):
        def get_all(self, name):
            return self.get(name)

    urls = ["Documentation, https://example.org", f"Repository, {MADE_UP}"]
    monkeypatch.setattr(downloads, "metadata", lambda _: Metadata({"Project-URL": urls}))
    assert repository() == MADE_UP
    monkeypatch.setattr(downloads, "metadata", lambda _: Metadata())
    assert repository() is None
