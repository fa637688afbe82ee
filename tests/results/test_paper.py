"""The paper's numbers: read as printed, one at a time, and never by accident another one."""

import csv
import math
from pathlib import Path

import pytest

from adautomix.errors import InputError, RecordError
from adautomix.record import _where
from adautomix.results import paper

TABLE = """method,dataset,backbone,n,metric,value,note
AdAutoMix,CIFAR-100,ResNet-18,2,top1_percent,81.50,
AdAutoMix,CIFAR-100,ResNet-18,3,top1_percent,82.30,"one, note"
None,CIFAR-100,ResNet-18,3,top1_percent,80,
AdAutoMix,CIFAR-100,ResNet-18,3,top5_percent,95.00,
"""


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tables as an installed wheel has it."""
    folder = tmp_path / "_data" / "paper"
    folder.mkdir(parents=True)
    (folder / "table_10.csv").write_text(TABLE)
    (folder / "model_page.csv").write_text(TABLE)
    (folder / "table_02.csv").write_text(TABLE)
    monkeypatch.setattr(_where, "PACKAGE", tmp_path)
    return folder


def test_tables_are_listed_with_the_numbered_ones_first(made_up):
    assert paper.tables() == ["table_02", "table_10", "model_page"]


@pytest.mark.parametrize("name", [10, "10", "Table 10", "table-10", "table_10"])
def test_a_table_is_found_by_any_of_its_names(made_up, name):
    rows = paper.table(name)
    assert rows["value"].to_list() == [81.5, 82.3, 80.0, 95.0]
    assert rows["note"].to_list() == ["", "one, note", "", ""]
    assert rows["method"][2] == "None"


def test_changing_a_table_changes_nobody_elses(made_up):
    mine = paper.table(10)
    mine["value"] = 0.0
    assert paper.table(10)["value"][0] == 81.5


def test_value_is_the_one_number(made_up):
    assert paper.value(10, n=2) == 81.5
    assert paper.value(10, method="AdAutoMix", n=3, metric="top5_percent") == 95.0
    assert paper.select(10, n=3, metric="top1_percent")["value"].to_list() == [82.3, 80.0]


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"n": 3}, "3 numbers for n=3: say also method and metric"),
        ({}, "4 numbers for no condition: say also method and n and metric"),
        ({"n": 4}, "unknown n in table 10 '4'"),
        ({"method": "Adautomix"}, "did you mean 'AdAutoMix'"),
        ({"size": 4}, "unknown column of table 10 'size'"),
        ({"n": 2, "metric": "top5_percent"}, "0 numbers for n=2, metric='top5_percent'"),
    ],
)
def test_what_is_not_one_number_is_refused(made_up, where, sentence):
    with pytest.raises(InputError, match=sentence):
        paper.value(10, **where)


def test_a_number_listed_twice_is_refused(made_up):
    (made_up / "table_03.csv").write_text(TABLE + TABLE.split("\n", 1)[1])
    with pytest.raises(InputError, match="2 numbers for n=2: the table lists it twice"):
        paper.value(3, n=2)


def test_unknown_tables_are_refused(made_up):
    with pytest.raises(InputError, match="unknown table '12'"):
        paper.table(12)
    with pytest.raises(InputError, match="did you mean 'table_02'"):
        paper.table("tabel_02")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", TABLE.replace("81.50", "81,5")])
def test_a_damaged_table_is_named(made_up, text):
    (made_up / "table_04.csv").write_text(text)
    with pytest.raises(RecordError, match=r"table_04\.csv: cannot be read"):
        paper.table(4)


def test_missing_tables_are_said(made_up):
    for path in made_up.iterdir():
        path.unlink()
    with pytest.raises(RecordError, match="not installed with adautomix: reinstall"):
        paper.table(1)


# --- the tables that travel with the package ----------------------------------------------------


def test_all_eleven_tables_are_there():
    assert paper.tables()[:11] == [f"table_{n:02d}" for n in range(1, 12)]


@pytest.mark.parametrize("name", paper.tables())
def test_every_number_of_the_paper_can_be_asked_for(root, name):
    with open(root / "data" / "paper" / f"{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = paper.table(name)
    assert len(table) == len(rows) > 0
    keys = [tuple(row[key] for key in row if key not in ("value", "note")) for row in rows]
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        where = table.iloc[place].drop(["value", "note"]).to_dict()
        assert math.isfinite(float(row["value"]))
        if keys.count(key) == 1:
            assert paper.value(name, **where) == float(row["value"])
        else:  # the model page lists ResNet-50 twice
            with pytest.raises(InputError, match="lists it twice"):
                paper.value(name, **where)
