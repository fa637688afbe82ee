"""The page on photographs: its reports, what prose quotes, tables and curves."""

import pytest

from adautomix import data
from adautomix.pages import photographs
from adautomix.results.photographs import PHOTOGRAPHS
from adautomix.results.setting_grid import EARNED


@pytest.fixture
def every(monkeypatch, tmp_path):
    """The reports of the recorded runs alone."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    return photographs.reports(train=False, device="cpu", time_limit=1.0)


def test_prose_has_the_data_and_the_finding_of_the_rule(every, monkeypatch):
    found = photographs.headline(every)
    info = data.info("flowers17-07d5350e")
    assert found["flowers17_classes"] == info.classes
    assert found["flowers17_test"] == info.counts["test"]
    assert found["tiny30_progress"] == every["tiny30"].headline()["progress"]
    assert {found[f"{name}_says"] for name in PHOTOGRAPHS} <= set(photographs.WORDS.values())
    monkeypatch.setattr(photographs, "outcome", lambda *_: EARNED)
    assert photographs.headline(every)["tiny30_says"] == photographs.WORDS[EARNED]


def test_every_report_has_its_tables_under_names_of_its_own(every):
    tables = photographs.tables(every)
    assert set(tables) == {f"{n}_{key}" for n in PHOTOGRAPHS for key in photographs.SHOWN}
    assert len({table.name for table in tables.values()}) == len(tables)


def test_the_page_ends_with_all_its_runs(every):
    assert len(photographs.runs(every)) == sum(len(shown.runs) for shown in every.values())


def test_curves_have_a_panel_for_each_dataset_with_runs(every):
    figure = photographs.curves(every)
    titles = [photographs.dataset(shown).title for shown in every.values() if shown.runs]
    assert [ax.get_title() for ax in figure.axes] == titles
