"""Every number of A.2 and A.3 against the recipes of Tables 1 and 2."""

from dataclasses import replace

import pytest

from adautomix import recipes
from adautomix.recipes import SGD
from adautomix.results import paper
from adautomix.results.cells import DATA, NETS, cells
from adautomix.results.settings import READ, settings

PRINTED = sorted({cell.run for cell in cells() if cell.table in (1, 2)})


@pytest.mark.parametrize("name", PRINTED)
def test_a_recipe_has_every_number_that_the_paper_gives_for_it(name):
    found = settings(name, recipes.get(name))
    assert len(found) >= 5
    assert [each for each in found if not each.kept] == []


def test_every_number_is_read_for_some_recipe():
    left = {tuple(row) for row in paper.table("settings").astype(str).to_numpy()}
    for data_title, data in DATA.items():
        for net_title, net in NETS.items():
            name = f"{data}/{net}/adautomix"
            if name not in PRINTED:
                continue
            for each in settings(name, recipes.get(name)):
                left = {
                    row for row in left
                    if row[3] != each.name
                    or row[1] not in ("", data_title)
                    or row[2] not in ("", net_title)
                    or float(row[4]) not in each.said
                }  # fmt: skip
    assert left == set()
    assert set(paper.table("settings")["metric"]) == set(READ)


def test_what_is_said_of_a_dataset_goes_before_what_is_said_of_all():
    beta = {
        name: next(s for s in settings(name, recipes.get(name)) if s.name == "loss_beta")
        for name in ("cub200/resnet18/adautomix", "imagenet/resnet18/adautomix")
    }
    assert beta["cub200/resnet18/adautomix"].said == (0.1,)
    assert "A.2 says 0.3" in beta["cub200/resnet18/adautomix"].note
    assert beta["imagenet/resnet18/adautomix"].said == (0.3,)


def test_the_loss_weights_are_not_asked_of_other_methods():
    names = {each.name for each in settings("cub200/resnet18/cutmix",
                                            recipes.get("cub200/resnet18/cutmix"))}  # fmt: skip
    assert not names & {"loss_alpha", "loss_beta", "images", "ratio", "layer"}


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({"epochs": 199}, "epochs"),
        ({"batch": 32}, "batch"),
        ({"optim": SGD(lr=0.01, weight_decay=5e-4)}, "lr"),
        ({"optim": SGD(lr=0.001, weight_decay=1e-4)}, "weight_decay"),
        ({"optim": SGD(lr=0.001, weight_decay=5e-4, momentum=0.8)}, "sgd_momentum"),
    ],
)
def test_another_value_is_seen(changes, metric):
    name = "cub200/resnet18/adautomix"
    recipe = replace(recipes.get(name), **changes)
    assert [s.name for s in settings(name, recipe) if not s.kept] == [metric]
