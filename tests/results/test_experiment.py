"""What an experiment says, what it expands to, and each thing that can be wrong in it."""

import pytest

from adautomix import recipes
from adautomix.errors import InputError
from adautomix.results.experiment import Experiment, Stage, affordable, cheapest
from adautomix.results.protocol import Decision, Setting
from adautomix.results.registry import EXPERIMENTS, get

FLOOR = Setting("floor", "teacher")


def test_every_row_comes_with_every_schedule_and_what_decides_comes_next(small):
    planned = small().planned("smoke")
    assert [str(each) for each in planned] == [
        *("plain, cosine, seed 0", "plain, floor, seed 0"),
        *("mixup, cosine, seed 0", "mixup, floor, seed 0"),
        *("mixup, cosine, seed 1", "mixup, floor, seed 1"),
        *("plain, cosine, seed 1", "plain, floor, seed 1"),
    ]
    assert {each.job.budget for each in planned} == {"smoke"}


def test_a_schedule_that_a_recipe_has_anyway_shares_its_record(small):
    rows = ("plain", "adautomix_released")
    found = small(
        methods=rows,
        stages=(Stage((0, 1)),),
        protocol={"reported": dict.fromkeys(rows, FLOOR)},
        decides={"method": "plain", "against": "adautomix_released"},
    )
    planned = found.planned("smoke")[:4]
    assert [each.job.changes for each in planned] == [
        (),
        ("schedule.floor=0.5",),
        ("schedule.floor=0",),
        (),
    ]
    assert [each.job.recipe().schedule.final_fraction for each in planned] == [0, 0.5, 0, 0.5]


def test_seeds_and_rows_can_be_chosen(small):
    assert {each.job.seed for each in small().planned("smoke", [1])} == {1}
    assert {each.row for each in small().planned("smoke", rows=["mixup"])} == {"mixup"}
    with pytest.raises(InputError, match="unknown seed of the experiment '2': known: 0, 1"):
        small().planned("smoke", [2])
    with pytest.raises(InputError, match="unknown budget of the experiment 'quick': known: smoke"):
        small().planned("quick")


def test_without_stages_and_schedules_any_seed_is_run_with_the_recipe_s_own_schedule():
    found = Experiment("Two", "photodigits/thin", ("plain", "mixup"))
    assert [str(each) for each in found.planned("smoke")] == ["plain, seed 0", "mixup, seed 0"]
    planned = found.planned("quick", [3, 4], ["mixup"])
    assert [(each.row, each.job.seed, each.job.changes) for each in planned] == [
        ("mixup", 3, ()),
        ("mixup", 4, ()),
    ]
    assert (found.precision("quick"), cheapest(found)) == ("auto", "quick")
    assert affordable(found.family, "short") == "quick"
    assert affordable("cifar100/resnet18", "short") == "short"


@pytest.mark.parametrize("budget", ["lite", "short"])
def test_the_reporting_experiment_compares_nothing_but_method_and_schedule(budget):
    found = get("reporting")
    found.check(budget)
    planned = found.planned(budget)
    assert len(planned) == 8 * 2 * 3
    assert [each.job.seed for each in planned[:12]] == [0] * 12
    decides = found.protocol.decides
    assert {each.row for each in planned[12:20]} == {decides.method, decides.against}
    assert {each.row for each in planned[20:32]} == {*found.variants}
    contrasted = {row for pair in found.protocol.contrasts.values() for row in pair}
    assert contrasted >= {*found.variants}
    kept = ("data", "net", "optim", "epochs", "batch", "augment", "per_class", "evaluate_on")
    values = [recipes.to_dict(each.job.recipe()) for each in planned]
    assert all(value[field] == values[0][field] for value in values for field in kept)
    for each in planned:
        recipe = each.job.recipe()
        assert recipe.schedule.final_fraction == {"cosine": 0.0, "floor": 0.5}[each.schedule]
        assert recipe.method.momentum == planned[0].job.recipe().method.momentum
    assert found.protocol.reported["adautomix"] == FLOOR


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_can_be_run_where_it_says(name):
    found = get(name)
    for budget in found.budgets or ("smoke", "quick"):
        found.check(budget)
        assert {each.row for each in found.planned(budget)} == {*found.rows}
    assert [found.label(row) for row in found.rows]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"methods": ("plain", "mixpu")}, "unknown row of the experiment 'mixup': did you mean"),
        ({"stages": (Stage((0, 1), ("mixap",)),)}, "unknown row of the experiment 'mixap'"),
        ({"stages": (Stage((0,)),)}, "2 seeds decide, but the stages have 1 of both mixup and pl"),
        (
            {"stages": (Stage((0, 1), ("plain",)), Stage((1, 2), ("mixup",)))},
            "2 seeds decide, but the stages have 1 of both mixup and plain",
        ),
        ({"budgets": {"smokes": "fp32"}}, "unknown budget 'smokes': did you mean 'smoke'"),
        (
            {"schedules": {"cosine": "schedule.floors=0"}},
            "unknown schedule of the experiment 'floor'",
        ),
        ({"protocol": {"reported": {"plain": FLOOR}}}, "does not say how mixup is reported"),
        (
            {"protocol": {"contrasts": {"mixing": ("mixup", "plains")}}},
            "'plains': did you mean 'plain'",
        ),
        ({"decides": {"settings": (Setting("floor", "teachr"),)}}, "did you mean 'teacher'"),
        ({"decides": {"against": "plains"}}, "unknown row of the experiment 'plains'"),
    ],
)
def test_what_does_not_fit_together_is_said_in_one_sentence(small, change, sentence):
    with pytest.raises(InputError) as error:
        small(**change)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"settings": ()}, "one setting or more"),
        ({"seeds": 1}, "2 seeds or more"),
        ({"metric": "top1_median"}, "did you mean 'top1_median10'"),
        ({"metric": "fgsm/error"}, "unknown metric that decides 'fgsm/error'"),
    ],
)
def test_a_decision_takes_a_setting_seeds_and_an_accuracy(change, sentence):
    fields = {"metric": "top1_last", "method": "a", "against": "b", "settings": (FLOOR,)}
    with pytest.raises(InputError, match=sentence):
        Decision(**{**fields, "seeds": 2, **change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"family": "photodigits/small"}, "unknown recipe 'photodigits/small/plain'"),
        ({"evaluations": {"fgms": {}}}, "unknown evaluation 'fgms': did you mean 'fgsm'"),
        ({"evaluations": {"fgsm": {"eps": 1}}}, "unknown setting of fgsm 'eps'"),
        ({"schedules": {"cosine": "epochs=0", "floor": "epochs=2"}}, "epochs must be 1 or more"),
        ({"schedules": {"cosine": "epochs=2", "floor": "epochs=2"}}, "are the same"),
        ({"schedules": {"cosine": "method.momentum=null", "floor": "epochs=3"}}, "has no teacher"),
        ({"budgets": {"smoke": "fp8"}}, "unknown precision 'fp8'"),
        ({"variants": {"mixup": "mixup/method.rule.alphas=1"}}, "'alphas': did you mean 'alpha'"),
    ],
)
def test_what_cannot_be_run_is_said_before_training(small, change, sentence):
    with pytest.raises(InputError) as error:
        small(**change).check("smoke")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_budget_without_these_images_is_refused(small):
    with pytest.raises(InputError, match="PhotoDigits is the dataset of the budgets smoke and"):
        small(budgets={"lite": "fp32"}).check("lite")


def test_a_variant_is_its_method_with_its_changes_under_every_schedule(small):
    row = "MixUp, calm"
    found = small(
        variants={row: "mixup/method.rule.alpha=0.2"},
        stages=(Stage((0, 1)),),
        protocol={"reported": dict.fromkeys(("plain", "mixup", row), FLOOR)},
    )
    usual, calm = (
        [each.job for each in found.planned("smoke", [0]) if each.row == method]
        for method in ("mixup", row)
    )
    assert [job.recipe().method.rule.alpha for job in calm] == [0.2, 0.2]
    assert [job.recorded_name() for job in calm] == [
        f"{job.recorded_name().replace('mixup', 'mixup/method.rule.alpha=0.2')}" for job in usual
    ]
    assert (found.method_of(row), found.method_of("mixup")) == ("mixup", "mixup")
    assert (found.label(row), found.label("mixup")) == (row, "MixUp")


def test_experiments_are_read_without_torch(without_torch):
    without_torch("from adautomix.results import registry, reporting, outcome, experiments")
