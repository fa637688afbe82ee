"""The experiments of Tables 1 and 2 are the tables' columns, row by row."""

import pytest

from adautomix.results import experiments, paper
from adautomix.results.cells import cells, method_of
from adautomix.results.columns import BY_COLUMN, COLUMNS, METHODS, name_of
from adautomix.results.registry import get


@pytest.mark.parametrize("table", [1, 2])
def test_every_column_is_an_experiment_with_the_rows_of_the_table(table):
    rows = paper.table(table)
    rows = rows[rows["method"] != "Gain"]
    printed = {
        (table, *column): tuple(map(method_of, group["method"]))
        for column, group in rows.groupby(["dataset", "backbone"], sort=False)
    }
    assert list(printed) == [column for column in COLUMNS if column[0] == table]
    assert set(printed.values()) == {METHODS[table]}


def test_the_runs_of_an_experiment_are_those_of_the_cells():
    for (table, dataset, backbone), family in COLUMNS.items():
        experiment = get(name_of(table, dataset, backbone))
        made = [
            cell.run
            for cell in cells()
            if (cell.table, cell.dataset, cell.backbone) == (table, dataset, backbone)
        ]
        assert made == [f"{family}/{what}" for what in experiment.rows.values()]
    assert len(BY_COLUMN) == len(COLUMNS)


def test_a_column_stands_beside_the_paper_s():
    found = experiments.obtain("table-2-cub200-resnet18", budget="paper", run=False)
    shown = found.table().display()
    assert shown.loc["AdAutoMix", "paper reports (%)"] == "80.88"
