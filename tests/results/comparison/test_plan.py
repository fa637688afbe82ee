"""What a protocol file says, what it expands to, and each thing that can be wrong in it."""

from pathlib import Path

import pytest
import yaml

from adautomix import recipes
from adautomix.errors import InputError
from adautomix.results import comparison
from adautomix.results.comparison.treatments import Cell

ROOT = Path(__file__).resolve().parents[3]
REPORTING = ROOT / "protocols" / "reporting.yaml"


def test_every_method_comes_with_every_schedule_and_what_decides_comes_next(write):
    planned = comparison.read(write()).planned("smoke")
    assert [str(each) for each in planned] == [
        *("plain, cosine, seed 0", "plain, floor, seed 0"),
        *("mixup, cosine, seed 0", "mixup, floor, seed 0"),
        *("mixup, cosine, seed 1", "mixup, floor, seed 1"),
        *("plain, cosine, seed 1", "plain, floor, seed 1"),
    ]
    assert {each.job.budget for each in planned} == {"smoke"}


def test_a_schedule_that_a_recipe_has_anyway_shares_its_record(write):
    released = {"methods": ["plain", "adautomix_released"], "order": [{"seeds": [0, 1]}]}
    reported = dict.fromkeys(released["methods"], "cosine/classifier")
    decides = {"method": "plain", "against": "adautomix_released"}
    planned = comparison.read(write(decides=decides, reported=reported, **released)).planned(
        "smoke"
    )
    assert [each.job.changes for each in planned[:4]] == [
        (),
        ("schedule.floor=0.5",),
        ("schedule.floor=0",),
        (),
    ]
    floors = [each.job.recipe().schedule.floor for each in planned[:4]]
    assert floors == [0, 0.5, 0, 0.5]


def test_seeds_can_be_chosen_from_those_of_the_protocol(write):
    found = comparison.read(write())
    assert {each.job.seed for each in found.planned("smoke", [1])} == {1}
    with pytest.raises(InputError, match="unknown seed of the protocol '2': known: 0, 1"):
        found.planned("smoke", [2])
    with pytest.raises(InputError, match="unknown budget of the protocol 'quick': known: smoke"):
        found.planned("quick")


@pytest.mark.parametrize("budget", ["lite", "short"])
def test_the_committed_protocol_compares_nothing_but_method_and_schedule(budget):
    found = comparison.read(REPORTING)
    assert comparison.read("reporting") == found
    planned = found.planned(budget)
    assert len(planned) == 8 * 2 * 3
    assert [each.job.seed for each in planned[:12]] == [0] * 12
    assert {each.method for each in planned[12:20]} == {found.decides.method, found.decides.against}
    assert {each.method for each in planned[20:32]} == {*found.variants}
    assert {row for pair in found.contrasts.values() for row in pair} >= {*found.variants}
    kept = ("data", "net", "optim", "epochs", "batch", "augment", "per_class", "evaluate_on")
    values = [recipes.to_dict(each.job.recipe()) for each in planned]
    assert all(value[field] == values[0][field] for value in values for field in kept)
    for each in planned:
        recipe = each.job.recipe()
        assert recipe.schedule.floor == {"cosine": 0.0, "floor": 0.5}[each.schedule]
        assert recipe.method.momentum == planned[0].job.recipe().method.momentum
    assert found.reported["adautomix"] == Cell("floor", "teacher")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"methods": ["plain", "mixpu"]}, "unknown method of the protocol 'mixup': did you mean"),
        ({"family": "photodigits/small"}, "unknown recipe 'photodigits/small/plain'"),
        ({"methods": 3}, "`methods` must list names, not be 3"),
        ({"evaluation": []}, "unknown field in the file 'evaluation': did you mean 'evaluations'"),
        ({"evaluations": {"fgms": {}}}, "unknown evaluation 'fgms': did you mean 'fgsm'"),
        ({"evaluations": {"fgsm": {"eps": 1}}}, "unknown setting of fgsm 'eps'"),
        ({"evaluations": ["fgsm"]}, "`evaluations` must map names to settings, not be ['fgsm']"),
        ({"title": None}, "`title` must be text, not None"),
        ({"order": None}, "`order` must list turns, not be None"),
        ({"order": [{"seed": [0]}]}, "unknown field in a turn of `order` 'seed'"),
        ({"order": [{"seeds": 0}]}, "`seeds` must list whole numbers, not be 0"),
        ({"order": [3]}, "a turn of `order` must say names and values, not 3"),
        ({"order": [{"seeds": [0]}]}, "2 seeds decide, but `order` has 1 of both mixup"),
        (
            {
                "order": [
                    {"seeds": [0, 1], "methods": ["plain"]},
                    {"seeds": [1, 2], "methods": ["mixup"]},
                ]
            },
            "2 seeds decide, but `order` has 1 of both mixup and plain",
        ),
        (
            {"schedules": {"cosine": "schedule.floors=0"}},
            "unknown schedule of the protocol 'floor'",
        ),
        ({"schedules": {"cosine": "epochs=0", "floor": "epochs=2"}}, "epochs must be 1 or more"),
        ({"schedules": {"cosine": "epochs=2", "floor": "epochs=2"}}, "make the same run"),
        ({"schedules": {"cosine": "method.momentum=null", "floor": "epochs=3"}}, "has no teacher"),
        ({"schedules": ["cosine"]}, "`schedules` must map names to names, not be ['cosine']"),
        ({"budgets": {"smoke": "fp8"}}, "unknown precision 'fp8'"),
        (
            {"budgets": {"lite": "fp32"}},
            "PhotoDigits is the dataset of the budgets smoke and quick",
        ),
        ({"reported": {"plain": "cosine/classifier"}}, "does not say how mixup is reported"),
        ({"decides": {"alike": ["floor/teachr"]}}, "'teachr': did you mean 'teacher'"),
        ({"variants": ["mixup"]}, "`variants` must map names to names, not be ['mixup']"),
        (
            {"variants": {"calm": "mixup/method.rule.alpha=0.2"}},
            "unknown method of the protocol 'calm'",
        ),
        ({"variants": {"mixup": "mixup/method.rule.alphas=1"}}, "'alphas': did you mean 'alpha'"),
        ({"contrasts": {"mixing": ["mixup", "plains"]}}, "'plains': did you mean 'plain'"),
        ({"contrasts": {"mixing": ["mixup"]}}, "the contrast 'mixing' takes two methods, not 1"),
        ({"contrasts": ["mixup"]}, "`contrasts` must map names to pairs of methods"),
        ({"decides": {"seeds": 1}}, "2 `seeds` or more"),
        ({"decides": {"metric": "top1_median"}}, "did you mean 'top1_median10'"),
        ({"decides": {"metric": "fgsm/error"}}, "unknown metric that decides 'fgsm/error'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(write, change, sentence):
    path = write(**change)
    with pytest.raises(InputError) as error:
        comparison.read(path)
    assert sentence in str(error.value)
    assert str(error.value).startswith(f"the protocol {path}")
    assert "\n" not in str(error.value)


def test_a_field_that_is_missing_is_named(write, content, tmp_path):
    del content["order"], content["decides"]["against"]
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="the file does not say order"):
        comparison.read(path)


@pytest.mark.parametrize("text", ["a: [", "", "- 1", b"\xff\xfe\x00"])
def test_a_file_that_is_no_protocol_is_refused(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"the protocol .*p\.yaml"):
        comparison.read(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        comparison.read(tmp_path / "absent.yaml")


def test_a_variant_is_its_method_with_its_changes_under_every_schedule(write, content):
    row = "MixUp, calm"
    content["methods"].append(row)
    content["order"][0]["methods"] = content["methods"]
    content["reported"][row] = "cosine/classifier"
    found = comparison.read(write(variants={row: "mixup/method.rule.alpha=0.2"}))
    usual, calm = (
        [each.job for each in found.planned("smoke", [0]) if each.method == method]
        for method in ("mixup", row)
    )
    assert [job.recipe().method.rule.alpha for job in calm] == [0.2, 0.2]
    assert [job.recorded_name() for job in calm] == [
        f"{job.recorded_name().replace('mixup', 'mixup/method.rule.alpha=0.2')}" for job in usual
    ]
    assert (found.trains(row), found.trains("mixup")) == ("mixup", "mixup")
