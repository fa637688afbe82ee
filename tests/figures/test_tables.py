"""Tables as text: read back by a MyST parser, blank where nobody ran, refused where not strings."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from IPython.display import Markdown

from adautomix import figures
from adautomix.errors import AdAutoMixError, InputError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"method": ["MixUp", "a|b"], "paper": ["79.12", None], "here": [np.nan, "80.0 ± 0.1\n(3)"]}
    )


def test_the_text_is_a_numbered_myst_table(frame) -> None:
    assert figures.markdown_table(frame, "Top-1 on CIFAR-100.", "tab:main").splitlines() == [
        ":::{table} Top-1 on CIFAR-100.",
        ":name: tab:main",
        "",
        "| method | paper | here |",
        "| :-- | --: | --: |",
        "| MixUp | 79.12 |  |",
        "| a\\|b |  | 80.0\N{NO-BREAK SPACE}± 0.1 (3) |",
        ":::",
    ]


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["79.12", None], "--:"),
        (["+2.59 (3)", "†", "†"], "--:"),
        (["+6.1 [+2.5, +9.7] (2)", ""], "--:"),
        (["−0.3", "not run", "42.1 (1)"], "--:"),
        (["CIFAR-100, lite", "the code"], ":--"),
        (["holds", "82.3 (a)", "it fails"], ":--"),
        (["4.1.1, Table 1", "82.32 (AdAutoMix)"], ":--"),
        ([None, None], "--:"),
    ],
)
def test_words_are_aligned_left_and_numbers_right(cells, rule) -> None:
    shown = pd.DataFrame({"method": ["a"] * len(cells), "column": cells})
    text = figures.markdown_table(shown, "c", "tab:x")
    assert text.splitlines()[4] == f"| :-- | {rule} |"


def test_a_letter_in_brackets_stays_a_letter() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    shown = pd.DataFrame({"where": ["Fig. 6 (c)"]})
    text = figures.markdown_table(shown, "c", "tab:x").splitlines()[-2]
    parser = markdown_it.MarkdownIt("commonmark", {"typographer": True}).enable("replacements")
    assert "Fig. 6 (c)" in parser.render(text)


def test_an_interval_is_not_broken_over_two_lines() -> None:
    shown = pd.DataFrame({"lead": ["+6.10 [+2.55, -9.66] (2)", "[a, b] c"]})
    text = figures.markdown_table(shown, "Leads.", "tab:x")
    assert "| +6.10 [+2.55,\N{NO-BREAK SPACE}-9.66]\N{NO-BREAK SPACE}(2) |" in text
    assert "| [a, b] c |" in text


def test_a_markdown_parser_finds_the_same_cells(frame) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    text = "\n".join(figures.markdown_table(frame, "c", "tab:x").splitlines()[3:-1])
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text)
    cells = [token.content for token in tokens if token.type == "inline"]
    last = "80.0\N{NO-BREAK SPACE}± 0.1 (3)"
    assert cells == ["method", "paper", "here", "MixUp", "79.12", "", "a|b", "", last]


@pytest.mark.parametrize("value", [79.12, 3, True, ["79"]])
def test_a_number_that_nobody_rounded_is_refused(value) -> None:
    frame = pd.DataFrame({"method": ["MixUp"], "top-1": pd.Series([value], dtype=object)})
    with pytest.raises(InputError, match=r"column 'top-1' holds .*; give numbers as strings"):
        figures.markdown_table(frame, "c", "tab:x")


@pytest.mark.parametrize(
    ("caption", "name", "sentence"),
    [
        (" ", "tab:x", "caption ' ' must be one line"),
        ("a\nb", "tab:x", "must be one line"),
        ("a", "Tab X", "label 'Tab X' must be lower-case words"),
        ("a", "", "label '' must be"),
    ],
)
def test_a_caption_or_label_that_would_break_the_page_is_refused(
    frame, caption: str, name: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        figures.markdown_table(frame, caption, name)


def test_a_table_without_columns_is_refused() -> None:
    with pytest.raises(InputError, match="at least one column"):
        figures.markdown_table(pd.DataFrame(), "c", "tab:x")


class Glued(ModuleType):
    """Stands for myst-nb: keeps what is glued."""

    def __init__(self) -> None:
        super().__init__("myst_nb")
        self.kept: dict[str, tuple[object, bool]] = {}

    def glue(self, key: str, value: object, display: bool) -> None:
        self.kept[key] = (value, display)


def test_tables_and_values_are_glued_under_their_keys(frame, monkeypatch) -> None:
    glued = Glued()
    monkeypatch.setitem(sys.modules, "myst_nb", glued)
    monkeypatch.setenv("ADAUTOMIX_BOOK", "1")
    figures.glue_value("best", "82.3")
    figures.glue_tables("main", [figures.Table(frame, "Top-1.", "tab:main")])
    assert glued.kept["best"] == ("82.3", False)
    table, shown = glued.kept["main"]
    assert isinstance(table, Markdown)
    text = figures.markdown_table(frame, "Top-1.", "tab:main")
    assert table.data == text
    assert not shown
    figures.glue_tables("both", [figures.Table(frame, "Top-1.", "tab:main")] * 2)
    assert glued.kept["both"][0].data == f"{text}\n\n{text}"
    figures.glue_markdown("text", "*as it is*")
    assert glued.kept["text"][0].data == "*as it is*"


def test_a_number_of_numpy_is_glued_as_pythons_own(monkeypatch) -> None:
    glued = Glued()
    monkeypatch.setitem(sys.modules, "myst_nb", glued)
    monkeypatch.setenv("ADAUTOMIX_BOOK", "1")
    figures.glue_value("half", np.float64(0.5))
    assert repr(glued.kept["half"][0]) == "0.5"


def test_gluing_without_myst_nb_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    monkeypatch.setenv("ADAUTOMIX_BOOK", "1")
    with pytest.raises(AdAutoMixError, match=r"run: pip install 'adautomix\[book\]'"):
        figures.glue_value("best", "82.3")


def test_outside_the_book_a_table_is_shown_and_myst_nb_not_wanted(frame, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    monkeypatch.delenv("ADAUTOMIX_BOOK", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figures.glue_value("best", "82.3")
    figures.glue_tables("main", [figures.Table(frame, "Top-1.", "tab:main")])
    figures.glue_markdown("text", "*as it is*")
    table, text = shown
    assert "Top-1." in table.to_html()
    assert text.data == "*as it is*"
