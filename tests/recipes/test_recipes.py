"""Recipes: there and back through JSON, one field changed from text, the settings of the paper."""

import json
from dataclasses import dataclass, replace

import pytest

from adautomix import recipes
from adautomix.data.augment import Augment
from adautomix.data.catalog import CATALOG
from adautomix.errors import InputError
from adautomix.methods import DADA, METHODS, AdAutoMix, Fixed, Guided, Plain
from adautomix.mix import CutMix, PuzzleMix
from adautomix.models import Net
from adautomix.recipes import (
    BUDGETS,
    RECIPES,
    SGD,
    AdamW,
    Cosine,
    Recipe,
    from_dict,
    override,
    to_dict,
    with_budget,
)

EVERY = [
    pytest.param(recipe if budget is None else with_budget(recipe, budget), id=f"{name}-{budget}")
    for name, recipe in RECIPES.items()
    for budget in (None, *BUDGETS)
    if recipe.data != "photodigits" or budget in (None, "smoke", "quick")
]
START = Recipe(
    "cifar100",
    method=AdAutoMix(),
    optim=AdamW(lr=0.5),
    augment=Augment(padding=2),
    per_class=7,
)


@pytest.mark.parametrize("recipe", EVERY)
def test_a_recipe_survives_json(recipe):
    written = json.dumps(to_dict(recipe), allow_nan=False)
    assert from_dict(json.loads(written)) == recipe


def test_every_dataclass_says_its_kind():
    assert to_dict(Recipe("photodigits", method=Fixed(CutMix(0.2)))) == {
        "kind": "Recipe",
        "data": "photodigits",
        "net": {
            "kind": "Net",
            "name": "resnet18",
            "stem": "cifar",
            "width": None,
            "pretrained": False,
            "tap": -2,
        },
        "method": {
            "kind": "Fixed",
            "rule": {"kind": "CutMix", "alpha": 0.2, "per": "batch"},
            "momentum": 0.999,
        },
        "optim": {
            "kind": "SGD",
            "lr": 0.1,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "generator_lr": None,
        },
        "schedule": {"kind": "Cosine", "floor": 0.0, "warmup": 0},
        "epochs": 200,
        "batch": 100,
        "augment": {"kind": "Augment", "padding": 4, "flip": True, "border": "black"},
        "per_class": None,
        "evaluate_every": 1,
        "evaluate_on": "test",
    }


def test_tuples_are_lists_in_json_and_tuples_again():
    assert to_dict(AdamW())["betas"] == [0.9, 0.999]
    assert from_dict({"kind": "AdamW", "betas": [0.8, 0.9]}) == AdamW(betas=(0.8, 0.9))


def test_a_field_that_is_left_out_has_its_default():
    assert from_dict({"kind": "Recipe", "data": "cifar100"}) == Recipe("cifar100")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"kind": "Plane"}, "unknown kind of recipe value 'Plane': did you mean 'Plain'"),
        ({"momentum": 0.9}, "unknown kind of recipe value 'None'"),
        ({"kind": ["Plain"]}, "unknown kind of recipe value"),
        ({"kind": "SGD", "lrr": 1.0}, "unknown field of SGD 'lrr': did you mean 'lr'"),
        ({"kind": "Recipe", "epochs": 2}, "a recipe's Recipe must say data"),
        ({"kind": "AdAutoMix", "n": 1}, "n = 2 or more"),
        (
            {"kind": "Recipe", "data": "cifar100", "net": {"kind": "Net", "nme": ""}},
            "unknown field of Net 'nme': did you mean 'name'",
        ),
    ],
)
def test_what_cannot_be_read_is_one_sentence(value, sentence):
    with pytest.raises(InputError, match=sentence):
        from_dict(value)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("epochs=3", replace(START, epochs=3)),
        (" epochs = 3", replace(START, epochs=3)),
        ("data=photodigits", replace(START, data="photodigits")),
        ("augment.flip=false", replace(START, augment=Augment(2, flip=False))),
        ("method.n=4", replace(START, method=AdAutoMix(n=4))),
        ("method.alpha=1", replace(START, method=AdAutoMix(alpha=1.0))),
        ("optim.lr=1e-3", replace(START, optim=AdamW(lr=1e-3))),
        ("optim.betas=[0.8, 0.9]", replace(START, optim=AdamW(lr=0.5, betas=(0.8, 0.9)))),
        ("optim.generator_lr=1e-3", replace(START, optim=AdamW(lr=0.5, generator_lr=1e-3))),
        ("optim.generator_lr=2", replace(START, optim=AdamW(lr=0.5, generator_lr=2.0))),
        ("per_class=30", replace(START, per_class=30)),
        ("per_class=null", replace(START, per_class=None)),
        ("net.width=16", replace(START, net=Net(width=16))),
    ],
)
def test_one_field_is_changed_from_text(assignment, expected):
    before = to_dict(START)
    found = override(START, assignment)
    assert found == expected
    assert to_dict(found) == to_dict(expected)  # 1 and 1.0 are equal, but not written alike
    assert json.dumps(to_dict(found)) == json.dumps(to_dict(expected))
    assert to_dict(START) == before


def test_a_list_is_of_what_the_field_lists():
    puzzle = override(replace(START, method=Guided(PuzzleMix())), "method.rule.blocks=[2, 4]")
    assert to_dict(puzzle.method)["rule"]["blocks"] == [2, 4]
    assert override(replace(START, method=DADA()), "method.ops=[invert]").method.ops == ("invert",)
    betas = override(START, "optim.betas=[0, 9e-1]").optim.betas
    assert json.dumps(betas) == "[0.0, 0.9]"


def test_fields_three_deep_and_none_where_there_is_a_number():
    recipe = replace(START, method=Fixed(CutMix()))
    assert override(recipe, "method.rule.alpha=0.2").method == Fixed(CutMix(0.2))
    with pytest.raises(InputError, match=r"'rule\.alpha': did you mean method\.rule\.alpha"):
        override(recipe, "rule.alpha=0.2")
    with pytest.raises(InputError, match=r"'method\.alpha': did you mean method\.rule\.alpha"):
        override(recipe, "method.alpha=0.2")
    assert override(recipe, "method.momentum=null").method == Fixed(CutMix(), momentum=None)
    assert override(replace(START, method=Plain(None)), "method.momentum=0.9").method == Plain(0.9)


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("epochs", "'epochs' changes nothing: write FIELD=VALUE"),
        ("epoch=3", "unknown field of Recipe 'epoch': did you mean 'epochs'"),
        ("method.N=3", "unknown field of AdAutoMix 'N'"),
        ("epochs.x=3", "unknown field of int 'x'"),
        ("=3", "unknown field of Recipe ''"),
        ("epochs=three", r"epochs must be a whole number \(int\), not 'three'\."),
        ("epochs=1.5", "epochs must be a whole number .* not 1.5"),
        ("epochs=true", "epochs must be .* not True"),
        ("epochs=null", "epochs must be .* not None"),
        ("epochs=0", "epochs must be 1 or more, not 0"),
        ("optim.lr=-1", "lr must be 0 or more, not -1"),
        ("optim.lr=.nan", "lr must be a finite number, not nan"),
        ("optim.generator_lr=-1", "generator_lr must be 0 or more, not -1"),
        ("optim.betas=[0.9, 1]", r"betas must lie in \[0, 1\), not \(0.9, 1.0\)"),
        ("schedule.floor=5", r"final_fraction must lie in \[0, 1\], not 5"),
        ("schedule.warmup=-5", "warmup must be 0 or more, not -5"),
        ("augment.flip=3", "augment.flip must be True or False, not 3"),
        ("method.alpha=half", "method.alpha must be a number, not 'half'"),
        ("method.alpha=true", "method.alpha must be a finite number, not True"),
        ("method.alpha=2", r"alpha must lie in \[0, 1\], not 2.0"),
        ("method.n=two", r"method.n must be a whole number \(int\), not 'two'\."),
        ("method.n=null", "method.n must be a whole number .* not None"),
        ("method.momentum=null", "method.momentum must be a finite number, not None"),
        ("method=plain", "method must be of type MethodConfig, not 'plain'"),
        ("optim.generator_lr=fast", "generator_lr must be a number, not 'fast'"),
        ("optim.betas=0.9", "optim.betas must be a tuple of 2 values, .* not 0.9"),
        ("optim.betas=[0.9]", r"betas must be a tuple of 2 values, each .* not \(0.9,\)"),
        ("optim.betas=[0.9, high]", "betas must be a number, not 'high'"),
        ("net.width=wide", r"net.width must be a whole number \(int\) or None, not 'wide'"),
        ("per_class=[1, 2]", r"per_class must be a whole number .* not \[1, 2\]"),
        ("per_class=[1", "per_class=.* is not YAML"),
        ("per_class=3.5", "per_class must be a whole number .* not 3.5"),
        ("net.width=8.5", "net.width must be a whole number .* not 8.5"),
        ("optim=fast", "optim must be of type SGD or of type AdamW, not 'fast'"),
        ("lr=0.1", "unknown field 'lr': did you mean optim.lr\\?"),
        ("n=4", "unknown field 'n': did you mean method.n\\?"),
    ],
)
@pytest.mark.usefixtures("annotations_unchecked")
def test_a_change_that_makes_no_sense_is_one_sentence(assignment, sentence):
    with pytest.raises(InputError, match=sentence):
        override(START, assignment)


@pytest.mark.parametrize("parts", [3, 60])
def test_a_batch_that_cannot_be_divided_is_one_sentence(parts):
    with pytest.raises(InputError, match=f"a batch of 100 cannot be divided into {parts} equal"):
        Recipe("cifar100", batch=100, parts=parts)


@pytest.mark.parametrize("name", ["epochs", "batch", "evaluate_every", "parts"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"{name} must be 1 or more, not 0"):
        Recipe("cifar100", **{name: 0})


def test_an_unknown_recipe_is_answered_with_its_nearest_name():
    assert recipes.get("cifar100/resnet18/adautomix") is RECIPES["cifar100/resnet18/adautomix"]
    with pytest.raises(InputError, match=r"resnet18/adautmix': did you mean '.*18/adautomix'"):
        recipes.get("cifar100/resnet18/adautmix")


def test_names_say_what_is_trained_on_what():
    for name, recipe in RECIPES.items():
        data, net, method = name.split("/")
        assert recipe.data == data
        assert data in CATALOG
        assert type(recipe.method) is type(METHODS[method])
        assert net == "thin" or recipe.net.name.startswith(net)
    families = {name.rpartition("/")[0] for name in RECIPES}
    assert RECIPES.keys() == {f"{family}/{method}" for family in families for method in METHODS}


def test_an_unknown_recipe_is_told_the_nearest_and_each_part_once():
    with pytest.raises(InputError) as caught:
        recipes.get("photodigits/thin/cutmx")
    sentence = str(caught.value)
    assert "did you mean 'photodigits/thin/cutmix'?" in sentence
    assert all(sentence.count(f"/{method},") <= 1 for method in METHODS)
    assert sentence.count("cifar100/resnet18") == 1


def test_the_settings_of_the_paper_for_cifar_100():
    """A.3: SGD 0.1 with momentum 0.9 and weight decay 1e-4, batch 100, cosine, 800 epochs."""
    recipe = recipes.get("cifar100/resnet18/adautomix")
    assert recipe.optim == SGD(lr=0.1, momentum=0.9, weight_decay=1e-4)
    assert (recipe.batch, recipe.epochs, recipe.schedule) == (100, 800, Cosine(0.0, 0))
    assert (recipe.augment.padding, recipe.augment.flip) == (4, True)
    assert (recipe.method.n, recipe.method.alpha, recipe.method.beta) == (3, 0.5, 0.3)
    assert recipe.method.momentum == 0.999


def test_a_value_of_no_kind_is_left_as_it_is():
    @dataclass
    class Unknown:
        x: int = 1

    assert from_dict(3) == 3
    with pytest.raises(InputError, match="unknown kind"):
        from_dict(to_dict(Unknown()))


def test_a_momentum_that_cannot_be_is_named():
    for value in (-0.1, 1.0):
        with pytest.raises(InputError, match=r"momentum must lie in \[0, 1\)"):
            SGD(momentum=value)
