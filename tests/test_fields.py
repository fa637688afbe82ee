"""Hyper-parameters of a wrong type: each is one sentence, and what is taken keeps a run's name."""

import json
import math
from dataclasses import fields, replace
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch

from adautomix import recipes
from adautomix.data.augment import ResizedCrop
from adautomix.data.labels import Targets
from adautomix.device import Numerics
from adautomix.errors import InputError
from adautomix.fields import of_type, shown
from adautomix.methods import METHODS, AdAutoMix, AdAutoMixReleased, Fixed, MethodConfig
from adautomix.mix import GUIDED, MIXERS, CutMix, MixingRule, Mixup
from adautomix.recipes import SGD, AdamW, Cosine, Recipe
from adautomix.recipes.serialise import KINDS
from adautomix.record import recorded
from adautomix.record.run import run_id
from adautomix.runs.job import Job
from adautomix.train import Plan
from adautomix.train.fitting import How

pytestmark = pytest.mark.usefixtures("annotations_unchecked")

EXAMPLES = [
    *{type(config): config for config in METHODS.values()}.values(),
    *(rule() for rule in (*MIXERS.values(), *GUIDED.values())),
    *(SGD(), AdamW(), Cosine(), Recipe("photodigits"), recipes.get("cifar100/resnet18/plain").net),
    *(Plan(1), How(numerics=Numerics()), Numerics(), Job("photodigits/thin/plain")),
    *(recipes.get("cifar100/resnet18/plain").augment, ResizedCrop(), Targets(0.1, (1.0, 2.0))),
]
FIELDS = [(example, field.name) for example in EXAMPLES for field in fields(example)]
WEIGHED = AdAutoMix, AdAutoMixReleased
"""Methods whose alpha is the weight of a loss, so that 0 is one."""
WRONG = {
    NoneType: [],
    int: [
        "3",
        None,
        1.5,
        2.0,
        True,
        torch.tensor(3),
        np.array(3),
        np.float64(2),
        math.nan,
        [2],
        int,
    ],
    float: [
        "1",
        None,
        True,
        np.bool_(True),
        math.nan,
        -math.inf,
        torch.tensor(1.0),
        [0.5],
        10**400,
    ],
    bool: [1, None, 0.0, "false", [True]],
    str: [3, None, b"batch", ["batch"], str],
    tuple: [3, None, {2, 4}, (object(),)],
}


def kinds_of(example, name):
    """The types that a field takes, without what is inside them."""
    hint = get_type_hints(type(example))[name]
    hints = get_args(hint) if get_origin(hint) is UnionType else [hint]
    return {get_origin(hint) or hint for hint in hints}


def test_every_kind_of_hyper_parameter_is_here():
    assert set(KINDS.values()) <= set(map(type, EXAMPLES))


@pytest.mark.parametrize(
    ("example", "name"), FIELDS, ids=[f"{type(e).__name__}.{name}" for e, name in FIELDS]
)
def test_a_value_of_another_type_is_one_sentence(example, name):
    kinds = kinds_of(example, name)
    wrong = [value for kind in kinds for value in WRONG.get(kind, ["plain", 3, None])]
    wrong = [value for value in wrong if type(value) not in kinds]
    assert len(wrong) > 1
    for value in wrong:
        with pytest.raises(InputError, match=f"^{name} must be .*, not .*$") as error:
            replace(example, **{name: value})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("alpha", [-1.0, 0.0])
@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if hasattr(e, "alpha")], ids=lambda e: type(e).__name__
)
def test_an_alpha_that_no_distribution_has_is_refused_where_it_is_given(example, alpha):
    if alpha < 0 or type(example) not in WEIGHED:
        with pytest.raises(InputError, match=f"alpha must .* {alpha}"):
            replace(example, alpha=alpha)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: type(e).__name__)
def test_numbers_of_numpy_are_taken_and_become_python_s(example):
    given = {}
    for field in fields(example):
        value = getattr(example, field.name)
        if type(value) in (int, float, bool, str):
            given[field.name] = np.array([value])[0]
            assert isinstance(given[field.name], np.generic)
    made = replace(example, **given)
    assert repr(made) == repr(example)
    assert json.dumps(recipes.to_dict(made)) == json.dumps(recipes.to_dict(example))


def test_numpy_gives_no_run_another_name():
    def named(recipe: Recipe) -> str:
        return run_id(recipes.to_dict(recipe), "quick", 0, "adautomix", "cifar100")

    plain = Recipe("cifar100", method=AdAutoMix(n=4, alpha=0.25), optim=AdamW(betas=(0.5, 0.75)))
    method = AdAutoMix(n=np.int64(4), alpha=np.float32(0.25))
    betas = [np.float64(0.5), np.float32(0.75)]
    assert named(replace(plain, method=method, optim=AdamW(betas=betas))) == named(plain)
    assert Job("photodigits/thin/plain", seed=np.int64(3)).id() == (
        Job("photodigits/thin/plain", seed=3).id()
    )


def test_an_int_where_a_float_is_declared_stays_as_it_is_said():
    assert repr(of_type(float, 1, "alpha")) == repr(of_type(float, np.int8(1), "alpha")) == "1"
    assert repr(of_type(float | None, 1.0, "alpha")) == "1.0"


def test_every_recorded_recipe_is_read_and_keeps_its_run_s_name():
    found = recorded().all()
    assert found
    for run in found:
        recipe = recipes.from_dict(run.recipe)
        said = recipes.to_dict(recipe)
        assert json.dumps(said) == json.dumps(run.recipe)
        assert run_id(said, run.budget, run.seed, run.method, recipe.data) == run.id


def test_a_list_or_an_array_becomes_a_tuple():
    for given in ([1.0, 2.0], np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])):
        assert Targets(0.1, given) == Targets(0.1, (1.0, 2.0))
        assert hash(Targets(0.1, given))
    assert AdamW(betas=[0.5, 0.75]) == AdamW(betas=(0.5, 0.75))
    assert hash(AdamW(betas=[0.5, 0.75]))


@pytest.mark.parametrize(
    ("hint", "value", "sentence"),
    [
        (int, "3", "x must be a whole number (int), not '3'."),
        (int | None, 2.5, "x must be a whole number (int) or None, not 2.5."),
        (float, np.float32("nan"), "x must be a finite number, not np.float32(nan)."),
        (bool | str, 3, "x must be True or False or text, not 3."),
        (tuple[str, ...], "ab", "x must be a tuple of values, each text, not 'ab'."),
        (tuple[float, float], (1, 2, 3), "x must be a tuple of 2 values, each a finite number, "),
        (SGD | AdamW, "sgd", "x must be of type SGD or of type AdamW, not 'sgd'."),
        (MixingRule, CutMix, "x must be of type MixingRule, not <class 'adautomix.mix.cutmix."),
        (MethodConfig, AdAutoMix, "adautomix.AdAutoMix'>, a class."),
    ],
)
def test_the_sentence_says_what_is_wanted(hint, value, sentence):
    with pytest.raises(InputError) as error:
        of_type(hint, value, "x")
    assert sentence in str(error.value)


def test_a_rule_of_one_s_own_is_a_rule():
    def rule(images, rng):
        return Mixup()(images, rng)

    assert Fixed(rule).rule is rule


def test_what_is_shown_is_one_short_line():
    assert shown(torch.zeros(40, 40)).startswith("tensor([[0., 0.,")
    for value in (torch.zeros(40, 40), "x\ny" * 100, np.zeros((9, 9))):
        assert "\n" not in shown(value)
        assert len(shown(value)) <= 80
