"""Every ablation changes one thing, at the paper's values; the controls share the recorded ids."""

from itertools import pairwise

import pytest

from adautomix import recipes
from adautomix.methods.adautomix import TERMS
from adautomix.record import recorded
from adautomix.results import paper
from adautomix.results.ablations import ABLATIONS, SEEDS
from adautomix.results.registry import EXPERIMENTS, get

ALLOWED = {"Base, twice the rate": {"method.without", "optim.lr"}}


def flat(fields, prefix=""):
    found = {}
    for name, each in fields.items():
        where = f"{prefix}{name}"
        found |= flat(each, f"{where}.") if isinstance(each, dict) else {where: each}
    return found


def differences(a, b):
    a, b = (flat(recipes.to_dict(recipe)) for recipe in (a, b))
    return {name for name in a | b if a.get(name) != b.get(name)}


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_one_field_of_adautomix_on_three_seeds(name):
    found = get(name)
    planned = {row: [e.job for e in found.planned("quick", rows=[row])] for row in found.rows}
    usual = planned["adautomix"][0].recipe()
    for row, jobs in planned.items():
        assert [job.seed for job in jobs] == list(SEEDS)
        if row in found.variants:
            changed = differences(usual, jobs[0].recipe())
            assert changed == ALLOWED.get(row, changed)
            assert len(changed) == len(ALLOWED.get(row, " "))
            (named,) = found.names(row)[:1]
            assert jobs[0].recorded_name() == named  # so that its runs are found by their row
    assert usual.evaluate_on == "test"


def test_the_values_are_those_of_the_papers_tables():
    ratios = {f"λ = {ratio:g}" for ratio in paper.table(9)["ratio"] if ratio != 1}
    assert ratios == get("concentration").variants.keys()
    numbers = {f"N = {n}" for n in paper.table(10)["n"] if n not in (1, 3)}
    assert numbers == get("images").variants.keys()
    assert len(paper.table(8)) == len([row for row in get("loss-terms").rows if "rate" not in row])


def test_the_terms_are_added_in_the_order_of_table_8():
    found = get("loss-terms")
    left = [
        found.planned("quick", [0], [row])[0].job.recipe().method.without for row in found.variants
    ]
    assert [len(without) for without in left] == [4, 3, 2, 1, 4]
    assert set(left[0]) == set(TERMS)
    added = [(set(a) - set(b)).pop() for a, b in pairwise(left[:4])]
    assert added == ["ace", "mce", "teacher_amce"]


def test_the_controls_compare_with_the_runs_that_are_there():
    there = {run.id for run in recorded().all()}
    reporting = {each.job.id() for each in get("reporting").planned("lite")}
    planned = get("controls").planned("lite")
    new = {each.row for each in planned if each.job.id() not in reporting}
    assert new == {"regmixup", "decoupled", "Vanilla, twice the rate"}
    assert {each.row for each in planned[:9]} == new
    old = [each.job.id() for each in planned if each.row not in new]
    assert len(set(old) & there) >= 13
    rates = {each.row: each.job.recipe().optim.lr for each in planned}
    assert rates.pop("Vanilla, twice the rate") == 2 * rates["plain"]
    assert set(rates.values()) == {0.1}


def test_every_new_experiment_is_registered():
    assert {"controls", *ABLATIONS} <= EXPERIMENTS.keys()
