"""The planned runs of an experiment: which are taken, and what is made of them."""

import pytest

from adautomix.pages.compared import compared, top1
from adautomix.record import recorded
from adautomix.results.mechanism import SEEDS, WITHOUT


def test_only_the_planned_seeds_are_taken_and_recorded_runs_come_first():
    found = compared("images", "quick")
    there = {run.seed: run.id for run in recorded().all() if run.id in {r.id for r in found.every}}
    assert [run.seed for run in found.runs["adautomix"]] == [0, 1, 2]
    assert {run.id for run in found.every} >= set(there.values())
    assert compared("images", "lite").runs == found.runs  # PhotoDigits has no longer budget


def test_a_schedule_is_part_of_the_row():
    rows = compared("reporting", "lite").runs
    assert "adautomix, cosine" in rows
    assert "adautomix, floor" in rows


def test_values_means_and_leads_are_those_of_the_seeds(made_runs):
    values = {("adautomix", 3): 0.9, ("adautomix", 4): 0.8, (WITHOUT, 4): 0.7, (WITHOUT, 5): 0.5}
    made_runs("mechanism", lambda row, seed: {"top1": values.get((row, seed))})
    found = compared("mechanism", "smoke")
    assert found.values("adautomix", top1("classifier")) == {3: 0.9, 4: 0.8}
    assert found.mean("adautomix", top1("classifier")).mean == pytest.approx(0.85)
    lead = found.lead("adautomix", WITHOUT, top1("classifier"))
    assert (lead.mean, lead.n) == (pytest.approx(0.1), 1)
    zero = found.above_zero("adautomix", top1("classifier"))
    assert (zero.mean, zero.n) == (pytest.approx(0.85), 2)
    assert zero.low < 0.85 < zero.high
    assert found.runs["automix"] == []
    assert len(found.every) == 4
    assert SEEDS == (3, 4, 5)
