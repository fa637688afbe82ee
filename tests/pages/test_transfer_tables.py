"""The tables and numbers of the page on transfer, from made-up accuracies."""

import numpy as np
import pandas as pd
import pytest

from adautomix import figures
from adautomix.pages import transfer, transfer_tables
from adautomix.pages.transfer import FRESH

COLUMNS = ["method", "seed", "source", "target"]


def pairs(**targets: list[float]) -> pd.DataFrame:
    """Accuracies on the target by method, a seed each."""
    rows = [(FRESH, 0, np.nan, 20.0)]
    rows += [(m, seed, 90.0, v) for m, each in targets.items() for seed, v in enumerate(each)]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_prose_quotes_means_and_chance():
    found = transfer_tables.headline(pairs(plain=[50.0, 54.0], mixup=[60.0]), transfer.HALVES)
    assert (found["fresh"], found["plain"], found["mixup"], found["chance"]) == (20, 52, 60, 20)
    assert np.isnan(found["adautomix"])
    assert found["verdict"] == "cannot be told, as no run is recorded"


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([60.0, 61.0, 63.0], "holds at this scale"),
        ([40.0, 41.0, 43.0], "does not hold at this scale: Vanilla, MixUp, CutMix and AutoMix are"),
        ([30.0, 51.0, 90.0], "cannot be told at this scale (intervals over 3 paired seeds contain"),
        ([60.0], "cannot be told at this scale (one seed of each method); AdAutoMix is ahead of"),
    ],
)
def test_the_verdict_is_that_of_the_paired_seeds(ours, verdict):
    others = {key: [50.0, 51.0, 52.0] for key in ("plain", "mixup", "cutmix", "automix")}
    assert transfer_tables.verdict(pairs(**others, adautomix=ours)).startswith(verdict)


def test_the_tables_can_stand_on_a_page():
    table = transfer_tables.table(pairs(plain=[50.0, 54.0]))
    assert ":name: tab:transfer\n" in figures.markdown_table(*table)


def test_smoke_fine_tunes_for_one_epoch():
    assert transfer.halves("quick") is transfer.HALVES
    assert transfer.halves("smoke").finetuning == ("epochs=1",)


def test_the_page_has_the_papers_table_and_ours():
    found = transfer_tables.tables(pairs(plain=[50.0]))
    assert found["table"].name == "tab:transfer"
    assert [table.name for table in found["by_column"]] == [
        "tab:column-3-cub-200-resnet-50",
        "tab:column-3-stanford-cars-resnet-50",
    ]
