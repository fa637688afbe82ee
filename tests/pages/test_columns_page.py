"""The tables of the pages on Tables 1 to 3: every printed number, ours beside it, its commands."""

import math
from statistics import stdev

import pytest

from adautomix import data, figures
from adautomix.errors import InputError
from adautomix.pages import columns
from adautomix.pages.claims import best_of_columns
from adautomix.recipes import to_dict
from adautomix.record import Store
from adautomix.results import compare, paper
from adautomix.results.cells import cells

TABLES = (1, 2, 3)


@pytest.mark.parametrize("table", TABLES)
def test_every_number_stands_in_its_column_with_a_recipe(table):
    shown = columns.columns(table)
    rows = paper.table(table)
    rows = rows[rows["method"] != "Gain"]
    numbers = [
        cell
        for each in columns.by_column(shown)
        for cell in each.frame.set_index("method")["paper reports (%)"]
    ]
    assert sorted(numbers) == sorted(rows["value"].map("{:.2f}".format))
    for each in shown:
        frame = each.runs()
        recipes = frame.filter(like="recipe").iloc[:, 0].str.strip("`")
        assert list(recipes) == [cell.start or cell.run for cell in each.cells]
        assert "recorded, paper, classifier (%)" in frame


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_can_stand_on_a_page(table):
    shown = columns.columns(table)
    every = [
        *columns.by_column(shown),
        columns.leads(shown),
        columns.disagreements(shown),
        columns.authors_page(),
    ]
    text = "".join(figures.markdown_table(*each) for each in every)
    names = [each.name for each in every]
    assert len(set(names)) == len(names)
    assert all(f":name: {name}\n" in text for name in names)


def test_budgets_have_columns_of_their_own_and_the_rest_is_blank():
    first, *others = columns.columns(1)
    frame = first.runs().set_index("method")
    assert {"recorded, lite, teacher (%)", "recorded, short, teacher (%)"} <= set(frame)
    assert not frame["recorded, paper, classifier (%)"].any()
    assert frame.loc["AdAutoMix", "recorded, lite, classifier (%)"].endswith("(3)")
    assert frame.loc["FMix", "recorded, lite, classifier (%)"] == ""
    assert {len(each.runs().columns) for each in others} == {5}


def test_runs_of_the_reader_stand_beside_the_paper_s(monkeypatch, tmp_path, document):
    """A fine-tuned network has another start, hence another recipe, for each seed."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    trained = next(cell for cell in cells() if (cell.table, cell.row) == (2, "AdAutoMix"))
    tuned = next(cell for cell in cells() if (cell.table, cell.row) == (3, "MixUp"))
    for cell, seed, top1 in ((trained, 0, 0.5), (tuned, 0, 0.7), (tuned, 2, 0.8)):
        job = cell.jobs(seed)[-1]
        made = document(
            job.recorded_name(), seed, recipe=to_dict(job.recipe()), budget="paper", top1=top1
        )
        Store(tmp_path).write(made, [{"epoch": 1, "classifier_top1": top1}])
    heading = "run here, paper, classifier (%)"
    for table, row, text in ((2, "AdAutoMix", "50.00 (1)"), (3, "MixUp", "75.00 ± 7.07 (2)")):
        column = columns.columns(table)[0].runs().set_index("method")[heading]
        assert column[row] == text
        assert column.astype(bool).sum() == 1


def test_a_lead_is_over_the_next_best_and_shown_by_seeds_that_scatter_less():
    frame = columns.leads(columns.columns(1)).frame.set_index("column")
    row = frame.loc["ResNet-18, CIFAR-100"]
    assert row["next best"] == "AutoMix"
    assert row["lead (points)"] == f"{82.32 - 82.04:+.2f}"
    lead = 0.28
    just = lead / columns.WIDTH_OF_THREE
    for sd, shown in ((0.99 * just, True), (1.01 * just, False)):
        values = {seed: lead + sd * z for seed, z in enumerate((-1.0, 0.0, 1.0))}
        assert stdev(values.values()) == pytest.approx(sd)
        found = compare.difference(values, dict.fromkeys(values, 0.0))
        assert (found.low > 0) == shown
    error = 100 * math.sqrt(0.8232 * (1 - 0.8232) / data.info("cifar100").counts["test"])
    assert row["error by the test images (points)"] == f"{error:.2f}"


@pytest.mark.parametrize("table", TABLES)
def test_prose_counts_what_the_table_has(table):
    found = columns.headline(table)
    rows = paper.table(table)
    gains = rows.loc[rows["method"] == "Gain", "value"]
    assert found["columns"] == len(gains)
    assert found["numbers"] == found["with_command"] == len(rows) - len(gains)
    assert (found["least"], found["most"]) == pytest.approx((gains.min(), gains.max()), abs=0.011)
    counts = [int(part.split()[0]) for part in found["verdict"].split(", ") if part[0].isdigit()]
    assert found["judged"] == sum(
        claim.found.verdict != "not tested" for claim in best_of_columns(table)
    )
    assert set(columns.tables(table)).isdisjoint(found)  # they share a prefix on the page
    assert sum(counts) == len(best_of_columns(table)) == found["columns"]


def test_the_authors_page_has_samix_ahead_where_its_numbers_say_so():
    page = paper.select(columns.PAGE, metric="top1_percent")
    wide = page.pivot_table(index=["dataset", "backbone"], columns="method", values="value")
    both = wide[["SAMix", "AdAutoMix"]].dropna()
    ahead = int((both["SAMix"] > both["AdAutoMix"]).sum())
    found = columns.samix()
    assert (found["samix_ahead"], found["samix_columns"]) == (ahead, len(both))
    assert ahead == 2


def test_commands_are_those_of_the_cells_each_once():
    text = columns.tables(3, ["CUB-200"])["commands"].text
    lines = [line for line in text.splitlines() if line.startswith("adautomix ")]
    assert len(lines) == len(set(lines)) == 12
    assert text.count(":::{dropdown}") == 1


def test_columns_of_some_datasets_can_be_shown():
    shown = columns.columns(1, ["Tiny-ImageNet"])
    assert [each.backbone for each in shown] == ["ResNet-18", "ResNeXt-50"]
    assert len(columns.leads_figure(1, ["Tiny-ImageNet"]).axes[0].get_yticks()) == 2
    with pytest.raises(InputError, match="unknown dataset of Table 1 'CUB-200'"):
        columns.columns(1, ["CUB-200"])
