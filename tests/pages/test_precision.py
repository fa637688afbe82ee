"""Runs in two precisions: paired by id, and blank where something is not recorded."""

import math
from dataclasses import replace

import pytest

from adautomix.pages import precision
from adautomix.record import Run, Store
from adautomix.results.compare import Paired

STAYS, UNKNOWN = "stays within half a point", "cannot be told to stay within half a point"


def run(tmp_path, seed, top1, seconds):
    return Run(
        id=f"plain-photodigits-quick-s{seed}-1a2b3c4d",
        name="photodigits/thin/plain",
        recipe={},
        budget="quick",
        seed=seed,
        metrics={name: {"top1_median10": top1} for name in precision.PREDICTORS},
        provenance={"cpu_seconds": seconds},
        evaluations=[],
        extras={},
        path=tmp_path,
    )


@pytest.fixture
def found(tmp_path):
    wide = [run(tmp_path, seed, top1, 600.0) for seed, top1 in enumerate((0.90, 0.92, 0.94))]
    narrow = [run(tmp_path, seed, top1, 400.0) for seed, top1 in enumerate((0.91, 0.92, 0.95))]
    wide[0] = replace(wide[0], provenance={})
    narrow[2] = replace(narrow[2], provenance={"cpu_seconds": 300.0})
    return list(zip(wide, narrow, strict=True))


def test_the_difference_is_that_of_common_seeds_in_points(found):
    numbers = precision.numbers(found)
    assert numbers["seeds"] == 3
    assert numbers["classifier"] == pytest.approx(2 / 3)
    assert numbers["teacher_verdict"] == UNKNOWN
    assert numbers["gain"] == 1.75, "of the two pairs with both times"
    # sd 0.577, t(0.975, 2) = 4.303: 0.667 ± 1.434
    assert numbers["teacher_interval"] == "-0.77 to +2.10"
    alone = precision.numbers(found[:1])
    assert alone["classifier_interval"] == "no interval"
    assert math.isnan(alone["gain"])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.004, 0.005, STAYS),
        (-0.002, 0.006, UNKNOWN),
        (0.001, 0.02, "differs"),
        (-0.02, -0.001, "differs"),
        (0.001, 0.004, STAYS),
        (None, None, UNKNOWN),
    ],
)
def test_accuracy_stays_where_the_whole_interval_is_small(low, high, verdict):
    assert precision._verdict(Paired(0.0, 0.0, 3, low, high)) == verdict


def test_the_table_is_blank_where_no_time_is_recorded(found):
    frame = precision.table(found).frame
    assert frame["minutes, float32"].tolist() == ["", "10.0", "10.0"]
    assert frame["minutes, bf16"].tolist() == ["6.7", "6.7", "5.0"]
    assert frame["classifier, bf16 (%)"].tolist() == ["91.00", "92.00", "95.00"]


def test_pairs_have_one_id(found, tmp_path, monkeypatch):
    every = {"runs": dict.fromkeys("ab"), "bf16": {}}
    for wide, narrow in found[::-1]:
        every["runs"][wide.id], every["bf16"][narrow.id] = wide, narrow
    del every["runs"][found[1][0].id]

    class Kept(Store):
        def find(self, id):
            return every[self.root.name].get(id)

        def all(self):
            return [run for run in every[self.root.name].values() if run]

    monkeypatch.setattr(precision, "recorded", lambda folder="runs": Kept(tmp_path / folder))
    assert [(a.seed, b.seed) for a, b in precision.pairs()] == [(0, 0), (2, 2)]


def test_the_recorded_runs_differ_in_precision_alone():
    for wide, narrow in precision.pairs():
        assert wide.recipe == narrow.recipe
        kinds = [each.provenance["precision"].partition(" ")[0] for each in (wide, narrow)]
        assert kinds == ["fp32", "bf16"]
