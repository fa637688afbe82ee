"""The book's runner on tiny notebooks, and the browser check on tiny pages."""

import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from adautomix import book, cli
from adautomix.book import build, figures_of, find_root, pages, parameters_of, present, work
from adautomix.book.chapter import stub, with_values, without_numbers_of
from adautomix.book.pages import render, room_for_pages
from adautomix.book.place import Place, find_place
from adautomix.book.run import choose, execute_notebook, plan
from adautomix.book.stage import chapters_of, stage
from adautomix.errors import AdAutoMixError, InputError

REPOSITORY = Path(__file__).resolve().parents[1]
DEFAULTS = 'budget = "quick"  # smoke | quick\nseeds = [0]  # one run each\n'
SVG, PNG = "<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG not really"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def tagged(source: str, *tags: str, **metadata):
    return new_code_cell(source, metadata={"tags": list(tags), **metadata})


def showing(**kinds: str):
    """A code cell of a figure called "waves" with one output a kind of image."""
    mime = {"svg": "image/svg+xml", "png": "image/png", "text": "text/plain"}
    outputs = [new_output("display_data", {mime[kind]: data}) for kind, data in kinds.items()]
    return new_code_cell("f", outputs=outputs, metadata={"adautomix": {"figure": "waves"}})


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder like the repository, with two notebooks and none executed yet."""
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "_config.yml").write_text("title: tiny\n")
    parts = [{"chapters": [{"file": "chapters/01-one"}, {"file": "chapters/02-two"}]}]
    toc = {"format": "jb-book", "root": "intro", "parts": parts}
    (tmp_path / "book" / "_toc.yml").write_text(yaml.safe_dump(toc))
    for name, cells in {
        "01-one": [tagged(DEFAULTS, "parameters"), new_code_cell("print(budget, seeds)")],
        "02-two": [tagged("depth = 3  # layers\n", "parameters"), new_code_cell("1 / depth")],
    }.items():
        nb = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
        nbformat.write(nb, tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# parameters


def test_other_values_keep_the_comments():
    source = 'budget = "quick"  # λ: smoke | quick\nseeds = [\n    0,\n]  # one run each\nn = 3\n'
    assert with_values(source, {"budget": '"é"', "seeds": "[0, 1]"}) == (
        'budget = "é"  # λ: smoke | quick\nseeds = [0, 1]  # one run each\nn = 3\n'
    )


def test_parameters_come_with_default_and_comment(checkout):
    assert parameters_of(checkout / "notebooks" / "01-one.ipynb") == {
        "budget": '"quick"  # smoke | quick',
        "seeds": "[0]  # one run each",
    }


def test_each_notebook_gets_what_it_declares(checkout):
    notebooks = choose(find_place().sources(), None)
    planned = plan(notebooks, {"budget": "smoke", "depth": 4}, needed={"depth"})
    assert [(path.stem, values) for path, values in planned] == [
        ("01-one", {"budget": "smoke"}),
        ("02-two", {"depth": 4}),
    ]


def test_an_unknown_parameter_is_refused_with_the_known_ones(checkout):
    with pytest.raises(InputError, match="unknown parameter sedes") as caught:
        plan(choose(find_place().sources(), None), {"sedes": [1]}, needed={"sedes"})
    assert "seeds = [0]  # one run each" in str(caught.value)
    assert "depth = 3  # layers" in str(caught.value)


def test_values_reach_the_notebooks_as_literals(checkout, monkeypatch):
    seen = []
    monkeypatch.setattr(work, "execute", lambda place, planned, *_, **__: seen.extend(planned))
    monkeypatch.setattr(book, "render", lambda *_, **__: None)
    build(parameters={"seeds": (np.int64(4), 5), "depth": Path("deep")})
    assert [values for _, values in seen] == [
        {"budget": "quick", "seeds": [4, 5]},
        {"depth": "deep"},
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--budget", "huge"], "budget must be smoke, quick, lite, short or paper, not 'huge'."),
        (["--budget", ""], "budget must be smoke, quick, lite, short or paper, not ''."),
        (["--seeds", "0", "-1"], "seeds must be a list .*, not \\[0, -1\\]."),
        (["--seeds", "2", "2"], "seeds must be a list .* each once, not \\[2, 2\\]."),
        (["--set", "train=maybe"], "train must be True or False, not 'maybe'."),
        (["--set", "depth={1: 2}"], "depth must be text, a number, .*, not {1: 2}."),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_a_notebook_runs(
    checkout, monkeypatch, capsys, words, sentence
):
    monkeypatch.setattr(work, "execute", None)
    assert cli.main(["book", *words]) == 2
    assert re.fullmatch(f"adautomix: {sentence}\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "name", ["02", "02-two", "02-two.ipynb", "notebooks/02-two.ipynb", "two", "tw"]
)
def test_a_notebook_is_found_by_number_name_or_beginning(checkout, name):
    assert [path.stem for path in choose(find_place().sources(), [name])] == ["02-two"]


@pytest.mark.parametrize("name", ["03", "0", "", "wo", "-two"])
def test_a_name_that_fits_no_single_notebook_is_refused(checkout, name):
    with pytest.raises(InputError, match=r"(?i)known: 01-one, 02-two"):
        choose(find_place().sources(), [name])


def test_the_whole_name_goes_before_the_beginning_of_another():
    sources = {name: Path(f"{name}.ipynb") for name in ("01-mix", "02-mixed-images")}
    assert choose(sources, ["mix"]) == [sources["01-mix"]]


# chapters


def test_a_chapter_has_one_folded_parameter_cell_with_the_values_of_the_run():
    injected = tagged('# Parameters\nbudget = "smoke"\n', "injected-parameters")
    nb = present(new_notebook(cells=[tagged(DEFAULTS, "parameters"), injected]))
    (cell,) = nb.cells
    assert cell.source == DEFAULTS.replace("quick", "smoke", 1)
    assert cell.metadata["tags"] == ["parameters", "hide-input"]
    assert cell.metadata["mystnb"]["code_prompt_show"] == "Show this run's parameters"


def test_without_defaults_the_injected_cell_stays():
    nb = present(new_notebook(cells=[tagged("# Parameters\nn = 4\n", "injected-parameters")]))
    assert nb.cells[0].source == "n = 4\n"


def test_no_trace_of_when_and_where_it_ran():
    cell = new_code_cell(
        "1", metadata={"papermill": {"duration": 1}, "execution": {"iopub.status.busy": "now"}}
    )
    place = {"papermill": {"input_path": "/somewhere"}, "kernelspec": KERNEL}
    nb = present(new_notebook(cells=[cell, new_markdown_cell("text")], metadata=place))
    assert dict(nb.metadata) == {"kernelspec": KERNEL}
    assert dict(nb.cells[0].metadata) == {}


def test_svg_is_taken_before_png():
    png = b64encode(PNG).decode()
    assert figures_of(new_notebook(cells=[showing(png=png, svg=SVG)])) == {
        "waves.svg": SVG.encode()
    }
    assert figures_of(new_notebook(cells=[showing(text="f", png=png)])) == {"waves.png": PNG}
    assert figures_of(new_notebook(cells=[new_code_cell("1"), new_markdown_cell("2")])) == {}


def test_a_figure_without_an_image_or_with_a_bad_name_is_refused():
    with pytest.raises(InputError, match="'waves' shows no SVG or PNG"):
        figures_of(new_notebook(cells=[showing(text="<Figure>")]))
    cell = showing(svg=SVG)
    cell.metadata["adautomix"]["figure"] = "../waves"
    with pytest.raises(InputError, match=r"'\.\./waves'"):
        figures_of(new_notebook(cells=[cell]))


# running


def executed(notebook: Path, values: dict) -> Path:
    return execute_notebook(find_place(), notebook, values, [], "here")


def test_a_run_makes_a_chapter_and_a_failure_leaves_it_alone(checkout):
    notebook, place = checkout / "notebooks" / "01-one.ipynb", find_place()
    copy = executed(notebook, {"seeds": [4, 5]})
    stage(place, place.source)
    chapter = place.source / "chapters" / "01-one.ipynb"
    good = chapter.read_text()
    assert "quick [4, 5]" in good
    assert str(checkout) not in good

    nb = nbformat.read(notebook, as_version=4)
    nb.cells.append(new_code_cell("raise ValueError('too few\\n  digits')"))
    nbformat.write(nb, notebook)
    before = copy.read_bytes()
    with pytest.raises(AdAutoMixError) as caught:
        build(notebooks=["01"])
    said = str(caught.value)
    assert said.startswith("01-one: cell [4] stopped with ValueError: too few digits.")
    assert Path(said.rpartition(" ")[2]).exists()
    assert copy.read_bytes() == before


def test_a_process_that_dies_is_one_sentence(checkout, monkeypatch):
    monkeypatch.setattr(work, "execute_notebook", die)
    with pytest.raises(AdAutoMixError, match=r"process that ran notebooks died: .*__main__"):
        build()


def die(*_):
    os._exit(1)


def test_no_job_at_all_is_refused(checkout):
    with pytest.raises(InputError, match="jobs must be 1 or more, not 0"):
        build(jobs=0)


def test_a_figure_replaces_the_one_of_the_other_format(checkout):
    place = find_place()
    place.executed.mkdir(parents=True)
    for kind, data in {"png": b64encode(PNG).decode(), "svg": SVG}.items():
        nbformat.write(
            new_notebook(cells=[showing(**{kind: data})]), place.executed / "01-one.ipynb"
        )
        stage(place, place.source)
        assert [f.name for f in (place.source / "figures").iterdir()] == [f"waves.{kind}"]


# chapters that are not there


def test_a_stub_has_the_title_and_the_label_and_says_why():
    title = new_markdown_cell("(chap:one)=\n# One\n\nNumbers {glue:text}`a:.1f`.")
    nb = stub(new_notebook(cells=[title, new_code_cell("1")]), "Not yet.")
    assert [cell.source for cell in nb.cells] == [
        "(chap:one)=\n# One\n\n:::{note}\nNot yet.\n:::\n"
    ]


def test_numbers_of_chapters_that_are_not_there_are_dots():
    text = "{glue:text}`chapters/01-one.ipynb::a:.1f` {glue:text}`chapters/02-two.ipynb::b` {eq}`c`"
    assert without_numbers_of(text, ["01-one"]) == (
        "… {glue:text}`chapters/02-two.ipynb::b` {eq}`c`"
    )


def test_a_folder_for_sphinx_has_stubs_for_what_was_not_run(checkout):
    (checkout / "book" / "intro.md").write_text("# Tiny\n{glue:text}`chapters/02-two.ipynb::n:d` %")
    two = checkout / "notebooks" / "02-two.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Two"), showing(svg=SVG)]), two)
    executed(checkout / "notebooks" / "01-one.ipynb", {})
    place = find_place()
    stage(place, place.source)
    intro = (place.source / "intro.md").read_text()
    assert intro.startswith("# Tiny\n\n:::{note}\nNumbers from chapters")
    assert intro.endswith(":::\n… %")
    assert "has not been run" in (place.source / "chapters" / "02-two.ipynb").read_text()
    assert (place.source / "figures" / "waves.svg").exists()
    config = yaml.safe_load((place.source / "_config.yml").read_text())
    assert config["sphinx"]["config"]["extensions"] == ["unfinished"]


def test_the_first_pages_have_no_reference_of_the_package(checkout):
    reference = checkout / "book" / "api.md"
    reference.write_text("(chap:api)=\n# The package\n\n```{package} adautomix.mix\n```\n")
    place = find_place()
    stage(place, place.source)
    assert (place.source / "api.md").read_text() == reference.read_text()
    stage(place, place.source, first=True)
    text = (place.source / "api.md").read_text()
    assert text.startswith("(chap:api)=\n# The package\n")
    assert "{package}" not in text
    assert "is being run" in (place.source / "chapters" / "01-one.ipynb").read_text()


# pages


def test_chapters_that_are_not_there_are_named(checkout):
    with pytest.raises(InputError, match=r"01-one, 02-two not there yet"):
        build(execute=False)


@pytest.fixture
def sphinx(checkout, monkeypatch):
    """A stand-in for Jupyter Book; it notes its calls, and the next pages are as it is told."""
    book = type("Book", (), {"status": 0, "text": "first", "calls": []})
    place = find_place()
    place.executed.mkdir(parents=True)
    for name in chapters_of(place):
        nbformat.write(new_notebook(), place.executed / f"{name}.ipynb")

    def run(command, **_):
        book.calls.append(command)
        html = Path(command[command.index("--path-output") + 1]) / "_build" / "html"
        html.mkdir(parents=True)
        for name in ("index.html", "objects.inv"):
            (html / name).write_text(book.text)
        return subprocess.CompletedProcess(command, book.status, stderr=f"{place.source}/a.md: no")

    monkeypatch.setattr(pages.subprocess, "run", run)
    return book


def test_pages_are_replaced_only_by_good_ones(checkout, sphinx, capsys):
    target, place = checkout / "site", find_place()
    render(place, target, "1", strict=True)
    sphinx.status, sphinx.text = 1, "second"
    with pytest.raises(AdAutoMixError, match="did not render cleanly"):
        render(place, target, "2", strict=True)
    assert f"{place.book}/a.md: no" in capsys.readouterr().err
    assert (target / "index.html").read_text() == "first"
    sphinx.status, sphinx.text = 0, "third"
    render(place, room_for_pages(target), "2", strict=True)
    assert (target / "index.html").read_text() == "third"
    assert str(target / "index.html") in capsys.readouterr().out


def test_pages_are_rendered_again_only_where_something_changed(checkout, sphinx):
    target, place = checkout / "site", find_place()

    def times() -> int:
        render(place, target, "here", strict=True)
        return len(sphinx.calls)

    assert [times(), times()] == [1, 1]
    (place.book / "intro.md").write_text("# Other")
    assert [times(), times()] == [2, 2]
    (target / "index.html").unlink()
    assert times() == 3


def test_pages_with_stubs_are_not_held_to_be_without_warnings(checkout, sphinx, capsys):
    place = find_place()
    (place.executed / "02-two.ipynb").unlink()
    (checkout / "notebooks" / "02-two.ipynb").write_text(
        nbformat.writes(new_notebook(cells=[new_markdown_cell("# Two")]))
    )
    render(place, checkout / "site", "here", strict=True)
    assert "-W" not in sphinx.calls[0]
    assert "not there yet: 02-two" in capsys.readouterr().out


def test_pages_never_replace_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="other than an earlier book"):
        room_for_pages(tmp_path)
    assert room_for_pages(tmp_path / "new") == tmp_path / "new"


def test_outside_a_checkout_the_package_s_own_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if (REPOSITORY / "notebooks").is_dir():
        assert find_root() == REPOSITORY
    else:
        with pytest.raises(InputError, match="run inside a checkout"):
            find_root()


def test_every_page_of_the_contents_has_a_source():
    contents = (REPOSITORY / "book" / "_toc.yml").read_text()
    files = [line.rpartition(" ")[2] for line in contents.splitlines() if "file:" in line]
    place = Place(REPOSITORY / "book", *[REPOSITORY] * 4)
    assert [f"chapters/{c}" for c in chapters_of(place)] == [
        f for f in files if f[0:9] == "chapters/"
    ]
    texts = [f for f in files if not f.startswith("chapters/")]
    assert len(texts) >= 6
    assert [f for f in texts if not (REPOSITORY / "book" / f"{f}.md").exists()] == []


def test_importing_the_runner_loads_neither_torch_nor_papermill():
    code = "import sys, adautomix.book; print({'torch', 'papermill'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "set()"


# the browser


@pytest.fixture
def check_pages(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "tools")
    import check_pages

    return check_pages


@pytest.fixture
def browser(check_pages):
    if check_pages.find_browser() is None:
        pytest.skip("no chromium here")
    pytest.importorskip("playwright")


@pytest.fixture
def axe(browser):
    pytest.importorskip("axe_playwright_python")


def test_without_pages_or_browser_the_status_is_two(check_pages, tmp_path, monkeypatch, capsys):
    assert check_pages.main([str(tmp_path)]) == 2
    assert "holds no index.html" in capsys.readouterr().err
    (tmp_path / "index.html").write_text("<p>page</p>")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "no-browser"))
    assert check_pages.main([str(tmp_path)]) == 2
    assert "no browser" in capsys.readouterr().err


PAGE = """<!doctype html><html lang=en><title>Page</title>
<meta name=viewport content="width=device-width">
<link rel=icon href="data:,"><style>:root { color-scheme: light dark; } body { background: Canvas; }
@media (prefers-color-scheme: dark) { body { background: #111; } }</style><article>%s</article>"""
BAD = """<img src=none.png><img src=http://192.0.2.1/x.png><p style="width: 2000px">wide</p>
<span class=math>\\(x\\)</span><mjx-merror title="undefined macro">x</mjx-merror>
<script>console.error("oops"); throw Error("thrown")</script>"""
BARRED = "<h1>Barred</h1><button></button>"  # a button without a name


@pytest.mark.usefixtures("browser")
def test_faults_are_found_and_good_pages_pass(check_pages, tmp_path, capsys):
    (tmp_path / "index.html").write_text(PAGE % "<h1>Good</h1>")
    assert check_pages.main([str(tmp_path)]) == 0
    assert "no faults" in capsys.readouterr().out
    (tmp_path / "bad.html").write_text(PAGE % BAD)
    assert check_pages.main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    for fault in [
        "status 404: none.png",
        "broken image: none.png",
        "request to another host: http://192.0.2.1/x.png",
        "wider than the window",
        "formula not rendered",
        "formula in error: undefined macro",
        "console error: oops",
        "script error: thrown",
        "faults on 1",
    ]:
        assert fault in said


FADING = """<style>@keyframes appear { from { color: #bbb; } } h1 { animation: appear 60s; }
</style><h1>Fading</h1>"""


@pytest.mark.usefixtures("axe")
def test_colours_on_their_way_are_no_barrier(check_pages, tmp_path, capsys):
    (tmp_path / "index.html").write_text(PAGE % FADING)
    assert check_pages.main([str(tmp_path)]) == 0
    assert "no faults" in capsys.readouterr().out


@pytest.mark.usefixtures("axe")
def test_a_barrier_is_found(check_pages, tmp_path, capsys):
    (tmp_path / "index.html").write_text(PAGE % BARRED)
    assert check_pages.main([str(tmp_path)]) == 1
    assert "index.html: button-name, 1 times: <button></button>" in capsys.readouterr().out
