"""Each table and figure of the paper is listed once, and is where the list says."""

import json
import re
from collections import Counter

import pytest

from adautomix.pages import ablations, columns, whereabouts
from adautomix.pages.claims import CLAIMS
from adautomix.pages.verdict import NOT_TESTED
from adautomix.results import paper
from adautomix.results.cells import cells


def test_every_table_and_figure_is_listed_once_in_order():
    names = [item.name for item in whereabouts.ITEMS]
    tables = [f"Table {n}" for n in range(1, 12)]
    figures = [f"Fig. {n}" for n in range(1, 15)]
    assert names == [*tables, *figures, "Algorithm 1"]
    assert sum(name.startswith("table_") for name in paper.tables()) == len(tables)


def labels_of(root, chapter: str) -> set[str]:
    """The labels of a chapter's figures, and of the tables that its modules make."""
    notebook = (root / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8")
    cells_of = json.loads(notebook)["cells"]
    shown = [cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells_of]
    code = "\n".join("".join(c["source"]) for c in cells_of if c["cell_type"] == "code")
    modules = (root / "adautomix" / "pages").glob("*.py")
    used = [path for path in modules if re.search(rf"\b{path.stem}\b", code)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in used) + notebook
    made = {
        "14-ablations": [f"tab:ablation-{name}" for name in ablations.CLAIMS],
        "17-classification": ["tab:leads-1"],
        "18-fine-grained": ["tab:leads-2"],
        "10-transfer": ["tab:leads-3"],
        "11-efficiency": ["tab:efficiency-n"],
    }.get(chapter, [])
    written = re.findall(r"\"(tab:[\w-]+)\"", text)
    return {figure.get("name", "") for figure in shown} | set(written) | set(made)


@pytest.mark.parametrize("item", whereabouts.ITEMS, ids=lambda item: item.name)
def test_what_is_listed_is_there(item, root):
    contents = (root / "book" / "_toc.yml").read_text(encoding="utf-8")
    assert item.shown
    for chapter, labels in item.shown.items():
        assert f"chapters/{chapter}\n" in contents
        assert set(labels) <= labels_of(root, chapter)


def test_labels_that_code_puts_together_are_those():
    made = {columns.leads(columns.columns(n)).name for n in (1, 2, 3)}
    assert made == {"tab:leads-1", "tab:leads-2", "tab:leads-3"}
    found = ablations.runs("quick")
    assert {ablations.table(name, each).name for name, each in found.items()} >= {
        label
        for item in whereabouts.ITEMS
        for label in item.shown.get("14-ablations", ())
        if label.startswith("tab:")
    }


def test_the_table_counts_numbers_and_verdicts():
    frame = whereabouts.table().frame.set_index("in the paper")
    numbers = Counter(cell.place for cell in cells() if cell.value is not None)
    for n in range(1, 12):
        assert frame.loc[f"Table {n}", "numbers"] == str(numbers[f"Table {n}"])
    of_first = [claim for claim in CLAIMS if "Table 1" in whereabouts.named(claim.section)]
    words = frame.loc["Table 1", "claims"]
    assert sum(int(part.split()[0]) for part in words.split(", ")) == len(of_first) == 9
    assert frame.loc["Fig. 2", "claims"] == ""


def test_every_chapter_of_a_claim_is_that_of_a_table_or_figure(root):
    chapters = {path.stem.partition("-")[2] for path in (root / "notebooks").glob("*.ipynb")}
    assert {claim.page for claim in CLAIMS if claim.page} <= chapters
    for claim in CLAIMS:
        for name in whereabouts.named(claim.section):
            assert name in {item.name for item in whereabouts.ITEMS}


def test_prose_counts_what_was_tested():
    found = whereabouts.headline()
    tested = [claim for claim in CLAIMS if claim.found.verdict != NOT_TESTED]
    behind = set().union(*(whereabouts.named(claim.section) for claim in tested))
    assert found["tables"] == 11
    assert found["tables_judged"] == sum(name.startswith("Table") for name in behind)
    assert found["figures_judged"] == sum(name.startswith("Fig.") for name in behind)
    assert found["claims"] == len(CLAIMS)
    assert found["claims_shown"] == sum(claim.page != "" for claim in CLAIMS)
